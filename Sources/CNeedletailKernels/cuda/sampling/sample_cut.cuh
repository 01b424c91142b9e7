// The shortest front of a row, sorted by value (descending) and id (ascending), that measures at least a goal: the sum of
// its tokens' masses, or their number. Nothing is sorted: histograms over parts of the values' range, then over the digits
// of their keys, find the last value that is kept and how many of its ties.
#ifndef NEEDLETAIL_CUDA_SAMPLE_CUT_CUH
#define NEEDLETAIL_CUDA_SAMPLE_CUT_CUH
#include "sampling/sample_row.cuh"

// How values are turned into masses: weight = exp((value - maximum) * scale).
struct sample_weighing {
  float maximum, scale;
};
__device__ __forceinline__ float sample_weight(float value, sample_weighing w) {
  return sample_exp(__fmul_rn(__fsub_rn(value, w.maximum), w.scale));
}
__device__ __forceinline__ nt_u64 sample_mass_of(float value, sample_weighing w) {
  return sample_mass(sample_weight(value, w));
}

// SAMPLE_BUCKETS equal parts of a range, the highest values in part 0, all below it in the last one.
struct sample_parts {
  float top, scale;
};
__device__ __forceinline__ sample_parts sample_parts_of(float top, float bottom) {
  const float range = top - bottom;
  // Scale 0, one part for all, where the values are equal or too far apart.
  return {top, range > 1e-30f && range < 1e30f ? (float)(SAMPLE_BUCKETS - 1) / range : 0.0f};
}
__device__ __forceinline__ int sample_part(float value, sample_parts parts) {
  const float part = __fmul_rn(__fsub_rn(parts.top, value), parts.scale);
  return part < (float)(SAMPLE_BUCKETS - 1) ? (int)part : SAMPLE_BUCKETS - 1;
}

// Before each use of the histogram but a row's first, all blocks must have read the one before (sample_sync).
__device__ __forceinline__ void sample_clear_histogram(sample_row &row) {
  for (int i = threadIdx.x; i < SAMPLE_BUCKETS; i += NT_THREADS) row.shared->histogram[i] = 0;
  __syncthreads();
}

// Shared memory has no 64-bit additions: the low word's carry is found by comparing.
__device__ __forceinline__ void sample_count(sample_row &row, int bucket, nt_u64 measure) {
  nt_u32 *words = (nt_u32 *)&row.shared->histogram[bucket], low = (nt_u32)measure, high = (nt_u32)(measure >> 32);
  const nt_u32 before = atomicAdd(words, low);
  high += before + low < before;
  if (high) atomicAdd(words + 1, high);
}

// The first bucket with which the sum of the buckets of all blocks reaches the goal (the last one if none does), and what
// of the goal is left for it.
struct sample_reached {
  int bucket;
  nt_u64 goal;
};
SAMPLE_CALL sample_reached sample_reach(sample_row &row, nt_u64 goal) {
  constexpr int each = SAMPLE_BUCKETS / NT_THREADS;
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  sample_sync();
  nt_u64 buckets[each], sum = 0;
#pragma unroll
  for (int i = 0; i < each; i++) buckets[i] = 0;
#pragma unroll
  for (int rank = 0; rank < NT_BLOCKS; rank++)
#pragma unroll
    for (int i = 0; i < each; i++)
      buckets[i] += sample_read_of(&row.shared->histogram[threadIdx.x * each + i], rank);
#pragma unroll
  for (int i = 0; i < each; i++) sum += buckets[i];
  nt_u64 upto = sum;
#pragma unroll
  for (int distance = 1; distance < 32; distance <<= 1) {
    const nt_u64 other = __shfl_up_sync(0xffffffffu, upto, distance);
    if (lane >= distance) upto += other;
  }
  sample_pair *warps = row.shared->warps[row.turn];
  if (lane == 31) warps[warp].a = upto;
  __syncthreads();
  for (int i = 0; i < warp; i++) upto += warps[i].a;
  nt_u64 before = upto - sum;
  if (before < goal && (upto >= goal || threadIdx.x == NT_THREADS - 1)) {
    int i = 0;
    while (i + 1 < each && before + buckets[i] < goal) before += buckets[i++];
    row.shared->found[0] = threadIdx.x * each + i;
    row.shared->found[1] = goal - before;
  }
  __syncthreads();
  row.turn ^= 1;
  return {(int)row.shared->found[0], row.shared->found[1]};
}

