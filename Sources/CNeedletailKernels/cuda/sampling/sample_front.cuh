// Few tokens can be in the front of a row that top-k or top-p keeps. A bound that at least k values reach is found in
// one block, from its threads' largest values; the tokens that reach the highest of the blocks' bounds go to block 0.
#ifndef NEEDLETAIL_CUDA_SAMPLE_FRONT_CUH
#define NEEDLETAIL_CUDA_SAMPLE_FRONT_CUH
#include "sampling/sample_row.cuh"

// More than wanted by so much is as good: a bound is found in fewer steps.
__device__ __forceinline__ int sample_enough(int wanted) { return wanted + wanted / 4 + 8; }

// The keys of the largest value, and of a bound that at least `wanted` values reach; 0: there is none.
struct sample_peak {
  nt_u32 largest, bound;
};
SAMPLE_CALL sample_peak sample_find_peak(sample_row &row, int wanted) {
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  sample_numbers *warps = row.shared->warps[row.turn];
  const nt_u32 mine = row.largest;
  nt_u32 high = __reduce_max_sync(SAMPLE_ALL_LANES, mine);
  nt_u32 low = __reduce_min_sync(SAMPLE_ALL_LANES, mine ? mine : 0xffffffffu);
  if (lane == 0) warps[warp] = {high, low, 0};
  __syncthreads();
  high = __reduce_max_sync(SAMPLE_ALL_LANES, (nt_u32)warps[lane % NT_WARPS].a);
  low = __reduce_min_sync(SAMPLE_ALL_LANES, (nt_u32)warps[lane % NT_WARPS].b);
  nt_u32 bound = 0;
  if (wanted > 0 && wanted <= NT_THREADS && __syncthreads_count(mine != 0) >= wanted) {
    // At least `wanted` threads reach `low`, fewer what lies above `high`.
    const nt_u32 top = high;
    while (low < high) {
      const nt_u32 middle = low + (high - low) / 2 + 1;
      const int count = __syncthreads_count(mine >= middle);
      if (count < wanted) {
        high = middle - 1;
      } else {
        low = middle;
        if (count <= sample_enough(wanted)) break;
      }
    }
    bound = low;
    high = top;
  }
  const nt_u64 next = __shfl_sync(SAMPLE_ALL_LANES, (nt_u64)row.next, 0);
  const sample_numbers *blocks = sample_publish(row, {high, bound, next});
  row.next = (nt_i64)blocks[0].c;
  sample_peak peak = {0, 0};
#pragma unroll
  for (int i = 0; i < NT_BLOCKS; i++) {
    const nt_u32 a = (nt_u32)blocks[i].a, b = (nt_u32)blocks[i].b;
    peak.largest = a > peak.largest ? a : peak.largest;
    peak.bound = b > peak.bound ? b : peak.bound;
  }
  return peak;
}

// What blocks brought to block 0.
struct sample_brought {
  const sample_numbers *blocks;  // tokens of each as a; all masses as b and those of the tokens brought as c
  int count;                     // 0: some block had more than its segment has room for
  nt_u64 total, mass;
};

