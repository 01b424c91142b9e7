// grouped_matmul (experts.h) in plain float32 arithmetic, for any types, shapes and alignments: the tiles of
// matmul/simt_matmul.cu over all experts, a block each.
//
// Definitions: those of simt_matmul.cu (NT_RESIDUAL = 0), and those of ending.cuh. x: sorted, gathered rows.
// Shared memory: experts + 1 words.
#include "common/launch.cuh"
#include "experts/ending.cuh"
#include "experts/tile_arguments.cuh"
#include "matmul/simt_tile.cuh"

extern "C" __global__ void __launch_bounds__(256) simt_experts(const __grid_constant__ nt_grouped_matmul_arguments a) {
  extern __shared__ nt_i32 tiles_before[];
  nt_let_successors_start();
  nt_wait_for_predecessors();
  const int width = GATED ? a.n / 2 : a.n;
  const nt_expert_tiles tiles = {a.starts, tiles_before, a.experts, (width + TILE_WIDTH - 1) / TILE_WIDTH, TILE_M};
  tiles.count();
  if ((int)blockIdx.x >= tiles.total()) return;
  const nt_expert_tile tile = tiles.at(blockIdx.x, 8);
  const nt_matmul_arguments product = nt_arguments_of<
    (int)sizeof(nt_storage<NT_X>::bits), (int)sizeof(nt_storage<NT_W>::bits), (int)sizeof(nt_storage<NT_OUT>::bits)>(
    a, tile);
  const float *bias = NT_BIAS ? a.bias + (nt_i64)tile.expert * a.n : nullptr;
  nt_multiply_tile(
    product, tile.row_tile, tile.column_tile, [&](float value, float second, nt_i64 row, int column) {
      if constexpr (NT_WEIGHTED) {
        const float weight = a.weights[a.pairs[tile.first + row]];
        value *= weight, second *= weight;
      }
      if constexpr (NT_BIAS) {
        value += bias[column];
        if constexpr (GATED) second += bias[width + column];
      }
      if constexpr (GATED) value = nt_gated<NT_GATE>(a, value, second);
      return value;
    });
}
