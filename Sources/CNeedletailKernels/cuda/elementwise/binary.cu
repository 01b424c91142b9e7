// out = a op b (include/elementwise.h). A thread has eight columns (x) of some rows (y).
//
// NT_A, NT_B, NT_OUT: storage types. NT_OPERATION: 0 add, 1 multiply, 2 subtract, 3 divide.
#include "elementwise.h"
#include "common/launch.cuh"
#include "elementwise/vectors.cuh"

extern "C" __global__ void binary(const __grid_constant__ nt_binary_arguments a) {
  const nt_i64 wide = ((nt_i64)blockIdx.x * blockDim.x + threadIdx.x) * NT_VECTOR;
  const bool aligned = nt_vectors_are_aligned<NT_A>(a.a, a.a_stride) &&
                       nt_vectors_are_aligned<NT_B>(a.b, a.b_stride) &&
                       nt_vectors_are_aligned<NT_OUT>(a.out, a.out_stride);
  nt_let_successors_start();
  nt_wait_for_predecessors();
  if (wide >= a.width) return;
  const int column = (int)wide, left = a.width - column;
  for (nt_i64 row = blockIdx.y; row < a.rows; row += gridDim.y) {
    float x[NT_VECTOR], y[NT_VECTOR];
    nt_load_part<NT_A>(x, a.a, row * a.a_stride + column, left, aligned);
    nt_load_part<NT_B>(y, a.b, row * a.b_stride + column, left, aligned);
#pragma unroll
    for (int i = 0; i < NT_VECTOR; i++) {
#if NT_OPERATION == 0
      x[i] = x[i] + y[i];
#elif NT_OPERATION == 1
      x[i] = x[i] * y[i];
#elif NT_OPERATION == 2
      x[i] = x[i] - y[i];
#else
      x[i] = __fdiv_rn(x[i], y[i]);
#endif
    }
    nt_store_part<NT_OUT>(a.out, row * a.out_stride + column, x, left, aligned);
  }
}
