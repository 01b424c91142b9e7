// Rows times a factor of their position (include/elementwise.h). A thread has eight columns (x) of some rows (y).
//
// NT_X, NT_OUT: storage types.
#include "elementwise.h"
#include "common/launch.cuh"
#include "elementwise/vectors.cuh"

extern "C" __global__ void position_scale(const __grid_constant__ nt_position_scale_arguments a) {
  const nt_i64 wide = ((nt_i64)blockIdx.x * blockDim.x + threadIdx.x) * NT_VECTOR;
  const bool aligned =
    nt_vectors_are_aligned<NT_X>(a.x, a.x_stride) && nt_vectors_are_aligned<NT_OUT>(a.out, a.out_stride);
  nt_let_successors_start();
  nt_wait_for_predecessors();
  if (wide >= a.width) return;
  const int column = (int)wide, left = a.width - column;
  for (nt_i64 row = blockIdx.y; row < a.rows; row += gridDim.y) {
    const float factor = __fmaf_rn(a.factor, log1pf((float)((a.positions[row] + 1) / a.period)), 1.0f);
    float values[NT_VECTOR];
    nt_load_part<NT_X>(values, a.x, row * a.x_stride + column, left, aligned);
#pragma unroll
    for (int i = 0; i < NT_VECTOR; i++) values[i] *= factor;
    nt_store_part<NT_OUT>(a.out, row * a.out_stride + column, values, left, aligned);
  }
}
