// A tile of an expert as a tile of an ordinary product.
#ifndef NEEDLETAIL_EXPERTS_TILE_ARGUMENTS_CUH
#define NEEDLETAIL_EXPERTS_TILE_ARGUMENTS_CUH
#include "experts.h"
#include "experts/tiles.cuh"
#include "matmul.h"

// Elements of x, w and out have so many bytes.
template <int X_BYTES, int W_BYTES, int OUT_BYTES>
__device__ __forceinline__ nt_matmul_arguments nt_arguments_of(
  const nt_grouped_matmul_arguments &a, const nt_expert_tile &tile) {
  nt_matmul_arguments product = {};
  product.x = (const char *)a.x + tile.first * a.x_stride * X_BYTES;
  product.w = (const char *)a.w + (nt_i64)tile.expert * a.n * a.k * W_BYTES;
  product.out = (char *)a.out + tile.first * a.out_stride * OUT_BYTES;
  product.rows = tile.end - tile.first;
  product.x_stride = a.x_stride;
  product.out_stride = a.out_stride;
  product.n = a.n;
  product.k = a.k;
  return product;
}

#endif
