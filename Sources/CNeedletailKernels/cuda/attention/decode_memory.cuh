// A block's shared memory in decode attention, and the barriers between its producer and its computing warps.
#ifndef NEEDLETAIL_CUDA_DECODE_MEMORY_CUH
#define NEEDLETAIL_CUDA_DECODE_MEMORY_CUH
#include "attention/decode_rows.cuh"
#include "attention/decode_scores.cuh"
#include "attention/decode_tiles.cuh"

constexpr int nt_query_steps = (NT_HEAD_DIM + 15) / 16;   // of 16 elements
constexpr int nt_query_pitch = nt_query_steps * 16 + 8;   // the 8 spread rows over the banks
constexpr int nt_value_pairs = (NT_VALUE_DIM + 15) / 16;  // of 8 elements
constexpr int nt_item_places = nt_pack_rows > 8 ? 2 : 3;
// Whether an item's rows are made ready while the tiles of the one before it are brought.
constexpr bool nt_posts_ahead = nt_item_places > 2;

// What the computing warps get of an item before its tiles.
struct nt_item_rows {
  alignas(16) nt_query_bits queries[nt_pack_rows * nt_query_pitch];
  alignas(16) nt_cache_bits key[NT_HEAD_DIM];
  alignas(16) nt_cache_bits value[NT_VALUE_DIM];
  float scales[2];  // of the key and the value, where rows have some
  nt_decode_item item;
};

struct alignas(1024) nt_decode_memory {
  unsigned char ring[NT_STAGES][nt_stage_bytes];
  nt_merge_memory merge;
  nt_item_rows items[nt_item_places];
  alignas(16) nt_query_bits no_query[nt_query_pitch];  // zeros
  alignas(16) float scales[nt_has_row_scales ? NT_STAGES : 1][nt_has_row_scales ? 2 * nt_tile : 4];
  nt_u64 barriers[3 * (NT_STAGES + nt_item_places)];
  nt_u32 counts[(NT_SEQUENCES + 31) / 32];
};

struct nt_decode_barriers {
  nt_u32 first;

  __device__ __forceinline__ nt_decode_barriers(const nt_decode_memory &memory)
      : first(nt_shared_address(memory.barriers)) {}
  __device__ __forceinline__ nt_u32 keys_there(int stage) const { return first + 8 * stage; }
  __device__ __forceinline__ nt_u32 values_there(int stage) const { return first + 8 * (NT_STAGES + stage); }
  // All computing warps are past the stage's tile. Each of them waits for every tile, its own or not: waits tell phases
  // of a barrier apart by parity alone, and so must not miss one.
  __device__ __forceinline__ nt_u32 stage_free(int stage) const { return first + 8 * (2 * NT_STAGES + stage); }
  // An item is known; its rows are there as well; the computing warps are done with it.
  __device__ __forceinline__ nt_u32 item_there(int place) const { return first + 8 * (3 * NT_STAGES + place); }
  __device__ __forceinline__ nt_u32 rows_there(int place) const { return item_there(nt_item_places + place); }
  __device__ __forceinline__ nt_u32 item_free(int place) const { return item_there(2 * nt_item_places + place); }

  __device__ void init() const {
    for (int stage = 0; stage < NT_STAGES; stage++) {
      nt_barrier_init(keys_there(stage), nt_filled_arrivals);
      nt_barrier_init(values_there(stage), nt_filled_arrivals);
      nt_barrier_init(stage_free(stage), nt_merge_warps);
    }
    for (int place = 0; place < nt_item_places; place++) {
      nt_barrier_init(item_there(place), 1);
      nt_barrier_init(rows_there(place), 32);
      nt_barrier_init(item_free(place), nt_merge_warps);
    }
    nt_barrier_init_fence();
  }

  // An item, from the producer to the others.
  __device__ __forceinline__ void post(
    nt_decode_memory &memory, const nt_decode_item &item, nt_place<nt_item_places> &place) const {
    nt_barrier_wait(item_free(place.index), place.parity ^ 1);
    if (threadIdx.x % 32 == 0) {
      memory.items[place.index].item = item;
      nt_barrier_arrive(item_there(place.index));
    }
    __syncwarp();
    place.advance();
  }
  // By a warp that has read what the barrier guards.
  __device__ __forceinline__ void release(nt_u32 barrier) const {
    __syncwarp();
    if (threadIdx.x % 32 == 0) nt_barrier_arrive(barrier);
  }
};

#endif
