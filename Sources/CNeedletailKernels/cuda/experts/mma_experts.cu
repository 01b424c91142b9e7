// grouped_matmul (experts.h) with the matrix instructions of a warp, for GPUs without wgmma and for shapes that the
// copy engine does not take: the tiles of matmul/mma_matmul.cu over all experts, a block each.
//
// Definitions: those of mma_matmul.cu (NT_RESIDUAL = 0), and those of ending.cuh. x: sorted, gathered rows.
// Shared memory: as mma_matmul.cu; and experts + 1 words behind it.
#include "common/launch.cuh"
#include "experts/tile_arguments.cuh"
#include "experts/tile_ending.cuh"
#include "matmul/mma_tile.cuh"

extern "C" __global__ void __launch_bounds__(256) mma_experts(const __grid_constant__ nt_grouped_matmul_arguments a) {
  extern __shared__ char dynamic[];
  nt_let_successors_start();
  nt_wait_for_predecessors();
  const int width = GATED ? a.n / 2 : a.n;
  const nt_expert_tiles tiles = {
    a.starts, (nt_i32 *)(dynamic + STAGES * STAGE_BYTES), a.experts, (width + TILE_WIDTH - 1) / TILE_WIDTH, TILE_M};
  tiles.count();
  if ((int)blockIdx.x >= tiles.total()) return;
  const nt_expert_tile tile = tiles.at(blockIdx.x, 8);
  const nt_matmul_arguments product = nt_arguments_of<2, 2, (int)sizeof(nt_storage<NT_OUT>::bits)>(a, tile);
  const float *bias = NT_BIAS ? a.bias + (nt_i64)tile.expert * a.n : nullptr;
  // Weights of tokens are found by place.
  nt_grouped_matmul_arguments own = a;
  own.pairs = a.pairs + tile.first;
  nt_multiply_tile(
    product, dynamic, tile.row_tile, tile.column_tile, [&](auto &sums, auto &writer, nt_i64 row, int column) {
      nt_finish_expert<4, NT_GATE, NT_BIAS != 0>(sums, writer, own, bias, row, column);
    });
}
