// grouped_matmul (experts.h) on Hopper over sorted rows: the tiles of all experts in one launch, multiplied by wgmma.
//
// The rows of the weight are the rows of the instruction, which takes 64 of them, those of x its columns, of which it
// takes any multiple of 8: so little is multiplied in vain, however many rows an expert has. A tile has 256 rows of the
// weight and up to NT_ROWS of x; an expert's are divided evenly, in units of 16. One block a multiprocessor walks over
// tiles; one warp brings k in chunks of 64 columns through a ring of stages, two groups of four warps multiply, each
// half of the weight's rows.
//
// NT_SLICED: sums are those of few_experts.cu, bit by bit, for steps of up to 64 tokens that it does not compute.
//
// Definitions: NT_IN, NT_OUT (types.h), NT_ROWS (a multiple of 32, up to 160), NT_STAGES, NT_GROUP (tiles of rows that
// are walked together for each tile of columns, so that what they read stays in the second-level cache), NT_GATE (an
// activation, or -1), NT_BIAS, NT_SLICED (0, 1), and those of ending.cuh. The widths of x and of the result are
// multiples of 8. Parameters: nt_grouped_matmul_arguments with sorted, gathered rows of x; maps of x in boxes of 32
// rows and of w [experts * n, k] in boxes of 128, both of 64 columns under the 128-byte swizzle. Shared memory: up to
// nt_counts_at, experts + 1 words, and 1,024 bytes to align it.
#include "common/launch.cuh"
#include "common/tensor_copies.cuh"
#include "experts/sm90_columns.cuh"

// Brings the stages of all tiles of a block; one thread does.
struct nt_expert_producer {
  const nt_grouped_matmul_arguments &a;
  const nt_tensor_map *x_map, *w_map;
  nt_u32 shared;
  int width;

  __device__ __forceinline__ nt_u32 full(int stage) const { return shared + nt_full_at + stage * 8; }

  __device__ __forceinline__ void bring_weight(const nt_rows_tile &tile, int stage, int column) const {
    const int first = tile.expert * a.n + tile.column, second = first + (nt_is_gated ? width : nt_weight_rows / 2);
    const nt_u32 to = shared + stage * nt_stage_bytes;
    // Rows of the weight that only one tile of rows reads need not stay in the cache.
    const nt_u64 policy = tile.is_only ? NT_CACHE_EVICT_FIRST : NT_CACHE_NORMAL;
    nt_copy_box(to, w_map, column, first, full(stage), policy);
    nt_copy_box(to + nt_weight_bytes / 2, w_map, column, second, full(stage), policy);
  }

  __device__ __forceinline__ void bring_x(const nt_rows_tile &tile, int boxes, int stage, int column) const {
    const nt_u32 to = shared + stage * nt_stage_bytes + nt_weight_bytes;
    for (int i = 0; i < boxes; i++)
      nt_copy_box(
        to + i * nt_box_rows * 128, x_map, column, tile.row + i * nt_box_rows, full(stage), NT_CACHE_EVICT_LAST);
  }

  __device__ __forceinline__ void bring(const nt_expert_tiles &tiles) const {
    nt_ring_place place;
    const int total = tiles.total();
    bool has_waited = nt_is_gated;
    for (int unit = blockIdx.x; unit < total; unit += gridDim.x) {
      const nt_rows_tile tile(tiles.at(unit, NT_GROUP), width);
      const int boxes = (tile.end - tile.row + nt_box_rows - 1) / nt_box_rows;
      for (int column = 0; column < a.k; column += 64) {
        nt_barrier_wait(shared + nt_empty_at + place.stage * 8, place.parity ^ 1);
        nt_barrier_expect(full(place.stage), nt_weight_bytes + boxes * nt_box_rows * 128);
        bring_weight(tile, place.stage, column);
        if (has_waited) {
          bring_x(tile, boxes, place.stage, column);
        } else if (place.stage == NT_STAGES - 1 || column + 64 >= a.k) {
          // The ring was filled with the weight while the launch ahead ended.
          nt_wait_for_predecessors();
          has_waited = true;
          for (int stage = 0; stage <= place.stage; stage++) bring_x(tile, boxes, stage, stage * 64);
        }
        place.next();
      }
    }
  }
};

extern "C" __global__ void __launch_bounds__(384, 1) sm90_experts(
  const __grid_constant__ nt_grouped_matmul_arguments a, const __grid_constant__ nt_tensor_map x_map,
  const __grid_constant__ nt_tensor_map w_map) {
  extern __shared__ char dynamic[];
  char *memory = (char *)(((nt_u64)dynamic + 1023) / 1024 * 1024);
  const nt_u32 shared = nt_shared_address(memory);
  const int warp = threadIdx.x / 32;
  if (threadIdx.x == 0) {
    for (int i = 0; i < NT_STAGES; i++) {
      nt_barrier_init(shared + nt_full_at + i * 8, 1);
      nt_barrier_init(shared + nt_empty_at + i * 8, 8);
    }
    nt_barrier_init_fence();
    nt_prefetch_tensor_map(&x_map);
    nt_prefetch_tensor_map(&w_map);
  }
  // The first product waits before it lets the next launch start: so the second one finds `starts` complete.
  if (nt_is_gated) nt_wait_for_predecessors();
  nt_let_successors_start();
  const int width = nt_is_gated ? a.n / 2 : a.n;
  const nt_expert_tiles tiles = {
    a.starts, (nt_i32 *)(memory + nt_counts_at), a.experts, (width + nt_tile_width - 1) / nt_tile_width, NT_ROWS};
  tiles.count();
  if (warp >= 8) {
    asm volatile("setmaxnreg.dec.sync.aligned.u32 40;");
    if (warp == 8 && threadIdx.x % 32 == 0) nt_expert_producer{a, &x_map, &w_map, shared, width}.bring(tiles);
    nt_wait_for_predecessors();
  } else {
    asm volatile("setmaxnreg.inc.sync.aligned.u32 232;");
    nt_wait_for_predecessors();
    nt_expert_consumer consumer = {shared, {}};
    nt_columns_writer writer(a, shared, width);
    for (int unit = blockIdx.x; unit < tiles.total(); unit += gridDim.x) {
      const nt_rows_tile tile(tiles.at(unit, NT_GROUP), width);
      nt_tile_sums sums;
      consumer.run(sums, tile.rows, a.k);
      writer.finish(sums, tile);
    }
  }
}
