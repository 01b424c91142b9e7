// How sm90_fp8_wide.cu is divided into warps, and where things lie in its shared memory.
#ifndef NEEDLETAIL_QUANTIZED_SM90_FP8_WIDE_LAYOUT_CUH
#define NEEDLETAIL_QUANTIZED_SM90_FP8_WIDE_LAYOUT_CUH
#include "common/barriers.cuh"
#include "quantized/sm90_fp8_shape.cuh"

// Blocks of a cluster, which share k: 4 or 8.
#ifndef NT_CLUSTER
#define NT_CLUSTER 4
#endif
// Groups of four warps that take tiles by turns, so that one multiplies while another exchanges its sums.
#ifndef NT_WARPGROUPS
#define NT_WARPGROUPS 2
#endif
// 1: each slice of k has whole steps.
#ifndef NT_WHOLE
#define NT_WHOLE 0
#endif

constexpr int nt_warps = NT_WARPGROUPS * 4;
constexpr int nt_threads = (nt_warps + 1) * 32;
constexpr int nt_block_slices = nt_slices / NT_CLUSTER;
static_assert(nt_block_slices == 2 || nt_block_slices == 4, "slices that are added in registers");
// Rows of the weight that one instruction takes, and of the result that they stand for.
constexpr int nt_wide_rows = 64;
constexpr int nt_wide_width = NT_GATED ? 32 : 64;
// Tiles of 8 rows of x; those that a block writes the results of, if any.
constexpr int nt_row_tiles = NT_ROWS / 8;
constexpr int nt_owned = nt_row_tiles > NT_CLUSTER ? nt_row_tiles / NT_CLUSTER : 1;
constexpr int nt_owners = nt_row_tiles / nt_owned;

// A stage: 64 rows of the weight and 128 columns; of x NT_ROWS rows and as many columns.
constexpr int nt_stage_bytes = nt_wide_rows * nt_step_columns;
constexpr int nt_x_step_bytes = NT_ROWS * nt_step_columns;
// Sums on their way to a warpgroup: [block they come from][owned tile of x][warp][lane][4 floats].
constexpr int nt_sums_bytes = NT_CLUSTER * nt_owned * 4 * 512;

constexpr int nt_x_at = NT_STAGES * nt_stage_bytes;

struct nt_wide_layout {
  int chunks, steps;
  nt_u32 sums, group_scales, sums_full, sums_free, x_full, full, empty;

  __device__ __forceinline__ nt_wide_layout(int k) : chunks(nt_chunks(k)), steps(nt_steps(chunks)) {
    sums = nt_x_at + nt_block_slices * steps * nt_x_step_bytes;
    sums_full = sums + NT_WARPGROUPS * nt_sums_bytes;
    sums_free = sums_full + NT_WARPGROUPS * 8;
    x_full = sums_free + NT_WARPGROUPS * 8;
    full = x_full + 8;
    empty = full + NT_STAGES * 8;
    group_scales = empty + NT_STAGES * 8;  // [step of the block's][row]
  }
};

__device__ __forceinline__ void nt_init_barriers(nt_u32 shared, const nt_wide_layout &at) {
  for (int i = 0; i < NT_WARPGROUPS; i++) {
    nt_barrier_init(shared + at.sums_full + i * 8, 1);
    nt_barrier_init(shared + at.sums_free + i * 8, nt_owners * 4);
  }
  nt_barrier_init(shared + at.x_full, 1);
  for (int i = 0; i < NT_STAGES; i++) {
    nt_barrier_init(shared + at.full + i * 8, 1);
    nt_barrier_init(shared + at.empty + i * 8, 4);
  }
  nt_barrier_init_fence();
}

// The tiles of a block, as all of its cluster have them: `first`, `first + step`, ...
struct nt_wide_tiles {
  int first, step, count;

  __device__ __forceinline__ nt_wide_tiles(int n) {
    int all = (nt_width(n) + nt_wide_width - 1) / nt_wide_width;
    first = blockIdx.x / NT_CLUSTER, step = gridDim.x / NT_CLUSTER;
    count = first < all ? (all - first + step - 1) / step : 0;
  }
};

#endif
