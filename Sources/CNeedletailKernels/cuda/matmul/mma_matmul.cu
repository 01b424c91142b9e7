// matmul.h with the matrix instructions of a warp (mma.sync), for GPUs without wgmma and for shapes that the copy
// engine does not take.
//
// A block has a tile of TILE_M rows and 128 rows of the weight; its 8 warps, 2 by 4, have TILE_M / 2 by 32 of it. k
// comes in chunks of 32 through a ring of 4 stages. Within a stage rows of 64 bytes lie with their 16-byte parts
// permuted, so that 8 rows of a part meet in no bank. One order over k for every row count.
//
// Definitions: NT_IN, NT_OUT (types.h), NT_TILE_M (64, 128), NT_ALIGNED (1: rows of x and w start at multiples of 16
// bytes and k is a multiple of 8), NT_GATE (an activation, or -1), NT_BIAS, NT_RESIDUAL (0, 1). Blocks: tiles of rows
// times tiles of columns of out; 256 threads; 4 (TILE_M + 128) 64 bytes of shared memory.
#include "common/launch.cuh"
#include "matmul/mma_tile.cuh"
#include "matmul/walk.cuh"

extern "C" __global__ void __launch_bounds__(256) mma_matmul(const __grid_constant__ nt_matmul_arguments arguments) {
  extern __shared__ char dynamic[];
  nt_let_successors_start();
  nt_wait_for_predecessors();
  const int width = GATED ? arguments.n / 2 : arguments.n;
  int tile_m, tile_n;
  if (!nt_tile_of_block(arguments.rows, width, TILE_M, TILE_WIDTH, tile_m, tile_n)) return;
  nt_multiply_tile(arguments, dynamic, tile_m, tile_n, [&](auto &sums, auto &writer, nt_i64 row, int column) {
    nt_finish<4, NT_GATE, NT_BIAS != 0>(sums, writer, (const float *)arguments.bias, width, row, column);
  });
}
