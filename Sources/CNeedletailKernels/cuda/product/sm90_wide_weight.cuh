// The weight: brought by the copy engine, a step of k for all rows of a block at a time, and read from shared memory as the
// operands that a lane's rows are.
#ifndef NEEDLETAIL_PRODUCT_SM90_WIDE_WEIGHT_CUH
#define NEEDLETAIL_PRODUCT_SM90_WIDE_WEIGHT_CUH
#include "common/tensor_copies.cuh"
#include "product/pieces.cuh"
#include "product/sm90_wide_layout.cuh"

// Brings the weight for all passes of a block, from chunk `first` on; one thread does.
__device__ __forceinline__ void nt_bring_weight(
  const nt_product_arguments &a, const nt_tensor_map *map, nt_u32 shared, int first, int steps, int pass, int pass_step,
  int passes) {
  nt_prefetch_tensor_map(map);
  int stage = 0, turn = 0;
  for (; pass < passes; pass += pass_step)
    for (int step = 0; step < steps; step++) {
      if (turn > 0) nt_barrier_wait(shared + nt_weight_free + stage * 8, (turn - 1) & 1);
      nt_u32 full = shared + nt_weight_full + stage * 8, to = shared + stage * nt_stage_bytes;
      int column = (first + step * NT_STEP) * nt_chunk_columns, row = pass * nt_box_rows;
      nt_barrier_expect(full, nt_stage_bytes);
      nt_copy_box(to, map, column, row, full, NT_CACHE_EVICT_FIRST);
      if constexpr (NT_GATED)
        nt_copy_box(to + nt_stage_bytes / 2, map, column, a.n / 2 + row, full, NT_CACHE_EVICT_FIRST);
      if (++stage == NT_STAGES) stage = 0, turn++;
    }
}

// A lane's operands of a stage: rows g and g + 8 of its warp's tile, the columns of weights.cuh.
struct nt_wide_operands {
  nt_u32 low[NT_STEP][4], high[NT_STEP][4];

  // Where a lane's first row is in a stage.
  static __device__ __forceinline__ nt_u32 place(int warp, int lane) {
    int g = lane >> 2, t = lane & 3, row = warp * (NT_GATED ? 8 : 16) + g;
    return row * nt_row_bytes + (t ^ (NT_STEP == 2 ? g : g >> 1 & 3)) * 16;
  }

  __device__ __forceinline__ void load(nt_u32 stage, nt_u32 place, int lane) {
    constexpr int other_row = NT_GATED ? nt_stage_bytes / 2 : 8 * nt_row_bytes;
    // Rows that stand beside each other begin with different chunks, so that their lanes fall into different banks.
    bool is_odd = NT_STEP == 2 && (lane & 4);
    nt_u32 upper[NT_STEP][4], lower[NT_STEP][4];
#pragma unroll
    for (int s = 0; s < NT_STEP; s++) {
      nt_u32 from = stage + (place ^ (NT_STEP == 2 ? (s ^ (int)is_odd) * 64 : 0));
      nt_load_piece(upper[s], from);
      nt_load_piece(lower[s], from + other_row);
    }
#pragma unroll
    for (int s = 0; s < NT_STEP; s++)
#pragma unroll
      for (int i = 0; i < 2; i++) {
        constexpr int last = NT_STEP - 1;
        low[s][i * 2] = is_odd ? upper[last - s][i] : upper[s][i];
        low[s][i * 2 + 1] = is_odd ? lower[last - s][i] : lower[s][i];
        high[s][i * 2] = is_odd ? upper[last - s][i + 2] : upper[s][i + 2];
        high[s][i * 2 + 1] = is_odd ? lower[last - s][i + 2] : lower[s][i + 2];
      }
  }
};

#endif
