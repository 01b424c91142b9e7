// matmul.h in plain float32 arithmetic, for any types, shapes and alignments; float32 stays float32.
//
// A block has a tile of TILE_M rows and TILE_N rows of the weight, a thread TILE_M / 16 by TILE_N / 16 of it. k
// ascends by one fused multiplication and addition at a time whatever the tile, so all configurations give the same
// bits.
//
// Definitions: NT_X, NT_W, NT_OUT (types.h), NT_TILE_M, NT_TILE_N (64 or 128), NT_GATE (an activation, or -1),
// NT_BIAS, NT_RESIDUAL (0, 1). Blocks: tiles of rows times tiles of columns of out; 256 threads.
#include "common/activation.cuh"
#include "common/launch.cuh"
#include "matmul/simt_tile.cuh"
#include "matmul/walk.cuh"

extern "C" __global__ void __launch_bounds__(256) simt_matmul(const __grid_constant__ nt_matmul_arguments arguments) {
  nt_let_successors_start();
  nt_wait_for_predecessors();
  const int width = GATED ? arguments.n / 2 : arguments.n;
  int tile_m, tile_n;
  if (!nt_tile_of_block(arguments.rows, width, TILE_M, TILE_WIDTH, tile_m, tile_n)) return;
  const float *bias = (const float *)arguments.bias, *residual = (const float *)arguments.residual;
  nt_multiply_tile(arguments, tile_m, tile_n, [&](float value, float second, nt_i64 row, int column) {
    if constexpr (NT_BIAS) value += bias[column];
    if constexpr (GATED) {
      if constexpr (NT_BIAS) second += bias[width + column];
      value = nt_activate<NT_GATE>(value) * second;
    }
    if constexpr (NT_RESIDUAL) value += residual[row * arguments.out_stride + column];
    return value;
  });
}
