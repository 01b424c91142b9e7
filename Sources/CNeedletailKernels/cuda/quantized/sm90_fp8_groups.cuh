// Scales for each 128 columns: what the tensor cores add up of a chunk is scaled and added in float32, as DeepGEMM does.
#ifndef NEEDLETAIL_QUANTIZED_SM90_FP8_GROUPS_CUH
#define NEEDLETAIL_QUANTIZED_SM90_FP8_GROUPS_CUH
#include "matmul/sm90_ring.cuh"
#include "quantized_product.h"

static_assert(M_TILES * TILE_N <= 144 && TILE_WIDTH <= 128, "sums twice in registers; two blocks of rows of the weight");

// x: [rows, groups]; w: [n / 128 rounded up, groups].
struct nt_scales {
  const float *x, *w;
  nt_i64 rows;
  int n, groups;

  __device__ __forceinline__ nt_scales(const nt_quantized_product_arguments &a)
      : x(a.x_scales), w((const float *)a.w_scales), rows(a.rows), n(a.n), groups(a.k / 128) {}

  // The sums are scaled already.
  template <int BLOCKS> __device__ __forceinline__ void apply(float (&)[BLOCKS * 4], nt_i64, int) const {}

  __device__ __forceinline__ void multiply(
    nt_consumer &consumer, float (&sums)[M_TILES][TILE_N / 2], nt_i64 row, int column, int first_chunk, int chunks) const {
    constexpr int HALVES = GATED ? 2 : 1, BLOCKS = TILE_N / 8 / HALVES;
    const int lane = threadIdx.x % 32, group = threadIdx.x / 128;
    // Where the scales of this lane's rows and of its columns' blocks of 128 are.
    const float *x_at[M_TILES][2], *w_at[HALVES][2];
    int boundary[HALVES];  // from this block of 8 columns on, the second's
#pragma unroll
    for (int m = 0; m < M_TILES; m++)
#pragma unroll
      for (int i = 0; i < 2; i++) {
        const nt_i64 own = row + m * 64 + lane / 4 + i * 8;
        x_at[m][i] = x + (own < rows ? own : rows - 1) * groups + first_chunk;
      }
#pragma unroll
    for (int half = 0; half < HALVES; half++) {
      const int first = column + half * (n / 2), last = (n - 1) / 128;
      w_at[half][0] = w + (nt_i64)min(first / 128, last) * groups + first_chunk;
      w_at[half][1] = w + (nt_i64)min(first / 128 + 1, last) * groups + first_chunk;
      boundary[half] = (128 - first % 128) / 8;
    }
#pragma unroll
    for (int m = 0; m < M_TILES; m++)
#pragma unroll
      for (int i = 0; i < TILE_N / 2; i++) sums[m][i] = 0;
    for (int chunk = 0; chunk < chunks; chunk++) {
      float x_scales[M_TILES][2], w_scales[HALVES][2], part[M_TILES][TILE_N / 2];
#pragma unroll
      for (int m = 0; m < M_TILES; m++) x_scales[m][0] = x_at[m][0][chunk], x_scales[m][1] = x_at[m][1][chunk];
#pragma unroll
      for (int half = 0; half < HALVES; half++)
        w_scales[half][0] = w_at[half][0][chunk], w_scales[half][1] = w_at[half][1][chunk];
      const nt_u32 stage = consumer.memory + consumer.stage * STAGE_BYTES, x_tile = stage + group * (M_TILES * 8192);
      const nt_u64 w_tile = nt_wgmma_tile(stage + X_BYTES);
      nt_barrier_wait(consumer.full + consumer.stage * 8, consumer.parity);
#pragma unroll
      for (int m = 0; m < M_TILES; m++) nt_wgmma_hold(part[m]);
      nt_wgmma_fence();
#pragma unroll
      for (int k = 0; k < 4; k++)
#pragma unroll
        for (int m = 0; m < M_TILES; m++)
          nt_wgmma<TILE_N>::run(part[m], nt_wgmma_tile(x_tile + m * 8192) + k * 2, w_tile + k * 2, k > 0);
      nt_wgmma_commit();
      nt_wgmma_wait<0>();
#pragma unroll
      for (int m = 0; m < M_TILES; m++) nt_wgmma_hold(part[m]);
      consumer.release(consumer.stage);
      if (++consumer.stage == NT_STAGES) consumer.stage = 0, consumer.parity ^= 1;
#pragma unroll
      for (int m = 0; m < M_TILES; m++)
#pragma unroll
        for (int half = 0; half < HALVES; half++) {
          const float first[2] = {
            __fmul_rn(x_scales[m][0], w_scales[half][0]), __fmul_rn(x_scales[m][1], w_scales[half][0])};
          const float second[2] = {
            __fmul_rn(x_scales[m][0], w_scales[half][1]), __fmul_rn(x_scales[m][1], w_scales[half][1])};
#pragma unroll
          for (int j = 0; j < BLOCKS; j++)
#pragma unroll
            for (int i = 0; i < 4; i++) {
              const int at = (half * BLOCKS + j) * 4 + i;
              const float scale = j < boundary[half] ? first[i / 2] : second[i / 2];
              sums[m][at] = __fmaf_rn(scale, part[m][at], sums[m][at]);
            }
        }
    }
  }
};

#endif
