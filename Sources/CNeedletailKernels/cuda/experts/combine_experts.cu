// The sum of each token's experts (experts.h), in the order of the choices. A thread has eight columns (x) of some
// rows (y).
//
// NT_X, NT_OUT: storage types. NT_RESIDUAL (0, 1).
#include "common/launch.cuh"
#include "elementwise/vectors.cuh"
#include "experts.h"

extern "C" __global__ void combine_experts(const __grid_constant__ nt_combine_experts_arguments a) {
  const nt_i64 wide = ((nt_i64)blockIdx.x * blockDim.x + threadIdx.x) * NT_VECTOR;
  const bool aligned =
    nt_vectors_are_aligned<NT_X>(a.x, a.x_stride) && nt_vectors_are_aligned<NT_OUT>(a.out, a.out_stride) &&
    (!NT_RESIDUAL || nt_vectors_are_aligned<NT_F32>(a.residual, a.out_stride));
  nt_let_successors_start();
  nt_wait_for_predecessors();
  if (wide >= a.width) return;
  const int column = (int)wide, left = a.width - column;
  for (nt_i64 row = blockIdx.y; row < a.rows; row += gridDim.y) {
    float sum[NT_VECTOR] = {};
    const nt_i64 first = row * a.choices;
#pragma unroll 4
    for (int choice = 0; choice < a.choices; choice++) {
      const nt_i64 pair = first + choice;
      nt_i64 place = a.places ? a.places[pair] : pair;
      if (a.chosen && a.chosen[pair] < 0) place = -1;
      if (place < 0) continue;
      const float weight = a.weights ? a.weights[pair] : 1.0f;
      float values[NT_VECTOR];
      nt_load_part<NT_X>(values, a.x, place * a.x_stride + column, left, aligned);
#pragma unroll
      for (int i = 0; i < NT_VECTOR; i++)
        sum[i] = choice == 0 ? __fmul_rn(weight, values[i]) : __fadd_rn(sum[i], __fmul_rn(weight, values[i]));
    }
    if constexpr (NT_RESIDUAL) {
      float values[NT_VECTOR];
      nt_load_part<NT_F32>(values, a.residual, row * a.out_stride + column, left, aligned);
#pragma unroll
      for (int i = 0; i < NT_VECTOR; i++) sum[i] += values[i];
    }
    nt_store_part<NT_OUT>(a.out, row * a.out_stride + column, sum, left, aligned);
  }
}
