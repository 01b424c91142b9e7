// A block's shared memory in decode attention, and the barriers between its producer and its computing warps.
#ifndef NEEDLETAIL_CUDA_DECODE_MEMORY_CUH
#define NEEDLETAIL_CUDA_DECODE_MEMORY_CUH
#include "attention/decode_rows.cuh"
#include "attention/decode_scores.cuh"
#include "attention/decode_tiles.cuh"

constexpr int nt_query_steps = (NT_HEAD_DIM + 15) / 16;    // of 16 elements
constexpr int nt_query_pitch = nt_query_steps * 16 + 8;    // the 8 spread rows over the banks
constexpr int nt_value_pairs = (NT_VALUE_DIM + 15) / 16;   // of 8 elements

struct alignas(1024) nt_decode_memory {
  unsigned char ring[NT_STAGES][nt_stage_bytes];
  nt_merge_memory merge;
  alignas(16) nt_cache_bits queries[16 * nt_query_pitch];
  alignas(16) nt_cache_bits key[NT_HEAD_DIM];
  alignas(16) nt_cache_bits value[NT_VALUE_DIM];
  alignas(16) nt_decode_item items[2];
  nt_u64 barriers[4 * NT_STAGES + 4];
  int ends[(NT_SEQUENCES + 31) / 32];
};

struct nt_decode_barriers {
  nt_u32 first;

  __device__ __forceinline__ nt_decode_barriers(const nt_decode_memory &memory)
      : first(nt_shared_address(memory.barriers)) {}
  __device__ __forceinline__ nt_u32 keys_there(int stage) const { return first + 8 * stage; }
  __device__ __forceinline__ nt_u32 values_there(int stage) const { return first + 8 * (NT_STAGES + stage); }
  __device__ __forceinline__ nt_u32 keys_free(int stage) const { return first + 8 * (2 * NT_STAGES + stage); }
  __device__ __forceinline__ nt_u32 values_free(int stage) const { return first + 8 * (3 * NT_STAGES + stage); }
  __device__ __forceinline__ nt_u32 item_there(int place) const { return first + 8 * (4 * NT_STAGES + place); }
  __device__ __forceinline__ nt_u32 item_free(int place) const { return first + 8 * (4 * NT_STAGES + 2 + place); }

  __device__ void init() const {
    for (int stage = 0; stage < NT_STAGES; stage++) {
      nt_barrier_init(keys_there(stage), nt_filled_arrivals);
      nt_barrier_init(values_there(stage), nt_filled_arrivals);
      nt_barrier_init(keys_free(stage), nt_merge_warps);
      nt_barrier_init(values_free(stage), nt_merge_warps);
    }
    for (int place = 0; place < 2; place++) {
      nt_barrier_init(item_there(place), 1);
      nt_barrier_init(item_free(place), nt_merge_warps);
    }
    nt_barrier_init_fence();
  }

  // The producer's n-th item, to the computing warps.
  __device__ __forceinline__ void post(nt_decode_memory &memory, const nt_decode_item &item, nt_u32 n) const {
    nt_barrier_wait(item_free(n % 2), n / 2 % 2 ^ 1);
    if (threadIdx.x % 32 == 0) {
      memory.items[n % 2] = item;
      nt_barrier_arrive(item_there(n % 2));
    }
    __syncwarp();
  }
  // A computing warp's n-th item.
  __device__ __forceinline__ nt_decode_item next(const nt_decode_memory &memory, nt_u32 n) const {
    nt_barrier_wait(item_there(n % 2), n / 2 % 2);
    nt_decode_item item = memory.items[n % 2];
    release(item_free(n % 2));
    return item;
  }
  // By a warp that has read what the barrier guards.
  __device__ __forceinline__ void release(nt_u32 barrier) const {
    __syncwarp();
    if (threadIdx.x % 32 == 0) nt_barrier_arrive(barrier);
  }
};

#endif