// What is kept of a row: values above a key, and of those equal to it the ids below `tie_end`.
#define SAMPLE_EVERY_ID 0x7fffffffffffffffLL
struct sample_kept {
  nt_u32 key;
  nt_i64 tie_end;
};
__device__ __forceinline__ bool sample_keeps(sample_kept kept, float value, nt_i64 id) {
  const nt_u32 key = sample_key(value);
  return value > SAMPLE_NONE && (key > kept.key || (key == kept.key && id < kept.tie_end));
}

// The exact cut among the values whose part is `reached.bucket`; those of lower parts are kept. `measure(value)` is what a
// value adds.
template <class Measure>
SAMPLE_CALL sample_kept sample_cut(
  sample_row &row, sample_parts parts, sample_reached reached, sample_kept within, Measure measure) {
  // Complemented keys ascend from the best value on; a prefix of one grows by 11, 11 and 10 bits.
  const int part = reached.bucket;
  nt_u32 prefix = 0, mask = 0;
  for (int shift = 21; shift >= 0; shift -= shift == 21 ? 11 : 10) {
    const nt_u32 field = shift == 0 ? 1023 : 2047;
    sample_sync();
    sample_clear_histogram(row);
    SAMPLE_EACH(row, four, index, {
      for (int i = 0; i < 4; i++) {
        const nt_u32 key = ~sample_key(four[i]);
        if (sample_keeps(within, four[i], row.first + index + i) && sample_part(four[i], parts) == part &&
            (key & mask) == prefix)
          sample_count(row, key >> shift & field, measure(four[i]));
      }
    })
    __syncthreads();
    reached = sample_reach(row, reached.goal);
    prefix |= (nt_u32)reached.bucket << shift;
    mask |= field << shift;
    if (shift == 0) break;
  }
  // Of the ties, the first by id until the goal is reached.
  const nt_u64 each = measure(sample_key_value(~prefix));
  const nt_u64 wanted = each > 0 ? (reached.goal + each - 1) / each : ~0ull;
  int ties = 0;
  SAMPLE_EACH(row, four, index, {
    for (int i = 0; i < 4; i++)
      ties += ~sample_key(four[i]) == prefix && sample_keeps(within, four[i], row.first + index + i);
  })
  const nt_u64 mine = sample_warp_sum(ties);
  const sample_prefix place = sample_scan(row, mine);
  // The warp that has the last tie kept finds it and tells all through the sum of what the blocks say.
  nt_i64 end = 0;
  if (wanted <= place.total && place.before < wanted && wanted <= place.before + mine) {
    nt_u64 left = wanted - place.before;
    SAMPLE_EACH(row, four, index, {
      int own = 0;
      for (int i = 0; i < 4; i++)
        own += ~sample_key(four[i]) == prefix && sample_keeps(within, four[i], row.first + index + i);
      int upto = own;
      for (int distance = 1; distance < 32; distance <<= 1) {
        const int other = __shfl_up_sync(0xffffffffu, upto, distance);
        if (threadIdx.x % 32 >= distance) upto += other;
      }
      nt_u64 before = upto - own;
      for (int i = 0; i < 4; i++)
        if (~sample_key(four[i]) == prefix && sample_keeps(within, four[i], row.first + index + i) &&
            ++before == left)
          end = row.first + index + i + 1;
      const nt_u64 all = __shfl_sync(0xffffffffu, upto, 31);
      left = all < left ? left - all : ~0ull;
    })
  }
  const nt_i64 tie_end = (nt_i64)sample_reduce(row, {(nt_u64)end, 0}, sample_add).a;
  return {~prefix, wanted <= place.total ? tie_end : within.key == ~prefix ? within.tie_end : SAMPLE_EVERY_ID};
}

#endif
