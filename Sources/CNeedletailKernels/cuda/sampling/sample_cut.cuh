// The shortest front of a row, sorted by value (descending) and id (ascending), that measures at least a goal, the sum
// of its tokens' masses or their number, where it may be long: a histogram over parts of the values' range finds the
// part in which the front ends, and block 0 sorts what is in it; of a part that is too full, histograms over the digits
// of keys find the last value kept, and how many of its ties.
#ifndef NEEDLETAIL_CUDA_SAMPLE_CUT_CUH
#define NEEDLETAIL_CUDA_SAMPLE_CUT_CUH
#include "sampling/sample_list.cuh"

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

__device__ __forceinline__ void sample_clear_histogram(sample_row &row) {
  // All blocks have read what it held.
  sample_sync();
  for (int i = threadIdx.x; i < SAMPLE_BUCKETS; i += NT_THREADS) row.shared->histogram[i] = 0;
  __syncthreads();
}

// Shared memory has no 64-bit additions: the low word's carry is found by comparing.
__device__ __forceinline__ void sample_count(sample_row &row, int bucket, nt_u64 measure) {
  nt_u32 *words = (nt_u32 *)&row.shared->histogram[bucket];
  const nt_u32 low = (nt_u32)measure;
  nt_u32 high = (nt_u32)(measure >> 32);
  const nt_u32 before = atomicAdd(words, low);
  high += before + low < before;
  if (high) atomicAdd(words + 1, high);
}

// The first bucket with which the sum of the buckets of all blocks reaches the goal (the last one if none does), and
// what of the goal is left for it.
struct sample_reached {
  int bucket;
  nt_u64 goal;
};
SAMPLE_CALL sample_reached sample_reach(sample_row &row, nt_u64 goal) {
  // Each block adds up some buckets of all histograms; the lists' memory is free meanwhile.
  constexpr int own = SAMPLE_BUCKETS / NT_BLOCKS, each = own > NT_THREADS ? own / NT_THREADS : 1;
  nt_u64 *sums = (nt_u64 *)row.shared->ids, mine = 0;
  sample_sync();
  for (int i = threadIdx.x; i < own; i += NT_THREADS) {
    nt_u64 sum = 0;
#pragma unroll
    for (int rank = 0; rank < NT_BLOCKS; rank++)
      sum += sample_read(&row.shared->histogram[row.rank * own + i], rank);
    sums[i] = sum;
    mine += sum;
  }
  const sample_sums blocks_total = sample_block_sums(row, {sample_warp_sum(mine), 0, 0});
  const sample_numbers *blocks = sample_publish(row, blocks_total.total);
  int block = 0;
  while (block + 1 < NT_BLOCKS && blocks[block].a < goal) goal -= blocks[block++].a;
  nt_u64 buckets[each], sum = 0;
#pragma unroll
  for (int i = 0; i < each; i++) {
    const int at = threadIdx.x * each + i;
    buckets[i] = at < own ? sample_read(&sums[at], block) : 0;
    sum += buckets[i];
  }
  nt_u64 before = sample_block_scan(row.shared, sum).before;
  const bool is_last = threadIdx.x == (own - 1) / each;
  if (threadIdx.x * each < own && before < goal && (before + sum >= goal || is_last)) {
    int i = 0;
#pragma unroll
    for (int j = 0; j + 1 < each; j++)
      if (i == j && before + buckets[j] < goal) {
        before += buckets[j];
        i += 1;
      }
    row.shared->found[0] = block * own + threadIdx.x * each + i;
    row.shared->found[1] = goal - before;
  }
  __syncthreads();
  const sample_reached reached = {(int)row.shared->found[0], row.shared->found[1]};
  __syncthreads();
  return reached;
}

// What a value adds to a front: one, or its mass.
struct sample_measure {
  bool counts;
  sample_weighing weighing;
  __device__ __forceinline__ nt_u64 operator()(float value) const { return counts ? 1 : weighing.mass(value); }
};

// Makes block 0's list of the tokens kept whose part is one of first ... last, if they are at most SAMPLE_LIST; returns
// their number.
SAMPLE_CALL int sample_gather(sample_row &row, sample_kept within, sample_parts parts, int first, int last) {
  const auto keeps = [&](float value, nt_i64 id) {
    const int part = sample_part(value, parts);
    return sample_keeps(within, value, id) && part >= first && part <= last;
  };
  int count = 0;
  SAMPLE_EACH(row, four, index, {
    for (int i = 0; i < 4; i++) count += keeps(four[i], row.first + index + i);
  })
  const sample_sums sums = sample_row_sums(row, {sample_warp_sum(count), 0, 0});
  if (sums.total.a > SAMPLE_LIST) return 0x7fffffff;
  int next = (int)sums.before;
  SAMPLE_EACH(row, four, index, {
    bool kept[4];
    int own = 0;
    for (int i = 0; i < 4; i++) {
      kept[i] = keeps(four[i], row.first + index + i);
      own += kept[i];
    }
    if (__any_sync(SAMPLE_ALL_LANES, own > 0)) {
      const int upto = sample_warp_scan(own);
      int to = next + upto - own;
      for (int i = 0; i < 4; i++)
        if (kept[i]) {
          sample_write((nt_u32 *)row.shared->ids + to, (nt_u32)(row.first + index + i), 0);
          sample_write((nt_u32 *)row.shared->list + to, __float_as_uint(four[i]), 0);
          to += 1;
        }
      next += __shfl_sync(SAMPLE_ALL_LANES, upto, 31);
    }
  })
  sample_sync();
  return (int)sums.total.a;
}

