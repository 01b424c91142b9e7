// out = activation(gate) * up (include/elementwise.h). A thread has eight columns (x) of some rows (y).
//
// NT_X, NT_OUT: storage types. NT_ACTIVATION: which function.
#include "elementwise.h"
#include "common/activation.cuh"
#include "common/launch.cuh"
#include "elementwise/vectors.cuh"

extern "C" __global__ void gated_activation(const __grid_constant__ nt_gated_activation_arguments a) {
  const nt_i64 wide = ((nt_i64)blockIdx.x * blockDim.x + threadIdx.x) * NT_VECTOR;
  const bool aligned = nt_vectors_are_aligned<NT_X>(a.x, a.x_stride | a.width) &&
                       nt_vectors_are_aligned<NT_OUT>(a.out, a.out_stride);
  nt_let_successors_start();
  nt_wait_for_predecessors();
  if (wide >= a.width) return;
  const int column = (int)wide, left = a.width - column;
  for (nt_i64 row = blockIdx.y; row < a.rows; row += gridDim.y) {
    float gate[NT_VECTOR], up[NT_VECTOR];
    nt_load_part<NT_X>(gate, a.x, row * a.x_stride + column, left, aligned);
    nt_load_part<NT_X>(up, a.x, row * a.x_stride + a.width + column, left, aligned);
#pragma unroll
    for (int i = 0; i < NT_VECTOR; i++) gate[i] = __fmul_rn(nt_activate<NT_ACTIVATION>(gate[i]), up[i]);
    nt_store_part<NT_OUT>(a.out, row * a.out_stride + column, gate, left, aligned);
  }
}
