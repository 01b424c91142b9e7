// The tiles of sm90_experts.cu, and where they lie in shared memory.
#ifndef NEEDLETAIL_EXPERTS_SM90_LAYOUT_CUH
#define NEEDLETAIL_EXPERTS_SM90_LAYOUT_CUH
#include "experts/tiles.cuh"

constexpr bool nt_is_gated = NT_GATE >= 0;
// Rows of the weight of a tile: each of two groups of four warps has two times 64; gated, the first 64 are gates, the
// others their values. Then columns of the result.
constexpr int nt_weight_rows = 256;
constexpr int nt_tile_width = nt_is_gated ? nt_weight_rows / 2 : nt_weight_rows;
// Rows of x of a box that the copy engine brings.
constexpr int nt_box_rows = 32;
static_assert(NT_ROWS % nt_box_rows == 0 && NT_ROWS <= 160, "whole boxes; sums in registers");

// A stage: 64 columns of the weight, then of x.
constexpr int nt_weight_bytes = nt_weight_rows * 128;
constexpr int nt_stage_bytes = nt_weight_bytes + NT_ROWS * 128;
// Results on their way, of each group of warps: 32 rows of 64 columns of 16 bits, in two places by turns.
constexpr int nt_panel_rows = 32;
constexpr int nt_panel_bytes = nt_panel_rows * 128;
constexpr int nt_panels_at = NT_STAGES * nt_stage_bytes;
// Barriers: a stage is there; it is free. Then the tiles before each expert.
constexpr int nt_full_at = nt_panels_at + (NT_OUT == NT_F32 ? 0 : 4 * nt_panel_bytes);
constexpr int nt_empty_at = nt_full_at + NT_STAGES * 8;
constexpr int nt_counts_at = nt_empty_at + NT_STAGES * 8;

// Tiles have multiples of so many rows of x.
constexpr int nt_unit_rows = 16;

// A tile of an expert: an expert's rows are divided evenly among as many tiles as they need.
struct nt_rows_tile {
  int expert, column;  // first column of the result
  int row, end;        // rows of x
  int rows;            // that are multiplied; those before `end` are there
  bool is_only;        // of the expert's rows

  __device__ __forceinline__ nt_rows_tile(const nt_expert_tile &tile, int width)
      : expert(tile.expert), column(tile.column_tile * nt_tile_width), is_only(tile.row_tiles == 1) {
    const int units = (tile.end - tile.first + nt_unit_rows - 1) / nt_unit_rows;
    // Some have a unit more; which ones is not the same for all columns, so that no block gets more than its share.
    const int turn = tile.column_tile % tile.row_tiles;
    const int first = (units * tile.row_tile + turn) / tile.row_tiles;
    const int next = (units * (tile.row_tile + 1) + turn) / tile.row_tiles;
    row = tile.first + first * nt_unit_rows;
    end = min(tile.first + next * nt_unit_rows, tile.end);
    rows = (next - first) * nt_unit_rows;
    // Boxes that lie partly outside of an expert's rows come slowly: the last ones are moved inside where they can be.
    if (width >= nt_tile_width && column > width - nt_tile_width) column = width - nt_tile_width;
  }
};

// A place in the ring.
struct nt_ring_place {
  int stage = 0;
  nt_u32 parity = 0;
  __device__ __forceinline__ void next() {
    if (++stage == NT_STAGES) stage = 0, parity ^= 1;
  }
};

#endif