// Brings the tokens that reach a bound to block 0's segments. With `weighs` also adds up masses.
template <bool weighs>
SAMPLE_CALL sample_brought sample_bring(sample_row &row, nt_u32 bound, sample_weighing weighing) {
  const float least = bound ? sample_key_value(bound) : -SAMPLE_LARGEST;
  const bool has_any = __any_sync(SAMPLE_ALL_LANES, row.largest != 0 && row.largest >= bound);
  sample_numbers own = {0, 0, 0};
  if (weighs) {
    sample_mass all = {0, 0};
    SAMPLE_EACH_FAST(row, four, index, {
      for (int i = 0; i < 4; i++) all.add(weighing.weight(four[i]));
    })
    own.b = all.value();
  }
  nt_u32 count = 0;
  if (has_any) {
    SAMPLE_EACH(row, four, index, {
      for (int i = 0; i < 4; i++)
        if (four[i] >= least) {
          count += 1;
          if (weighs) own.c += weighing.mass(four[i]);
        }
    })
    count = __reduce_add_sync(SAMPLE_ALL_LANES, count);
  }
  own.a = count;
  if (weighs) {
    own.b = sample_warp_sum(own.b);
    own.c = sample_warp_sum(own.c);
  }
  const sample_sums sums = sample_block_sums(row, own);
  // A segment that overflows is not used; what fits is written all the same.
  if (count > 0 && sums.before + count <= SAMPLE_SEGMENT) {
    int next = row.rank * SAMPLE_SEGMENT + (int)sums.before;
    SAMPLE_EACH(row, four, index, {
      int kept = 0;
      for (int i = 0; i < 4; i++) kept += four[i] >= least;
      if (__any_sync(SAMPLE_ALL_LANES, kept > 0)) {
        const int upto = sample_warp_scan(kept);
        int to = next + upto - kept;
        for (int i = 0; i < 4; i++)
          if (four[i] >= least) {
            sample_write((nt_u32 *)row.shared->ids + to, (nt_u32)(row.first + index + i), 0);
            sample_write((nt_u32 *)row.shared->list + to, __float_as_uint(four[i]), 0);
            to += 1;
          }
        next += __shfl_sync(SAMPLE_ALL_LANES, upto, 31);
      }
    })
  }
  const sample_numbers *blocks = sample_publish(row, sums.total);
  sample_brought brought = {blocks, 0, 0, 0};
  bool fits = true;
#pragma unroll
  for (int i = 0; i < NT_BLOCKS; i++) {
    fits = fits && blocks[i].a <= SAMPLE_SEGMENT;
    brought.count += (int)blocks[i].a;
    brought.total += blocks[i].b;
    brought.mass += blocks[i].c;
  }
  if (!fits) brought.count = 0;
  return brought;
}

// Makes one list of the segments, of no more tokens than it takes to have the `wanted` largest (0: of all); returns
// their number. By block 0.
SAMPLE_CALL int sample_join(sample_shared *shared, sample_brought brought, int wanted) {
  constexpr int strips = SAMPLE_LIST / NT_THREADS;
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  nt_i32 ids[strips];
  float values[strips];
  nt_u32 keys[strips];
  nt_u32 high = 0, low = 0xffffffffu;
#pragma unroll
  for (int i = 0; i < strips; i++) {
    keys[i] = 0;
    int at = i * NT_THREADS + threadIdx.x, block = 0;
    if (at >= brought.count) continue;
    while (at >= (int)brought.blocks[block].a) at -= (int)brought.blocks[block++].a;
    ids[i] = shared->ids[block * SAMPLE_SEGMENT + at];
    values[i] = shared->list[block * SAMPLE_SEGMENT + at];
    keys[i] = sample_key(values[i]);
    high = keys[i] > high ? keys[i] : high;
    low = keys[i] < low ? keys[i] : low;
  }
  nt_u32 bound = 1;
  if (wanted > 0 && brought.count > sample_enough(wanted)) {
    high = __reduce_max_sync(SAMPLE_ALL_LANES, high);
    low = __reduce_min_sync(SAMPLE_ALL_LANES, low);
    if (lane == 0) shared->list_warps[warp] = (nt_u64)high << 32 | low;
    __syncthreads();
    const nt_u64 both = shared->list_warps[lane % NT_WARPS];
    high = __reduce_max_sync(SAMPLE_ALL_LANES, (nt_u32)(both >> 32));
    low = __reduce_min_sync(SAMPLE_ALL_LANES, (nt_u32)both);
    while (low < high) {
      const nt_u32 middle = low + (high - low) / 2 + 1;
      int count = 0;
#pragma unroll
      for (int i = 0; i < strips; i++)
        if (i * NT_THREADS < brought.count) count += __syncthreads_count(keys[i] >= middle);
      if (count < wanted) {
        high = middle - 1;
      } else {
        low = middle;
        if (count <= sample_enough(wanted)) break;
      }
    }
    bound = low;
  }
  int joined = 0;
#pragma unroll
  for (int i = 0; i < strips; i++) {
    if (i * NT_THREADS >= brought.count) continue;
    const nt_u32 kept = __ballot_sync(SAMPLE_ALL_LANES, keys[i] >= bound);
    __syncthreads();
    if (lane == 0) shared->list_warps[warp] = __popc(kept);
    __syncthreads();
    int to = joined + __popc(kept & ((1u << lane) - 1));
#pragma unroll 8
    for (int j = 0; j < NT_WARPS; j++) {
      const int other = (int)shared->list_warps[j];
      if (j < warp) to += other;
      joined += other;
    }
    if (keys[i] >= bound) {
      shared->ids[to] = ids[i];
      shared->list[to] = values[i];
    }
  }
  __syncthreads();
  return joined;
}

#endif
