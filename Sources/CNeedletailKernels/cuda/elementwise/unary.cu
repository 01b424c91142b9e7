// out = activation(x) * scale + offset, or a soft cap, kept between bounds (include/elementwise.h). A thread has eight columns (x) of some
// rows (y).
//
// NT_X, NT_OUT: storage types. NT_ACTIVATION: which function. NT_SOFTCAP: 1 where a soft cap takes its place. NT_CLAMP: 1
// where the result is kept between bounds.
#include "elementwise.h"
#include "common/activation.cuh"
#include "common/launch.cuh"
#include "elementwise/vectors.cuh"

extern "C" __global__ void unary(const __grid_constant__ nt_unary_arguments a) {
  const nt_i64 wide = ((nt_i64)blockIdx.x * blockDim.x + threadIdx.x) * NT_VECTOR;
  const bool aligned =
    nt_vectors_are_aligned<NT_X>(a.x, a.x_stride) && nt_vectors_are_aligned<NT_OUT>(a.out, a.out_stride);
  nt_let_successors_start();
  nt_wait_for_predecessors();
  if (wide >= a.width) return;
  const int column = (int)wide, left = a.width - column;
  for (nt_i64 row = blockIdx.y; row < a.rows; row += gridDim.y) {
    float values[NT_VECTOR];
    nt_load_part<NT_X>(values, a.x, row * a.x_stride + column, left, aligned);
#pragma unroll
    for (int i = 0; i < NT_VECTOR; i++) {
#if NT_SOFTCAP
      values[i] = tanhf(values[i] * a.scale / a.softcap) * a.softcap;
#else
      values[i] = __fmaf_rn(nt_activate<NT_ACTIVATION>(values[i]), a.scale, a.offset);
#endif
#if NT_CLAMP
      // A NaN stays one.
      if (values[i] < a.low) values[i] = a.low;
      if (values[i] > a.high) values[i] = a.high;
#endif
    }
    nt_store_part<NT_OUT>(a.out, row * a.out_stride + column, values, left, aligned);
  }
}
