// Attention of sequences that decode (paged_attention.h), 16-bit caches: one launch rotates the new token, writes it to
// the cache and attends over all of the sequence.
//
// Blocks stay and take items from a list (decode_work.cuh). One warp of a block is the producer: it finds items and
// keeps a ring of tiles of keys and values filled, across items. Four warps compute: each has 16 of a tile's 64
// positions and its own state of the softmax, so that nothing but the ring's barriers holds them together until the
// item's end. The rows of the tensor cores' operand are the pack's query heads: q [16 x head_dim] stays in registers, a
// warp's keys [16 x head_dim] are the other operand as they lie, its scores are the operand of the product with its
// values as they come. Positions that are not seen are neither copied (by boxes of 16) nor computed with.
//
// Constants: those of decode_work.cuh, decode_rows.cuh, decode_merge.cuh, decode_scores.cuh; NT_STAGES of the ring,
// NT_SEQUENCES (the most), NT_BLOCKS of a multiprocessor. Sizes of heads are multiples of 8, at most 256. Dynamic shared
// memory: sizeof(nt_decode_memory). Parameters from sm_90 on: maps of the cache's keys and values as [blocks *
// kv heads][64][size], boxes of 16 x 64, 128 bytes swizzled.
#include "attention/decode_softmax.cuh"
#include "common/launch.cuh"

#if NT_ARCH >= 900
#define NT_MAPS , const __grid_constant__ nt_tensor_map key_map, const __grid_constant__ nt_tensor_map value_map
#else
#define NT_MAPS
#endif

extern "C" __global__ void __launch_bounds__(160, NT_BLOCKS)
  decode_attention(const __grid_constant__ nt_decode_attention_arguments a NT_MAPS) {
  extern __shared__ nt_decode_memory nt_dynamic[];
  nt_decode_memory &memory = nt_dynamic[0];
  const nt_decode_barriers barriers(memory);
  nt_let_successors_start();
  int warp = threadIdx.x / 32;
  if (threadIdx.x == 0) barriers.init();
  for (int i = threadIdx.x; i < 16 * nt_query_pitch; i += 160) memory.queries[i] = 0;
  __syncthreads();
  nt_wait_for_predecessors();

  if (warp < nt_merge_warps) {
    nt_consume(a, memory, barriers);
    return;
  }

  // The producer.
  int lane = threadIdx.x % 32;
#if NT_ARCH >= 900
  if (lane == 0) {
    nt_prefetch_tensor_map(&key_map);
    nt_prefetch_tensor_map(&value_map);
  }
#endif
  nt_stage stage;
  nt_u32 posted = 0;
  nt_decode_list list(a, memory.ends);
  bool takes = list.total > gridDim.x;  // more than the first that each block has
  for (int index = blockIdx.x; index < list.total;) {
    nt_decode_item item = list.find(index);
    int next = list.total;
    if (takes && lane == 0) next = gridDim.x + (int)atomicAdd(&a.counters[NT_NEXT_ITEM], 1u);
    barriers.post(memory, item, posted++);
    const nt_i32 *blocks = a.block_tables + item.sequence * a.block_table_stride;
    nt_i32 ahead = 0;  // 32 of the table's entries, one a lane
    for (int tile = item.tile; tile < item.end_tile; tile++) {
      int place = (tile - item.tile) % 32;
      if (place == 0 && tile + lane < item.end_tile) ahead = blocks[tile + lane];
      nt_i64 z = (nt_i64)__shfl_sync(~0u, ahead, place) * NT_KV_HEADS + item.kv_head();
      nt_u32 keys = nt_shared_address(memory.ring[stage.index]), values = keys + nt_key_bytes;
      nt_boxes boxes(item, tile);
      nt_barrier_wait(barriers.keys_free(stage.index), stage.parity ^ 1);
#if NT_ARCH >= 900
      nt_fill_tile<nt_key_columns>(&key_map, boxes, z, keys, barriers.keys_there(stage.index));
      nt_barrier_wait(barriers.values_free(stage.index), stage.parity ^ 1);
      nt_fill_tile<nt_value_columns>(&value_map, boxes, z, values, barriers.values_there(stage.index));
#else
      const nt_u16 *tiles = (const nt_u16 *)a.cache + z * nt_cache_tiles;
      nt_fill_tile<nt_key_columns>(tiles, NT_HEAD_DIM, boxes, keys, barriers.keys_there(stage.index));
      nt_barrier_wait(barriers.values_free(stage.index), stage.parity ^ 1);
      nt_fill_tile<nt_value_columns>(
        tiles + nt_tile * NT_HEAD_DIM, NT_VALUE_DIM, boxes, values, barriers.values_there(stage.index));
#endif
      stage.advance();
    }
    index = __shfl_sync(~0u, next, 0);
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
