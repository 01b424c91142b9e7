// A scale for each row of x (NT_STATIC: one for all) and each row of the weight:
// out = (x's scale * the weight's scale) * sum, when a tile's sums are whole.
#ifndef NEEDLETAIL_QUANTIZED_SM90_FP8_ROW_SCALES_CUH
#define NEEDLETAIL_QUANTIZED_SM90_FP8_ROW_SCALES_CUH
#include "matmul/sm90_ring.cuh"
#include "quantized_product.h"

// For sums as matrix instructions leave them (matmul/epilogue.cuh).
struct nt_scales {
  const float *x, *w;
  nt_i64 rows;
  int n;

  __device__ __forceinline__ nt_scales(const nt_quantized_product_arguments &a)
      : x(a.x_scales), w((const float *)a.w_scales), rows(a.rows), n(a.n) {}

  __device__ __forceinline__ void multiply(
    nt_consumer &consumer, float (&sums)[M_TILES][TILE_N / 2], nt_i64, int, int, int chunks) const {
    consumer.multiply(sums, chunks);
  }

  // 16 rows from `row` on; `column` is the first of out's columns that they stand for. With a gate the first half of the
  // sums are gates, the second half their values.
  template <int BLOCKS> __device__ __forceinline__ void apply(float (&sums)[BLOCKS * 4], nt_i64 row, int column) const {
    const int lane = threadIdx.x % 32;
    row += lane / 4;
    const float first = row < rows ? x[NT_STATIC ? 0 : row] : 0.0f;
    const float second = row + 8 < rows ? x[NT_STATIC ? 0 : row + 8] : 0.0f;
    const int limit = NT_GATE >= 0 ? n / 2 : n;
#pragma unroll
    for (int j = 0; j < BLOCKS; j++) {
      const bool is_value = NT_GATE >= 0 && j >= BLOCKS / 2;
      const int at = column + (is_value ? j - BLOCKS / 2 : j) * 8 + lane % 4 * 2;
      const float *from = w + (is_value ? limit : 0) + at;
      const float low = at < limit ? from[0] : 0.0f, high = at + 1 < limit ? from[1] : 0.0f;
      sums[j * 4] = __fmul_rn(__fmul_rn(first, low), sums[j * 4]);
      sums[j * 4 + 1] = __fmul_rn(__fmul_rn(first, high), sums[j * 4 + 1]);
      sums[j * 4 + 2] = __fmul_rn(__fmul_rn(second, low), sums[j * 4 + 2]);
      sums[j * 4 + 3] = __fmul_rn(__fmul_rn(second, high), sums[j * 4 + 3]);
    }
  }
};

#endif
