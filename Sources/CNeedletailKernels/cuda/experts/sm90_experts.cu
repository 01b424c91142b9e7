// grouped_matmul (experts.h) on Hopper, for many tokens: the ring, the copies and the multiplication of
// matmul/sm90_matmul.cu over the tiles of all experts, in one launch. One block a multiprocessor walks over them; of
// a tile that reaches into the next expert's rows only its own expert's are written, and 64 rows of it that are all
// of others are neither brought nor multiplied.
//
// Definitions: those of sm90_matmul.cu (NT_IN, NT_OUT, NT_TILE_M, NT_TILE_N, NT_STAGES, NT_GROUP, NT_GATE, NT_BIAS;
// NT_SHARE = 0, NT_SPLIT = 1, NT_X_ROWS = 0, NT_RESIDUAL = 0), and those of ending.cuh. Parameters:
// nt_grouped_matmul_arguments with sorted, gathered rows of x; maps of x in boxes of 64 rows, whose rows go on for 64
// past the last, and of w [experts * n, k], in boxes of TILE_N (gated: half of it) rows. Shared memory: as
// sm90_matmul.cu, then experts + 1 words.
#include "common/launch.cuh"
#include "experts/tile_ending.cuh"
#include "experts/tiles.cuh"
#include "matmul/sm90_ring.cuh"

static_assert(NT_SHARE == 0 && NT_SPLIT == 1 && NT_X_ROWS == 0 && !NT_RESIDUAL, "tiles of single blocks");

extern "C" __global__ void __launch_bounds__(384, 1) sm90_experts(
  const __grid_constant__ nt_grouped_matmul_arguments a, const __grid_constant__ nt_tensor_map x_map,
  const __grid_constant__ nt_tensor_map w_map) {
  extern __shared__ char dynamic[];
  char *memory = (char *)(((nt_u64)dynamic + 1023) / 1024 * 1024);
  char *staging = memory + NT_STAGES * STAGE_BYTES;
  const nt_u32 base = nt_shared_address(memory);
  const nt_u32 full = nt_shared_address(staging + STAGING_BYTES), empty = full + NT_STAGES * 8;
  const int warp = threadIdx.x / 32;
  if (threadIdx.x == 0) {
    for (int i = 0; i < NT_STAGES; i++) {
      nt_barrier_init(full + i * 8, 1);
      nt_barrier_init(empty + i * 8, 8);
    }
    nt_barrier_init_fence();
    nt_prefetch_tensor_map(&x_map);
    nt_prefetch_tensor_map(&w_map);
  }
  nt_let_successors_start();
  nt_wait_for_predecessors();
  const int width = GATED ? a.n / 2 : a.n;
  const nt_expert_tiles tiles = {
    a.starts, (nt_i32 *)(staging + STAGING_BYTES + NT_STAGES * 16), a.experts, (width + TILE_WIDTH - 1) / TILE_WIDTH,
    TILE_M};
  tiles.count();
  const int total = tiles.total(), chunks = (a.k + 63) / 64;
  // The first column of a tile: the last ones are moved inside where they can be, as in sm90_tiles.cuh.
  auto first_column = [&](const nt_expert_tile &tile) {
    const int column = tile.column_tile * TILE_WIDTH;
    return width % 8 == 0 && width >= TILE_WIDTH && column > width - TILE_WIDTH ? width - TILE_WIDTH : column;
  };

  if (warp >= 8) {
    asm volatile("setmaxnreg.dec.sync.aligned.u32 40;");
    if (warp == 8 && threadIdx.x % 32 == 0) {
      nt_producer producer = {&x_map, &w_map, base, full, empty, 0, 0, NT_CACHE_NORMAL, 0, 0};
      for (int unit = blockIdx.x; unit < total; unit += gridDim.x) {
        const nt_expert_tile own = tiles.at(unit, NT_GROUP);
        const int row = own.first + own.row_tile * TILE_M, column = own.expert * a.n + first_column(own);
        const nt_tile tile = {row, column, row, column};
        const int left = own.end - row, x_rows = left >= TILE_M ? TILE_M : (left + 63) / 64 * 64;
        // Rows of the weight that only one tile of rows reads need not stay in the cache.
        producer.w_policy = own.row_tiles == 1 ? NT_CACHE_EVICT_FIRST : NT_CACHE_NORMAL;
        for (int chunk = 0; chunk < chunks; chunk++) {
          nt_barrier_wait(empty + producer.stage * 8, producer.parity ^ 1);
          nt_barrier_expect(full + producer.stage * 8, x_rows * 128 + W_BYTES);
          for (int i = 0; i < x_rows; i += 64)
            nt_copy_box(
              base + producer.stage * STAGE_BYTES + i * 128, &x_map, chunk * 64, row + i, full + producer.stage * 8,
              NT_CACHE_EVICT_LAST);
          producer.load_w(producer.stage, tile, chunk, a.n);
          producer.next();
        }
      }
    }
  } else {
    asm volatile("setmaxnreg.inc.sync.aligned.u32 232;");
    nt_consumer consumer = {base, full, empty, 0, 0, 0};
    nt_matmul_arguments target = {};
    target.out = a.out;
    target.out_stride = a.out_stride;
    typedef nt_rows_writer<NT_OUT, false> Writer;
    Writer writer(target, staging + warp * NT_PANEL_BYTES(STAGED_BYTES), width);
    for (int unit = blockIdx.x; unit < total; unit += gridDim.x) {
      const nt_expert_tile own = tiles.at(unit, NT_GROUP);
      const nt_i64 half = own.first + own.row_tile * TILE_M + warp / 4 * (TILE_M / 2), row = half + warp % 4 * 16;
      if (half >= own.end) {
        consumer.pass(chunks);
        continue;
      }
      float sums[M_TILES][TILE_N / 2];
      consumer.multiply(sums, chunks);
      writer.rows = own.end;
      const float *bias = NT_BIAS ? a.bias + (nt_i64)own.expert * a.n : nullptr;
#pragma unroll
      for (int m = 0; m < M_TILES; m++)
        nt_finish_expert<TILE_N / 8, NT_GATE, NT_BIAS != 0>(
          sums[m], writer, a, bias, row + m * 64, first_column(own));
    }
  }
}
