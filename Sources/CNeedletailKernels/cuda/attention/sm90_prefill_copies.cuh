// The warps of sm90_prefill_attention that bring tiles to shared memory.
#ifndef NEEDLETAIL_CUDA_SM90_PREFILL_COPIES_CUH
#define NEEDLETAIL_CUDA_SM90_PREFILL_COPIES_CUH
#include "attention/sm90_prefill_shared.cuh"

namespace {

// One warp: chooses tiles and brings their keys and values.
__device__ __forceinline__ void bring_keys(
  const nt_prefill_attention_arguments &a, const nt_tensor_map *map, Shared &shared
) {
  const int lane = threadIdx.x & 31;
  // Tiles are published one ahead, so that their queries are there in time; their numbers are asked for earlier still.
  nt_i64 number = blockIdx.x;
  nt_u32 next = 0;
  if (lane == 0) next = atomicAdd(a.counters, 1u);
  nt_prefill_search search;
  search.start_at_first(a);
  Ring<kTiles> tiles;
  Ring<NT_STAGES> keys, values;
  const auto publish = [&](nt_prefill_tile &tile) {
    if (!search.find(a, number, tile)) tile.first_step = tile.end_step = 0;
    nt_barrier_wait(nt_shared_address(&shared.tile_empty[tiles.place]), tiles.round ^ 1);
    if (lane == 0) {
      shared.tiles[tiles.place] = tile;
      nt_barrier_arrive(nt_shared_address(&shared.tile_full[tiles.place]));
    }
    __syncwarp();
    tiles.advance();
  };
  nt_prefill_tile tile, following;
  publish(following);
  while (following.first_step < following.end_step) {
    tile = following;
    number = gridDim.x + (nt_i64)__shfl_sync(~0u, next, 0);
    if (lane == 0) next = atomicAdd(a.counters, 1u);

    const nt_i32 *table = a.block_tables + tile.sequence * a.block_table_stride;
    const int blocks = (tile.context + kPositions - 1) / kPositions;
    constexpr int kBlocks = NT_STEP / kPositions;
    // The rows of the cache where a step's keys start; values follow them. The table's entries of 32 blocks at a time
    // are with the lanes. A block behind the sequence's end is read from outside the cache, which gives zeros.
    nt_i32 entries = 0;
    nt_i32 rows[kBlocks], value_rows[kBlocks];
    int held = -1;
    const auto find_rows = [&](int step) {
#pragma unroll
      for (int b = 0; b < kBlocks; b++) {
        const int block = step * kBlocks + b;
        if (block / 32 != held) {
          held = block / 32;
          const int mine = held * 32 + lane;
          entries = mine < blocks ? table[mine] : -1;
        }
        const nt_i32 entry = __shfl_sync(~0u, entries, block & 31);
        rows[b] = entry < 0 ? -kPositions : (entry * a.kv_heads + tile.kv_head) * (2 * kPositions);
      }
    };
    const auto bring = [&](nt_u8 *to, const nt_i32 *from, int first, nt_u32 barrier) {
      nt_barrier_expect(barrier, kStepBytes);
#pragma unroll
      for (int part = 0; part < kParts; part++) {
#pragma unroll
        for (int b = 0; b < kBlocks; b++) {
          const nt_u32 place = nt_shared_address(to) + part * kStepPart + b * (kPositions * 128);
          nt_copy_box(place, map, part * 64, from[b] < 0 ? from[b] : from[b] + first, barrier, NT_CACHE_NORMAL);
        }
      }
    };
    const auto bring_step_keys = [&]() {
      nt_barrier_wait(nt_shared_address(&shared.key_empty[keys.place]), keys.round ^ 1);
      if (lane == 0) bring(shared.keys[keys.place], rows, 0, nt_shared_address(&shared.key_full[keys.place]));
      __syncwarp();
      keys.advance();
    };
    const auto bring_step_values = [&]() {
      nt_barrier_wait(nt_shared_address(&shared.value_empty[values.place]), values.round ^ 1);
      if (lane == 0) {
        bring(shared.values[values.place], value_rows, kPositions, nt_shared_address(&shared.value_full[values.place]));
      }
      __syncwarp();
      values.advance();
    };
    // In the order they are used: keys of a step, then values of the one before.
    for (int step = tile.first_step; step < tile.end_step; step++) {
      find_rows(step);
      bring_step_keys();
      if (step > tile.first_step) {
        bring_step_values();
      } else {
        publish(following);
      }
#pragma unroll
      for (int b = 0; b < kBlocks; b++) value_rows[b] = rows[b];
    }
    bring_step_values();
  }
  // The last block to find no more tiles clears the counters.
  if (lane == 0) {
    __threadfence();
    if (atomicAdd(a.counters + 1, 1u) == gridDim.x - 1) {
      a.counters[0] = 0;
      a.counters[1] = 0;
    }
  }
}

// Three warps: bring the tiles' queries, as the copy engine would lay them.
__device__ __forceinline__ void bring_queries(const nt_prefill_attention_arguments &a, Shared &shared) {
  constexpr int kChunks = NT_HEAD_DIM / 8;  // of 16 bytes
  constexpr int kLines = kLoaders / kChunks;
  const int chunk = (threadIdx.x - 32) % kChunks;
  const int first_line = (threadIdx.x - 32) / kChunks;
  Ring<kTiles> tiles;
  Ring<NT_QUERY_TILES> queries;
  for (;;) {
    nt_barrier_wait(nt_shared_address(&shared.tile_full[tiles.place]), tiles.round);
    const nt_prefill_tile tile = shared.tiles[tiles.place];
    nt_barrier_arrive(nt_shared_address(&shared.tile_empty[tiles.place]));
    tiles.advance();
    if (tile.end_step == tile.first_step) return;
    nt_barrier_wait(nt_shared_address(&shared.query_empty[queries.place]), queries.round ^ 1);
    const nt_u32 base = nt_shared_address(shared.queries[queries.place]) + chunk / 8 * kQueryPart;
    const nt_u16 *q = (const nt_u16 *)a.q + tile.first_query * a.q_stride
      + (tile.kv_head * (NT_GROUP * NT_HEAD_DIM) + chunk * 8);
    if (first_line < kLines) {
#pragma unroll 4
      for (int line = first_line; line < NT_ROWS; line += kLines) {
        // Rows past the last one repeat it.
        const int row = min(tile.first_row + line, tile.rows - 1);
        const nt_u16 *from = q + row / NT_GROUP * a.q_stride + row % NT_GROUP * NT_HEAD_DIM;
        nt_copy_16(base + line * 128 + (((chunk & 7) ^ (line & 7)) << 4), from, 16);
      }
    }
    nt_arrive_after_copies(nt_shared_address(&shared.query_full[queries.place]));
    queries.advance();
  }
}

}  // namespace

#endif
