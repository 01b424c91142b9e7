// A row of logits shared by the blocks of a cluster, and what they tell each other of it.
//
// Block `rank` has the ids from rank * NT_WARPS * chunk on, each of its warps `chunk` (a multiple of 128) neighbouring
// ones, and lane l of a warp ids 4 l ... 4 l + 3 of every 128: the order of (block, warp, 128, lane) is that of ids. What
// lies past the vocabulary is -infinity.
#ifndef NEEDLETAIL_CUDA_SAMPLE_ROW_CUH
#define NEEDLETAIL_CUDA_SAMPLE_ROW_CUH
#include "sampling/sample_kinds.cuh"
#include "sampling/sample_numbers.cuh"
#if NT_BLOCKS > 1
#include "common/cluster.cuh"
#endif

#define NT_THREADS (NT_WARPS * 32)
// For what is called at several places, or seldom: code that is not repeated compiles in a fraction of the time.
#define SAMPLE_CALL __device__ __noinline__
#define SAMPLE_BUCKETS 2048
// Tokens that one block finishes alone.
#define SAMPLE_LIST 2048

struct sample_pair {
  nt_u64 a, b;
};

struct sample_shared {
  union {
    nt_u64 histogram[SAMPLE_BUCKETS];
    // Once all blocks have read the histogram: the list's order, then its masses.
    nt_u64 order[SAMPLE_LIST];
  };
  nt_i32 ids[SAMPLE_LIST];
  float list[SAMPLE_LIST];
  sample_pair warps[2][32];
  // What the blocks of the cluster read of each other. Two, in turn: a slow block may still read the one before.
  sample_pair published[2];
  nt_u64 found[2];
  nt_u64 list_warps[32];
};

struct sample_row {
  sample_shared *shared;
  float *values;   // this warp's
  nt_i64 first;    // id of values[0]
  int chunk;
  int rank;
  int turn;        // of what is published
};

// Calls body(float4, index of it in row.values) for all of the thread's elements, in the order of ids.
#define SAMPLE_EACH(row, four, index, body) \
  _Pragma("unroll 1") for (int index = (threadIdx.x % 32) * 4; index < (row).chunk; index += 128) { \
    const float4 four##4 = *(const float4 *)((row).values + index); \
    const float four[4] = {four##4.x, four##4.y, four##4.z, four##4.w}; \
    body \
  }

__device__ __forceinline__ void sample_sync() {
#if NT_BLOCKS > 1
  nt_cluster_sync();
#else
  __syncthreads();
#endif
}

// 8 bytes of another block's shared memory, at the address they have in one's own.
__device__ __forceinline__ nt_u64 sample_read_of(const nt_u64 *own, int rank) {
#if NT_BLOCKS > 1
  nt_u64 value;
  asm volatile("ld.shared::cluster.u64 %0, [%1];"
               : "=l"(value)
               : "r"(nt_cluster_address(nt_shared_address(own), rank))
               : "memory");
  return value;
#else
  return *own;
#endif
}

// Writes 4 bytes to the shared memory of block 0.
template <class Word>
__device__ __forceinline__ void sample_write_first(Word *own, Word value) {
#if NT_BLOCKS > 1
  asm volatile("st.shared::cluster.u32 [%0], %1;" ::"r"(nt_cluster_address(nt_shared_address(own), 0)),
               "r"(*(nt_u32 *)&value)
               : "memory");
#else
  *own = value;
#endif
}

// Combines a pair of each thread of the row, for all of them. `combine` must not care for the order.
template <class Combine>
__device__ __forceinline__ sample_pair sample_reduce(sample_row &row, sample_pair value, Combine combine) {
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
#pragma unroll
  for (int distance = 16; distance > 0; distance >>= 1)
    value = combine(value, sample_pair{__shfl_xor_sync(0xffffffffu, value.a, distance),
                                       __shfl_xor_sync(0xffffffffu, value.b, distance)});
  sample_pair *warps = row.shared->warps[row.turn];
  if (lane == 0) warps[warp] = value;
  __syncthreads();
  value = warps[lane % NT_WARPS];
#pragma unroll
  for (int distance = 16; distance > 0; distance >>= 1)
    if (distance < NT_WARPS)
      value = combine(value, sample_pair{__shfl_xor_sync(0xffffffffu, value.a, distance),
                                         __shfl_xor_sync(0xffffffffu, value.b, distance)});
#if NT_BLOCKS > 1
  sample_pair *published = &row.shared->published[row.turn];
  if (threadIdx.x == 0) *published = value;
  sample_sync();
  const int source = lane % NT_BLOCKS;
  value.a = sample_read_of(&published->a, source);
  value.b = sample_read_of(&published->b, source);
#pragma unroll
  for (int distance = NT_BLOCKS / 2; distance > 0; distance >>= 1)
    value = combine(value, sample_pair{__shfl_xor_sync(0xffffffffu, value.a, distance),
                                       __shfl_xor_sync(0xffffffffu, value.b, distance)});
#endif
  row.turn ^= 1;
  return value;
}

// From a number of each warp (the same in its lanes): the sum of those of the warps before it in the order of ids, and of
// all.
struct sample_prefix {
  nt_u64 before, total;
};
__device__ __forceinline__ sample_prefix sample_scan(sample_row &row, nt_u64 value) {
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  sample_pair *warps = row.shared->warps[row.turn];
  if (lane == 0) warps[warp].a = value;
  __syncthreads();
  const nt_u64 other = lane < NT_WARPS ? warps[lane].a : 0;
  nt_u64 before = lane < warp ? other : 0, total = other;
#pragma unroll
  for (int distance = 16; distance > 0; distance >>= 1) {
    before += __shfl_xor_sync(0xffffffffu, before, distance);
    total += __shfl_xor_sync(0xffffffffu, total, distance);
  }
#if NT_BLOCKS > 1
  nt_u64 *published = &row.shared->published[row.turn].a;
  if (threadIdx.x == 0) *published = total;
  sample_sync();
  const nt_u64 block = lane < NT_BLOCKS ? sample_read_of(published, lane % NT_BLOCKS) : 0;
  nt_u64 blocks_before = lane < row.rank ? block : 0;
  total = block;
#pragma unroll
  for (int distance = NT_BLOCKS / 2; distance > 0; distance >>= 1) {
    blocks_before += __shfl_xor_sync(0xffffffffu, blocks_before, distance);
    total += __shfl_xor_sync(0xffffffffu, total, distance);
  }
  before += __shfl_sync(0xffffffffu, blocks_before, 0);
  total = __shfl_sync(0xffffffffu, total, 0);
#endif
  row.turn ^= 1;
  return {before, total};
}

__device__ __forceinline__ nt_u64 sample_warp_sum(nt_u64 value) {
#pragma unroll
  for (int distance = 16; distance > 0; distance >>= 1) value += __shfl_xor_sync(0xffffffffu, value, distance);
  return value;
}
__device__ __forceinline__ sample_pair sample_add(sample_pair x, sample_pair y) { return {x.a + y.a, x.b + y.b}; }

#endif
