// What stands behind a tile of the product of an expert, for sums as matmul/epilogue.cuh has them.
#ifndef NEEDLETAIL_EXPERTS_TILE_ENDING_CUH
#define NEEDLETAIL_EXPERTS_TILE_ENDING_CUH
#include "experts/ending.cuh"
#include "matmul/epilogue.cuh"

// The weight of the token at a place.
__device__ __forceinline__ float nt_weight_at(const nt_grouped_matmul_arguments &a, nt_i64 place, nt_i64 end) {
  return place < end ? a.weights[a.pairs[place]] : 0.0f;
}

// Weight, bias and gate of a warp's 16 rows of sums, then out; as nt_finish of matmul/epilogue.cuh. `bias` is the
// expert's.
template <int BLOCKS, int GATE, bool BIAS, class Writer>
__device__ __forceinline__ void nt_finish_expert(
  float (&sums)[BLOCKS * 4], Writer &writer, const nt_grouped_matmul_arguments &a, const float *bias, nt_i64 row,
  int column) {
  if constexpr (NT_WEIGHTED) {
    const nt_i64 own = row + threadIdx.x % 32 / 4;
    const float upper = nt_weight_at(a, own, writer.rows), lower = nt_weight_at(a, own + 8, writer.rows);
#pragma unroll
    for (int i = 0; i < BLOCKS * 4; i++) sums[i] *= i % 4 < 2 ? upper : lower;
  }
  nt_finish_gated<BLOCKS, (GATE >= 0), BIAS>(
    sums, writer, bias, GATE >= 0 ? a.n / 2 : a.n, row, column,
    [&](float gate, float value) { return nt_gated<GATE>(a, gate, value); });
}

#endif
