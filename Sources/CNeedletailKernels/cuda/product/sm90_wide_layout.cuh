// How sm90_wide_product.cu is divided into warps, and where things lie in its shared memory.
#ifndef NEEDLETAIL_PRODUCT_SM90_WIDE_LAYOUT_CUH
#define NEEDLETAIL_PRODUCT_SM90_WIDE_LAYOUT_CUH
#include "common/barriers.cuh"
#include "product/shape.cuh"

// Groups of 4 warps, each with 64 rows of the weight.
#ifndef NT_WARPGROUPS
#define NT_WARPGROUPS 2
#endif
// Warps that bring x.
#ifndef NT_X_WARPS
#define NT_X_WARPS 3
#endif
// Chunks of k that are multiplied at a time: 2 where every slice has an even number of them, else 1.
#ifndef NT_STEP
#define NT_STEP 1
#endif
// Steps that x is there for; where those of a whole pass fit, x comes once.
#ifndef NT_X_STAGES
#define NT_X_STAGES 4
#endif

static_assert(NT_TILES == 1 && NT_COLUMNS > 1, "a warp has one tile; the copy engine brings the weight");
constexpr int nt_warps = NT_WARPGROUPS * 4;
// More warps bring what these multiply: some x, one the weight.
constexpr int nt_x_warps = NT_X_WARPS;
constexpr int nt_threads = (nt_warps + nt_x_warps + 1) * 32;
// A warp that brings x waits for a stage to be free once more than it knows it to have been.
static_assert(NT_X_STAGES * NT_STEP >= nt_x_warps, "stages for all warps that bring x");
// Slices of a block, and tiles of 8 rows of x that it writes the results of.
constexpr int nt_block_slices = nt_slices / NT_CLUSTER;
constexpr int nt_owned = nt_row_tiles / NT_CLUSTER;
static_assert(nt_owned > 0 && nt_block_slices == nt_group_slices, "a block has a group of slices");

// A stage has a step's columns of the weight's rows, gated: of the gates, then of the values; permuted as the copy engine
// does it over so many bytes as a row has.
constexpr int nt_row_bytes = NT_STEP * nt_chunk_columns * 2;
constexpr int nt_box_rows = nt_warps * nt_tile_rows;
constexpr int nt_stage_bytes = nt_warps * 16 * nt_row_bytes;
// x as wgmma takes it: [stage][chunk][instruction][tile of 8 rows][16 bytes of columns][row][4 lanes' words].
constexpr int nt_x_at = NT_STAGES * nt_stage_bytes;
constexpr int nt_instruction_bytes = nt_row_tiles * 256;
constexpr int nt_x_stage_bytes = NT_STEP * 2 * nt_instruction_bytes;
// Sums on their way: [block they come from][warp][owned tile of x][lane][4 floats].
constexpr int nt_sums_at = nt_x_at + NT_X_STAGES * nt_x_stage_bytes;
constexpr int nt_sums_bytes = NT_CLUSTER * nt_warps * nt_owned * 512;
// Barriers: sums have come; all blocks have read theirs; a stage of x is there; it is free; a stage of the
// weight is there; it is free.
constexpr int nt_sums_full = nt_sums_at + nt_sums_bytes;
constexpr int nt_sums_free = nt_sums_full + 8;
constexpr int nt_x_full = nt_sums_free + 8;
constexpr int nt_x_free = nt_x_full + NT_X_STAGES * 8;
constexpr int nt_weight_full = nt_x_free + NT_X_STAGES * 8;
constexpr int nt_weight_free = nt_weight_full + NT_STAGES * 8;

__device__ __forceinline__ void nt_init_barriers(nt_u32 shared) {
  nt_barrier_init(shared + nt_sums_full, 1);
  nt_barrier_init(shared + nt_sums_free, NT_CLUSTER * nt_warps);
  for (int i = 0; i < NT_X_STAGES; i++) {
    nt_barrier_init(shared + nt_x_full + i * 8, NT_STEP);
    nt_barrier_init(shared + nt_x_free + i * 8, nt_warps);
  }
  for (int i = 0; i < NT_STAGES; i++) {
    nt_barrier_init(shared + nt_weight_full + i * 8, 1);
    nt_barrier_init(shared + nt_weight_free + i * 8, nt_warps);
  }
  nt_barrier_init_fence();
}

// Whether x stays after the first pass.
__device__ __forceinline__ bool nt_x_stays(int steps) { return steps <= NT_X_STAGES; }

#endif