// The exact cut among the values whose part is reached.bucket, those of lower parts being kept, by the digits of their
// keys.
SAMPLE_CALL sample_kept sample_cut_by_digits(
  sample_row &row, sample_parts parts, sample_reached reached, sample_kept within, sample_measure measure) {
  // Complemented keys ascend from the best value on; a prefix of one grows by 11, 11 and 10 bits.
  const int part = reached.bucket;
  nt_u32 prefix = 0, mask = 0;
  for (int shift = 21; shift >= 0; shift -= shift == 21 ? 11 : 10) {
    const nt_u32 field = shift == 0 ? 1023 : 2047;
    sample_clear_histogram(row);
    SAMPLE_EACH(row, four, index, {
      for (int i = 0; i < 4; i++) {
        const nt_u32 key = ~sample_key(four[i]);
        if (sample_keeps(within, four[i], row.first + index + i) && sample_part(four[i], parts) == part &&
            (key & mask) == prefix)
          sample_count(row, key >> shift & field, measure(four[i]));
      }
    })
    reached = sample_reach(row, reached.goal);
    prefix |= (nt_u32)reached.bucket << shift;
    mask |= field << shift;
    if (shift == 0) break;
  }
  // Of the ties, the first by id until the goal is reached.
  const auto is_tie = [&](float value, nt_i64 id) {
    return ~sample_key(value) == prefix && sample_keeps(within, value, id);
  };
  const nt_u64 each = measure(sample_key_value(~prefix));
  const nt_u64 wanted = each > 0 ? (reached.goal + each - 1) / each : ~0ull;
  int ties = 0;
  SAMPLE_EACH(row, four, index, {
    for (int i = 0; i < 4; i++) ties += is_tie(four[i], row.first + index + i);
  })
  const nt_u64 mine = sample_warp_sum(ties);
  const sample_sums place = sample_row_sums(row, {mine, 0, 0});
  // The warp that has the last tie kept finds it; the sum of what all say tells it to all.
  nt_u64 end = 0;
  if (wanted <= place.total.a && place.before < wanted && wanted <= place.before + mine) {
    nt_u64 before = place.before;
    SAMPLE_EACH(row, four, index, {
      int own = 0;
      for (int i = 0; i < 4; i++) own += is_tie(four[i], row.first + index + i);
      const int upto = sample_warp_scan(own);
      nt_u64 number = before + upto - own;
      for (int i = 0; i < 4; i++)
        if (is_tie(four[i], row.first + index + i) && ++number == wanted) end = row.first + index + i + 1;
      before += __shfl_sync(SAMPLE_ALL_LANES, upto, 31);
    })
  }
  const nt_i64 tie_end = (nt_i64)sample_row_sums(row, {sample_warp_sum(end), 0, 0}).total.a;
  if (wanted <= place.total.a) return {~prefix, tie_end};
  return {~prefix, within.key == ~prefix ? within.tie_end : SAMPLE_EVERY_ID};
}

// The same by sorting what is in the part, if that is not too much.
SAMPLE_CALL sample_kept sample_cut(
  sample_row &row, sample_parts parts, sample_reached reached, sample_kept within, sample_measure measure) {
  const int count = sample_gather(row, within, parts, reached.bucket, reached.bucket);
  if (count > SAMPLE_LIST) return sample_cut_by_digits(row, parts, reached, within, measure);
  if (row.rank == 0) {
    constexpr int each = SAMPLE_LIST / NT_THREADS;
    sample_sort(row.shared, count);
    nt_u64 measures[each], sum = 0;
#pragma unroll
    for (int i = 0; i < each; i++) {
      const int at = threadIdx.x * each + i;
      measures[i] = at < count ? measure(row.shared->list[(nt_u32)row.shared->order[at]]) : 0;
      sum += measures[i];
    }
    nt_u64 before = sample_block_scan(row.shared, sum).before;
#pragma unroll
    for (int i = 0; i < each; i++) {
      const int at = threadIdx.x * each + i;
      if (at < count && before < reached.goal && (before + measures[i] >= reached.goal || at == count - 1)) {
        const nt_u64 entry = row.shared->order[at];
        row.shared->found[0] = ~(nt_u32)(entry >> 32);
        row.shared->found[1] = (nt_u64)row.shared->ids[(nt_u32)entry] + 1;
      }
      before += measures[i];
    }
    __syncthreads();
  }
  const sample_numbers *blocks = sample_publish(row, {row.shared->found[0], row.shared->found[1], 0});
  return {(nt_u32)blocks[0].a, (nt_i64)blocks[0].b};
}

#endif
