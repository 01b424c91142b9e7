// The rows of x in the order of the experts that work on them: out[p] = x[pairs[p] / choices]. What is copied are
// bytes: 16 of a row a thread (x), of some rows (y).
//
// NT_BYTES: bytes of an access: 16 where rows start at multiples of it and have whole ones, else 4 or 2.
#include "common/launch.cuh"
#include "experts.h"

#if NT_BYTES == 16
typedef uint4 nt_piece;
#elif NT_BYTES == 4
typedef nt_u32 nt_piece;
#else
typedef nt_u16 nt_piece;
#endif

extern "C" __global__ void gather_experts(const __grid_constant__ nt_gather_experts_arguments a) {
  const int piece = blockIdx.x * blockDim.x + threadIdx.x, pieces = a.row_bytes / NT_BYTES;
  nt_let_successors_start();
  nt_wait_for_predecessors();
  if (piece >= pieces) return;
  const nt_i64 count = a.starts[a.experts];
  const nt_piece *x = (const nt_piece *)a.x;
  nt_piece *out = (nt_piece *)a.out;
  // Four rows at a time, so that their loads are under way together.
  for (nt_i64 row = (nt_i64)blockIdx.y * 4; row < count; row += (nt_i64)gridDim.y * 4) {
    nt_piece values[4];
#pragma unroll
    for (int i = 0; i < 4; i++)
      if (row + i < count) values[i] = x[(nt_i64)(a.pairs[row + i] / a.choices) * pieces + piece];
#pragma unroll
    for (int i = 0; i < 4; i++)
      if (row + i < count) out[(row + i) * pieces + piece] = values[i];
  }
}
