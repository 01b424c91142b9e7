// Rows of a table by index (include/elementwise.h): embeddings, and the rows of a step that are scored. An index may
// stand for a token that the step before chose. A thread has eight columns (x) of some rows (y).
//
// NT_X, NT_OUT: storage types. Weights in panels are for the CPU device: x_panels is 0 here.
#include "elementwise.h"
#include "common/launch.cuh"
#include "elementwise/vectors.cuh"

extern "C" __global__ void gather_rows(const __grid_constant__ nt_gather_rows_arguments a) {
  const nt_i64 wide = ((nt_i64)blockIdx.x * blockDim.x + threadIdx.x) * NT_VECTOR;
  const bool aligned =
    nt_vectors_are_aligned<NT_X>(a.x, a.x_stride) && nt_vectors_are_aligned<NT_OUT>(a.out, a.out_stride);
  nt_let_successors_start();
  nt_wait_for_predecessors();
  if (wide >= a.width) return;
  const int column = (int)wide, left = a.width - column;
  for (nt_i64 row = blockIdx.y; row < a.rows; row += gridDim.y) {
    nt_i64 index = a.indices[row];
    if (index < 0 && a.carried) index = a.carried[-1 - index];
    float values[NT_VECTOR] = {};
    if (index >= 0 && index < a.x_rows) {
      nt_load_part<NT_X>(values, a.x, index * a.x_stride + column, left, aligned);
#pragma unroll
      for (int i = 0; i < NT_VECTOR; i++) values[i] *= a.scale;
    }
    nt_store_part<NT_OUT>(a.out, row * a.out_stride + column, values, left, aligned);
  }
}
