// Rows of a weight in another storage type (include/dummy_weights.h), for weights that are loaded in the type of the
// checkpoint. A thread has eight columns (x) of some rows (y); of a transposed source, a block has tiles of 64 x 64
// that it turns round in shared memory, so that both sides are accessed along their own rows.
//
// NT_X, NT_OUT: storage types. NT_TRANSPOSED: 1: the source is [columns, rows].
#include "dummy_weights.h"
#include "common/launch.cuh"
#include "elementwise/vectors.cuh"

#define NT_TILE 64

extern "C" __global__ void __launch_bounds__(256) convert_rows(const __grid_constant__ nt_convert_rows_arguments a) {
  nt_let_successors_start();
  nt_wait_for_predecessors();
#if NT_TRANSPOSED
  typedef nt_storage<NT_X>::bits x_bits;
  typedef nt_storage<NT_OUT>::bits out_bits;
  __shared__ float tile[NT_TILE][NT_TILE + 1];
  const nt_i64 first_column = (nt_i64)blockIdx.x * NT_TILE;
  const int lane = threadIdx.x % NT_TILE, line = threadIdx.x / NT_TILE, lines = blockDim.x / NT_TILE;
  for (nt_i64 first_row = (nt_i64)blockIdx.y * NT_TILE; first_row < a.rows; first_row += (nt_i64)gridDim.y * NT_TILE) {
    for (int i = line; i < NT_TILE; i += lines) {
      const nt_i64 column = first_column + i, row = first_row + lane;
      if (column < a.columns && row < a.rows)
        tile[i][lane] = nt_to_float<NT_X>(((const x_bits *)a.x)[column * a.x_stride + row]);
    }
    __syncthreads();
    for (int i = line; i < NT_TILE; i += lines) {
      const nt_i64 row = first_row + i, column = first_column + lane;
      if (column < a.columns && row < a.rows)
        ((out_bits *)a.out)[row * a.out_stride + column] = (out_bits)nt_from_float<NT_OUT>(tile[lane][i]);
    }
    __syncthreads();
  }
#else
  const nt_i64 column = ((nt_i64)blockIdx.x * blockDim.x + threadIdx.x) * NT_VECTOR;
  const bool aligned =
    nt_vectors_are_aligned<NT_X>(a.x, a.x_stride) && nt_vectors_are_aligned<NT_OUT>(a.out, a.out_stride);
  if (column >= a.columns) return;
  const int left = a.columns - column < NT_VECTOR ? (int)(a.columns - column) : NT_VECTOR;
  for (nt_i64 row = blockIdx.y; row < a.rows; row += gridDim.y) {
    float values[NT_VECTOR];
    nt_load_part<NT_X>(values, a.x, row * a.x_stride + column, left, aligned);
    nt_store_part<NT_OUT>(a.out, row * a.out_stride + column, values, left, aligned);
  }
#endif
}
