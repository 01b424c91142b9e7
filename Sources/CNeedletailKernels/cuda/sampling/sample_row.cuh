// A row of logits shared by the blocks of a cluster, and what they tell each other of it.
//
// Block `rank` has the ids from rank * NT_WARPS * chunk on, each of its warps `chunk` (a multiple of 128) neighbouring
// ones, and lane l of a warp ids 4 l ... 4 l + 3 of every 128: the order of (block, warp, 128, lane) is that of ids.
// What lies past the vocabulary is -infinity.
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
#define SAMPLE_ALL_LANES 0xffffffffu
#define SAMPLE_BUCKETS 2048
// Tokens that one block finishes alone, and how many of them each block may bring without asking.
#define SAMPLE_LIST 2048
#define SAMPLE_SEGMENT (SAMPLE_LIST / NT_BLOCKS)

struct sample_numbers {
  nt_u64 a, b, c;
};

struct sample_shared {
  union {
    // Of masses or counts.
    nt_u64 histogram[SAMPLE_BUCKETS];
    // Once all blocks have read the histogram: the list's order, then its masses.
    nt_u64 order[SAMPLE_LIST];
  };
  // Block 0's: tokens that may be chosen, in the order of their ids.
  nt_i32 ids[SAMPLE_LIST];
  float list[SAMPLE_LIST];
  // Of the block's warps, and of the cluster's blocks. Two, in turn: a slow reader may still be at the one before.
  sample_numbers warps[2][32];
  sample_numbers blocks[2][NT_BLOCKS];
  // Of this row and of the next one, in turn.
  nt_sampling_row parameters[2];
  nt_u64 list_warps[32];
  nt_u64 found[2];
};

struct sample_row {
  sample_shared *shared;
  float *values;   // this warp's
  nt_i64 first;    // id of values[0]
  nt_u32 largest;  // key of the thread's largest value; 0: it has none
  int chunk;
  int rank;
  int turn;        // of shared->warps and ->blocks
  nt_i64 next;     // the row that comes after it: thread 0 of block 0 knows it first, all after sample_find_peak
};

// Calls body(value [4], index of the first in row.values) for all of the thread's elements, in the order of ids.
#define SAMPLE_EACH_UNROLLED(times, row, four, index, body) \
  _Pragma(times) for (int index = (threadIdx.x % 32) * 4; index < (row).chunk; index += 128) { \
    const float4 four##_quad = *(const float4 *)((row).values + index); \
    const float four[4] = {four##_quad.x, four##_quad.y, four##_quad.z, four##_quad.w}; \
    body \
  }
#define SAMPLE_EACH(row, four, index, body) SAMPLE_EACH_UNROLLED("unroll 1", row, four, index, body)
#define SAMPLE_EACH_FAST(row, four, index, body) SAMPLE_EACH_UNROLLED("unroll 4", row, four, index, body)

// All threads of the row.
__device__ __forceinline__ void sample_sync() {
#if NT_BLOCKS > 1
  nt_cluster_sync();
#else
  __syncthreads();
#endif
}

// Writes 4 or 8 bytes to the shared memory of a block, at the address they have in one's own.
__device__ __forceinline__ void sample_write(nt_u32 *own, nt_u32 value, int rank) {
#if NT_BLOCKS > 1
  asm volatile("st.shared::cluster.u32 [%0], %1;" ::"r"(nt_cluster_address(nt_shared_address(own), rank)), "r"(value)
               : "memory");
#else
  *own = value;
#endif
}
__device__ __forceinline__ void sample_write(nt_u64 *own, nt_u64 value, int rank) {
#if NT_BLOCKS > 1
  asm volatile("st.shared::cluster.u64 [%0], %1;" ::"r"(nt_cluster_address(nt_shared_address(own), rank)), "l"(value)
               : "memory");
#else
  *own = value;
#endif
}
__device__ __forceinline__ nt_u64 sample_read(const nt_u64 *own, int rank) {
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

// Tells all blocks what this one has; returns the array of all. The numbers are those of threads 0 ..< NT_BLOCKS.
__device__ __forceinline__ const sample_numbers *sample_publish(sample_row &row, sample_numbers own) {
  sample_numbers *all = row.shared->blocks[row.turn];
  if (threadIdx.x < NT_BLOCKS) {
    sample_write(&all[row.rank].a, own.a, threadIdx.x);
    sample_write(&all[row.rank].b, own.b, threadIdx.x);
    sample_write(&all[row.rank].c, own.c, threadIdx.x);
  }
  sample_sync();
  row.turn ^= 1;
  return all;
}

__device__ __forceinline__ nt_u64 sample_warp_sum(nt_u64 value) {
#pragma unroll
  for (int distance = 16; distance > 0; distance >>= 1) value += __shfl_xor_sync(SAMPLE_ALL_LANES, value, distance);
  return value;
}

// The sums over the lanes up to this one.
template <class Number>
__device__ __forceinline__ Number sample_warp_scan(Number value) {
#pragma unroll
  for (int distance = 1; distance < 32; distance <<= 1) {
    const Number other = __shfl_up_sync(SAMPLE_ALL_LANES, value, distance);
    if (threadIdx.x % 32 >= distance) value += other;
  }
  return value;
}

// From numbers of each warp (the same in its lanes): the sums over the block, for warp 0, and of `a` over the warps
// before.
struct sample_sums {
  sample_numbers total;
  nt_u64 before;
};
__device__ __forceinline__ sample_sums sample_block_sums(sample_row &row, sample_numbers value) {
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  sample_numbers *warps = row.shared->warps[row.turn];
  if (lane == 0) warps[warp] = value;
  __syncthreads();
  sample_numbers other = {0, 0, 0};
  if (lane < NT_WARPS) other = warps[lane];
  sample_sums sums = {};
  sums.before = sample_warp_sum(lane < warp ? other.a : 0);
  if (warp == 0) sums.total = {sample_warp_sum(other.a), sample_warp_sum(other.b), sample_warp_sum(other.c)};
  return sums;
}

// The same over the row, in the order of ids; the sums are for all threads.
__device__ __forceinline__ sample_sums sample_row_sums(sample_row &row, sample_numbers value) {
  sample_sums sums = sample_block_sums(row, value);
  const sample_numbers *blocks = sample_publish(row, sums.total);
  sums.total = {};
#pragma unroll
  for (int i = 0; i < NT_BLOCKS; i++) {
    const sample_numbers other = blocks[i];
    if (i < row.rank) sums.before += other.a;
    sums.total.a += other.a;
    sums.total.b += other.b;
    sums.total.c += other.c;
  }
  return sums;
}

// The least number of all threads of the row.
__device__ __forceinline__ nt_u32 sample_row_minimum(sample_row &row, nt_u32 value) {
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  sample_numbers *warps = row.shared->warps[row.turn];
  value = __reduce_min_sync(SAMPLE_ALL_LANES, value);
  if (lane == 0) warps[warp].a = value;
  __syncthreads();
  value = __reduce_min_sync(SAMPLE_ALL_LANES, (nt_u32)warps[lane % NT_WARPS].a);
  const sample_numbers *blocks = sample_publish(row, {value, 0, 0});
#pragma unroll
  for (int i = 0; i < NT_BLOCKS; i++) value = value < (nt_u32)blocks[i].a ? value : (nt_u32)blocks[i].a;
  return value;
}

#endif
