// Attention of sequences that decode (paged_attention.h), caches of 16 or 8 bits: one launch rotates the new token, writes it to
// the cache and attends over all of the sequence.
//
// Blocks stay and take items from a list (decode_work.cuh). One warp of a block is the producer: it finds items and
// keeps a ring of tiles of keys and values filled, across items; another has the new token's rows ready when an item
// begins. Four warps compute: each takes every fourth tile of a part and has its own state of the softmax, so that
// nothing but the ring's barriers holds them together until the part's end. Keys are the rows of the tensor cores'
// operands (16 positions x 16 elements), the pack's query heads the columns (8 or 16), so that what stays in registers,
// queries and sums of values, is little. Positions that are not seen are not copied; their weights are 0, and what is
// in their place in the ring is a number.
//
// Constants: those of decode_work.cuh, decode_rows.cuh, decode_merge.cuh, decode_scores.cuh; NT_STAGES of the ring,
// NT_SEQUENCES (the most), NT_BLOCKS of a multiprocessor, NT_WHOLE (positions in a copy of a whole tile). Heads' sizes
// are multiples of 8, at most 256. Dynamic shared memory: sizeof(nt_decode_memory). Parameters from sm_90 on: maps of
// the cache's keys and values as [blocks * kv heads][64][size], boxes of NT_WHOLE x 128 bytes, and the same two with boxes
// of 16 x 128 bytes; 128 bytes swizzled. Heads' sizes of caches of 8 bits are multiples of 16.
#define NT_KEPT_GROUPS 32
#include "attention/decode_softmax.cuh"
#include "common/launch.cuh"

#if NT_ARCH >= 900
#define NT_MAPS                                                                                            \
  , const __grid_constant__ nt_tensor_map keys_map, const __grid_constant__ nt_tensor_map values_map,      \
    const __grid_constant__ nt_tensor_map key_part_map, const __grid_constant__ nt_tensor_map value_part_map
#else
#define NT_MAPS
#endif

// Brings the arguments near, so that nobody waits for them later.
__device__ __forceinline__ void nt_touch(const nt_decode_attention_arguments &a) {
  asm volatile("" ::"l"(a.q), "l"(a.context_lengths), "l"(a.sequences), "l"(a.block_table_stride), "f"(a.scale));
}

// The warp that has the new token's rows ready when an item begins.
__device__ __forceinline__ void nt_prepare_rows(
  const nt_decode_attention_arguments &a, nt_decode_memory &memory, const nt_decode_barriers &barriers) {
  for (nt_place<nt_item_places> place;; place.advance()) {
    nt_item_rows &rows = memory.items[place.index];
    nt_barrier_wait(barriers.item_there(place.index), place.parity);
    nt_decode_item item = rows.item;
    if (item.sequence >= 0)
      nt_load_new_token<32, nt_query_pitch>(
        a, item, threadIdx.x % 32, rows.queries, rows.key, rows.value, rows.scales);
    nt_barrier_arrive(barriers.rows_there(place.index));
    if (item.sequence < 0) return;
  }
}

