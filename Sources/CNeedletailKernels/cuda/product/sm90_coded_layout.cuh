// How sm90_coded_product.cu is divided into warps, and where things lie in its shared memory.
#ifndef NEEDLETAIL_PRODUCT_SM90_CODED_LAYOUT_CUH
#define NEEDLETAIL_PRODUCT_SM90_CODED_LAYOUT_CUH
#include "common/barriers.cuh"
#include "product/shape.cuh"

// Groups of 4 warps, each with 64 rows of the weight.
#ifndef NT_WARPGROUPS
#define NT_WARPGROUPS 2
#endif
// Chunks that x is there for; where those of a whole pass fit, x comes once.
#ifndef NT_X_STAGES
#define NT_X_STAGES 4
#endif

static_assert(NT_TILES == 1 && NT_COLUMNS > 1, "a warp has one tile; the copy engine brings x");
constexpr int nt_warps = NT_WARPGROUPS * 4;
// One more warp brings x.
constexpr int nt_threads = (nt_warps + 1) * 32;
// Slices of a block, and tiles of 8 rows of x that it writes the results of.
constexpr int nt_block_slices = nt_slices / NT_CLUSTER;
constexpr int nt_owned = nt_row_tiles / NT_CLUSTER;
static_assert(nt_owned > 0 && nt_block_slices == nt_group_slices, "a block has a group of slices");

// x: [stage][64 columns][row][128 bytes, swizzled].
constexpr int nt_x_box_bytes = NT_ROWS * 128;
constexpr int nt_x_stage_bytes = nt_chunk_columns / 64 * nt_x_box_bytes;
// The weight: [stage][warp][tile, scales].
constexpr int nt_weight_at = NT_X_STAGES * nt_x_stage_bytes;
constexpr int nt_part_bytes = nt_weight_bytes + 8 * nt_row_scale_bytes;
constexpr int nt_stage_bytes = nt_warps * nt_part_bytes;
// Sums on their way: [block they come from][warp][owned tile of x][lane][4 floats].
constexpr int nt_sums_at = nt_weight_at + NT_STAGES * nt_stage_bytes;
constexpr int nt_sums_bytes = NT_CLUSTER * nt_warps * nt_owned * 512;
// Barriers: sums have come; all blocks have read theirs; a stage of x is there; it is free.
constexpr int nt_sums_full = nt_sums_at + nt_sums_bytes;
constexpr int nt_sums_free = nt_sums_full + 8;
constexpr int nt_x_full = nt_sums_free + 8;
constexpr int nt_x_free = nt_x_full + NT_X_STAGES * 8;

__device__ __forceinline__ void nt_init_barriers(nt_u32 shared) {
  nt_barrier_init(shared + nt_sums_full, 1);
  nt_barrier_init(shared + nt_sums_free, NT_CLUSTER * nt_warps);
  for (int i = 0; i < NT_X_STAGES; i++) {
    nt_barrier_init(shared + nt_x_full + i * 8, 1);
    nt_barrier_init(shared + nt_x_free + i * 8, nt_warps);
  }
  nt_barrier_init_fence();
}

// Whether x stays after the first pass.
__device__ __forceinline__ bool nt_x_stays(int chunks) { return chunks <= NT_X_STAGES; }

#endif
