// What sums are multiplied with before anything is added to them: nothing (16-bit operands), or the scales of codes.
#ifndef NEEDLETAIL_CUDA_SM90_SCALES_CUH
#define NEEDLETAIL_CUDA_SM90_SCALES_CUH
#include "matmul/sm90_ring.cuh"
#if NT_IN == 4  // NT_F8E4M3
#if NT_GROUPED
#include "quantized/sm90_fp8_groups.cuh"
#else
#include "quantized/sm90_fp8_row_scales.cuh"
#endif

// The product's other arguments, as those of one of operands without scales.
__device__ __forceinline__ nt_matmul_arguments nt_arguments_of(const nt_quantized_product_arguments &a) {
  nt_matmul_arguments product = {};
  product.x = a.x;
  product.w = a.w;
  product.bias = a.bias;
  product.residual = a.residual;
  product.out = a.out;
  product.rows = a.rows;
  product.x_stride = a.x_stride;
  product.out_stride = a.out_stride;
  product.n = a.n;
  product.k = a.k;
  return product;
}

#else

// How a warpgroup multiplies `chunks` chunks from one on, of its warp's rows from `row` and columns from `column` on, and
// what its sums are scaled with then: nothing.
struct nt_scales {
  __device__ __forceinline__ void multiply(
    nt_consumer &consumer, float (&sums)[M_TILES][TILE_N / 2], nt_i64, int, int, int chunks) const {
    consumer.multiply(sums, chunks);
  }
  template <int BLOCKS> __device__ __forceinline__ void apply(float (&)[BLOCKS * 4], nt_i64, int) const {}
};

#endif
#endif