extern "C" __global__ void __launch_bounds__(192, NT_BLOCKS)
  decode_attention(const __grid_constant__ nt_decode_attention_arguments a NT_MAPS) {
  extern __shared__ nt_decode_memory nt_dynamic[];
  nt_decode_memory &memory = nt_dynamic[0];
  const nt_decode_barriers barriers(memory);
  nt_let_successors_start();
  int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  if (threadIdx.x == 0) barriers.init();
  for (int i = threadIdx.x; i < NT_STAGES * nt_value_bytes / 16; i += 192) {
    constexpr int parts = nt_value_bytes / 16;
    *(uint4 *)(memory.ring[i / parts] + nt_key_bytes + i % parts * 16) = make_uint4(0, 0, 0, 0);
  }
  for (int i = threadIdx.x; i < nt_query_pitch; i += 192) {
    memory.no_query[i] = 0;
    // The columns behind the head's: they are multiplied with zeros, and must not be NaN.
    for (int row = 0; row < nt_item_places * nt_pack_rows; row++)
      if (i >= NT_HEAD_DIM) memory.items[row / nt_pack_rows].queries[row % nt_pack_rows * nt_query_pitch + i] = 0;
  }
  nt_fence_async_shared();
  nt_touch(a);
  __syncthreads();
  nt_wait_for_predecessors();

  if (warp < nt_merge_warps) {
    nt_consume(a, memory, barriers);
    return;
  }
  if (warp == nt_merge_warps) {
    nt_prepare_rows(a, memory, barriers);
    return;
  }

  // The producer.
#if NT_ARCH >= 900
  if (lane == 0) {
    nt_prefetch_tensor_map(&keys_map);
    nt_prefetch_tensor_map(&values_map);
  }
#endif
  // What an item needs to start is asked for while the one before it is under way: behind its tiles the memory would
  // answer late.
  nt_place<NT_STAGES> stage;
  nt_place<nt_item_places> posted;
  nt_decode_list list(a, memory.counts);
  const bool takes = list.total > gridDim.x;  // more than the first that each block has
  int index = blockIdx.x, taken = list.total;
  nt_decode_item item, next;
  nt_i32 entries, next_entries;  // 32 of the table's, one a lane
  const auto take = [&]() {
    if (takes && lane == 0) taken = gridDim.x + (int)atomicAdd(&a.counters[NT_NEXT_ITEM], 1u);
  };
  const auto entries_from = [&](const nt_decode_item &item, int tile) {
    return tile + lane < item.start_of(item.end_part)
             ? a.block_tables[item.sequence * a.block_table_stride + tile + lane]
             : 0;
  };
  const auto find = [&](nt_decode_item &item, nt_i32 &entries) {
    if (index >= list.total) return;
    item = list.find(index);
    entries = entries_from(item, item.start_of(item.part));
    if (nt_posts_ahead) barriers.post(memory, item, posted);
  };
  take();
  find(item, entries);
  for (bool is_first = true; index < list.total; is_first = false) {
    if (!nt_posts_ahead) barriers.post(memory, item, posted);
    const int start = item.start_of(item.part), end = item.start_of(item.end_part);
    // The first item's tiles find the ring empty, and do not wait for what comes next.
    const int asks = max(start, is_first ? min(start + NT_STAGES, end) - 1 : start);
    for (int tile = start; tile < max(end, asks + 1); tile++) {
      if (tile < end) {
        const int place = (tile - start) % 32;
        if (place == 0 && tile > start) entries = entries_from(item, tile);
        const nt_i64 z = (nt_i64)__shfl_sync(~0u, entries, place) * NT_KV_HEADS + item.kv_head();
        const nt_u32 keys = nt_shared_address(memory.ring[stage.index]), values = keys + nt_key_bytes;
        const nt_boxes boxes(item, tile);
        nt_barrier_wait(barriers.stage_free(stage.index), stage.parity ^ 1);
        const nt_u8 *tiles = (const nt_u8 *)a.cache + z * nt_tiles_bytes;
        const nt_u32 scales = nt_has_row_scales ? nt_shared_address(memory.scales[stage.index]) : 0;
#if NT_ARCH >= 900
        nt_fill_tile<nt_key_columns>(&keys_map, &key_part_map, boxes, z, keys, barriers.keys_there(stage.index));
        nt_fill_tile<nt_value_columns>(
          &values_map, &value_part_map, boxes, z, values, barriers.values_there(stage.index));
        if constexpr (nt_has_row_scales) {
          nt_fill_scales(scales, tiles + nt_cache_tiles, barriers.keys_there(stage.index));
          nt_fill_scales(scales + nt_tile * 4, tiles + nt_cache_tiles + nt_tile * 4, barriers.values_there(stage.index));
        }
#else
        if constexpr (nt_has_row_scales) nt_fill_scales(scales, tiles + nt_cache_tiles);
        nt_fill_tile<nt_key_columns>(
          tiles, NT_HEAD_DIM * nt_cache_bytes, boxes, keys, barriers.keys_there(stage.index));
        if constexpr (nt_has_row_scales) nt_fill_scales(scales + nt_tile * 4, tiles + nt_cache_tiles + nt_tile * 4);
        nt_fill_tile<nt_value_columns>(
          tiles + nt_tile * NT_HEAD_DIM * nt_cache_bytes, NT_VALUE_DIM * nt_cache_bytes, boxes, values,
          barriers.values_there(stage.index));
#endif
        stage.advance();
      }
      if (tile == asks) {
        index = __shfl_sync(~0u, taken, 0);
        find(next, next_entries);
      }
    }
    if (index < list.total) take();
    item = next;
    entries = next_entries;
  }
  nt_decode_item none = {};
  none.sequence = -1;
  barriers.post(memory, none, posted);
  if (takes && lane == 0) {
    __threadfence();
    // Counts to gridDim.x and goes back to 0.
    if (atomicInc(&a.counters[NT_FINISHED_BLOCKS], gridDim.x - 1) == gridDim.x - 1) a.counters[NT_NEXT_ITEM] = 0;
  }
}
