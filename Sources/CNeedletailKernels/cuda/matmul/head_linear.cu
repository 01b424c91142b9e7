// head_linear.h with the matrix instructions of a warp: each head's rows times its own matrix, 16-bit operands.
//
// A block has a head's tile of NT_TILE_M rows and 64 outputs; its 4 warps have 16 outputs each. k comes in chunks of 64
// through a ring of 3 stages, whose rows of 128 bytes lie with their 16-byte parts permuted. A weight that is
// transposed is brought as it lies and transposed on the way to registers. One order over k for every row count.
//
// Floor: few rows: the bytes of all heads' matrices.
//
// Definitions: NT_IN, NT_OUT (types.h), NT_TILE_M (16, 64), NT_TRANSPOSED (0, 1). k and, if transposed, n are multiples
// of 8; rows and heads of x start at multiples of 16 bytes, those of out at multiples of 4. Blocks: tiles of outputs,
// tiles of rows, heads; 128 threads; 3 (TILE_M + 64) 128 bytes of shared memory.
#include "common/barriers.cuh"
#include "common/conversions.cuh"
#include "common/copies.cuh"
#include "common/launch.cuh"
#include "common/mma.cuh"
#include "head_linear.h"

enum {
  TILE_M = NT_TILE_M,
  TILE_N = 64,
  CHUNK = 64,
  STAGES = 3,
  M_TILES = TILE_M / 16,
  X_BYTES = TILE_M * 128,
  STAGE_BYTES = X_BYTES + 64 * 128,
};

// The place of a row's part of 8 elements in a tile.
__device__ __forceinline__ nt_u32 nt_place(int row, int part) { return row * 128 + ((part ^ row) & 7) * 16; }

extern "C" __global__ void __launch_bounds__(128)
  head_linear(const __grid_constant__ nt_head_linear_arguments arguments) {
  extern __shared__ char dynamic[];
  const nt_u32 memory = nt_shared_address(dynamic);
  nt_let_successors_start();
  const int n = arguments.n, k = arguments.k, head = blockIdx.z;
  const int first_n = blockIdx.x * TILE_N, chunks = (k + CHUNK - 1) / CHUNK;
  const nt_i64 first_row = (nt_i64)blockIdx.y * TILE_M;
  const nt_u16 *w = (const nt_u16 *)arguments.w + (nt_i64)head * n * k;
  const nt_u16 *x = (const nt_u16 *)arguments.x + head * arguments.x_head_stride;
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;

  auto bring_weights = [&](int chunk) {
    const nt_u32 stage = memory + chunk % STAGES * STAGE_BYTES + X_BYTES;
    for (int i = threadIdx.x; i < 64 * 8; i += 128) {
      const int row = i / 8, part = i % 8;
      const int output = first_n + (NT_TRANSPOSED ? part * 8 : row);
      const int input = chunk * CHUNK + (NT_TRANSPOSED ? row : part * 8);
      const bool is_there = output < n && input < k;
      const nt_u16 *from = NT_TRANSPOSED ? w + (nt_i64)input * n + output : w + (nt_i64)output * k + input;
      nt_copy_16(stage + nt_place(row, part), is_there ? from : w, is_there ? 16 : 0);
    }
  };
  auto bring_rows = [&](int chunk) {
    const nt_u32 stage = memory + chunk % STAGES * STAGE_BYTES;
    for (int i = threadIdx.x; i < TILE_M * 8; i += 128) {
      const int row = i / 8, part = i % 8, input = chunk * CHUNK + part * 8;
      const bool is_there = first_row + row < arguments.rows && input < k;
      nt_copy_16(
        stage + nt_place(row, part), is_there ? x + (first_row + row) * arguments.x_stride + input : x,
        is_there ? 16 : 0);
    }
  };
  // Weights need not wait for the kernels ahead.
  for (int chunk = 0; chunk < STAGES - 1; chunk++)
    if (chunk < chunks) bring_weights(chunk);
  nt_wait_for_predecessors();
  if (first_row >= arguments.rows) return;
  for (int chunk = 0; chunk < STAGES - 1; chunk++) {
    if (chunk < chunks) bring_rows(chunk);
    asm volatile("cp.async.commit_group;" ::: "memory");
  }

  float sums[M_TILES][2][4] = {};
  for (int chunk = 0; chunk < chunks; chunk++) {
    asm volatile("cp.async.wait_group %0;" ::"n"(STAGES - 2) : "memory");
    __syncthreads();
    if (chunk + STAGES - 1 < chunks) {
      bring_weights(chunk + STAGES - 1);
      bring_rows(chunk + STAGES - 1);
    }
    asm volatile("cp.async.commit_group;" ::: "memory");
    const nt_u32 rows = memory + chunk % STAGES * STAGE_BYTES, weights = rows + X_BYTES;
#pragma unroll
    for (int step = 0; step < CHUNK / 16; step++) {
      // b[0], b[1]: the first 8 outputs; b[2], b[3]: the others.
      nt_u32 b[4];
      if (NT_TRANSPOSED)
        nt_load_matrices_transposed(b, weights + nt_place(step * 16 + lane % 16, warp * 2 + lane / 16));
      else
        nt_load_matrices(b, weights + nt_place(warp * 16 + lane / 16 * 8 + lane % 8, step * 2 + lane / 8 % 2));
#pragma unroll
      for (int i = 0; i < M_TILES; i++) {
        nt_u32 a[4];
        nt_load_matrices(a, rows + nt_place(i * 16 + lane % 16, step * 2 + lane / 16));
        nt_mma_16x8x16<NT_IN>(sums[i][0], a, b[0], b[1]);
        nt_mma_16x8x16<NT_IN>(sums[i][1], a, b[2], b[3]);
      }
    }
  }
  asm volatile("cp.async.wait_group 0;" ::: "memory");

#pragma unroll
  for (int i = 0; i < M_TILES; i++)
#pragma unroll
    for (int r = 0; r < 2; r++)
#pragma unroll
      for (int j = 0; j < 2; j++) {
        const nt_i64 row = first_row + i * 16 + lane / 4 + 8 * r;
        const int output = first_n + warp * 16 + j * 8 + lane % 4 * 2;
        if (row >= arguments.rows || output >= n) continue;
        const nt_i64 place = row * arguments.out_stride + head * arguments.out_head_stride + output;
        typedef nt_storage<NT_OUT>::bits bits;
        bits *out = (bits *)arguments.out + place;
        if (output + 1 < n && n % 2 == 0) {
          const float pair[2] = {sums[i][j][2 * r], sums[i][j][2 * r + 1]};
          nt_store_vector<NT_OUT>(arguments.out, place, pair);
        } else {
          out[0] = (bits)nt_from_float<NT_OUT>(sums[i][j][2 * r]);
          if (output + 1 < n) out[1] = (bits)nt_from_float<NT_OUT>(sums[i][j][2 * r + 1]);
        }
      }
}
