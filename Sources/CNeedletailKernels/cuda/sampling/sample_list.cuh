// A short list of a row's tokens in the order of their ids, which block 0 sorts and draws from alone.
#ifndef NEEDLETAIL_CUDA_SAMPLE_LIST_CUH
#define NEEDLETAIL_CUDA_SAMPLE_LIST_CUH
#include "sampling/sample_cut.cuh"

// Makes the list of the tokens with keeps(value, id), if they are at most SAMPLE_LIST; returns their number.
template <class Keeps>
SAMPLE_CALL int sample_gather(sample_row &row, Keeps keeps) {
  const int lane = threadIdx.x % 32;
  int count = 0;
  SAMPLE_EACH(row, four, index, {
    for (int i = 0; i < 4; i++) count += four[i] > SAMPLE_NONE && keeps(four[i], row.first + index + i);
  })
  const sample_prefix place = sample_scan(row, sample_warp_sum(count));
  if (place.total > SAMPLE_LIST) return 0x7fffffff;
  int next = (int)place.before;
  SAMPLE_EACH(row, four, index, {
    bool kept[4];
    int own = 0;
    for (int i = 0; i < 4; i++) {
      kept[i] = four[i] > SAMPLE_NONE && keeps(four[i], row.first + index + i);
      own += kept[i];
    }
    if (__any_sync(0xffffffffu, own > 0)) {
      int upto = own;
#pragma unroll
      for (int distance = 1; distance < 32; distance <<= 1) {
        const int other = __shfl_up_sync(0xffffffffu, upto, distance);
        if (lane >= distance) upto += other;
      }
      int to = next + upto - own;
      for (int i = 0; i < 4; i++)
        if (kept[i]) {
          sample_write_first(row.shared->ids + to, (nt_i32)(row.first + index + i));
          sample_write_first(row.shared->list + to, four[i]);
          to += 1;
        }
      next += __shfl_sync(0xffffffffu, upto, 31);
    }
  })
  sample_sync();
  return (int)place.total;
}

// Sorts the list: order[i] gets the key (complemented) and the place in the list of the i-th largest value, ties by id.
SAMPLE_CALL void sample_sort(sample_shared *shared, int count) {
  int padded = 2;
  while (padded < count) padded *= 2;
  for (int i = threadIdx.x; i < padded; i += NT_THREADS)
    shared->order[i] = i < count ? (nt_u64)~sample_key(shared->list[i]) << 32 | i : ~0ull;
  __syncthreads();
  // Batcher's bitonic network (1968).
  for (int run = 2; run <= padded; run *= 2)
    for (int distance = run / 2; distance > 0; distance /= 2) {
      for (int i = threadIdx.x; i < padded / 2; i += NT_THREADS) {
        const int low = i / distance * 2 * distance + i % distance, high = low + distance;
        const nt_u64 x = shared->order[low], y = shared->order[high];
        if ((x > y) == ((low & run) == 0)) {
          shared->order[low] = y;
          shared->order[high] = x;
        }
      }
      if (padded > 64 || NT_WARPS == 1) __syncthreads();
      else __syncwarp();
    }
  __syncthreads();
}

// The sum of the numbers of the threads before this one, and of all; by one whole block.
SAMPLE_CALL sample_prefix sample_block_scan(sample_shared *shared, nt_u64 value) {
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  nt_u64 upto = value;
#pragma unroll
  for (int distance = 1; distance < 32; distance <<= 1) {
    const nt_u64 other = __shfl_up_sync(0xffffffffu, upto, distance);
    if (lane >= distance) upto += other;
  }
  __syncthreads();
  if (lane == 31) shared->list_warps[warp] = upto;
  __syncthreads();
  nt_u64 before = upto - value, total = 0;
  for (int i = 0; i < NT_WARPS; i++) {
    if (i < warp) before += shared->list_warps[i];
    total += shared->list_warps[i];
  }
  return {before, total};
}

// Draws out of the sorted list: top-k, top-p (of `total`, or where there is a top-k of what it leaves), min-p, then by
// mass in the order of ids. True for the one thread that has the token.
SAMPLE_CALL bool sample_draw_of_list(
  sample_shared *shared, int count, const nt_sampling_row &parameters, sample_weighing weighing, bool has_top_k,
  nt_u64 total, nt_i32 &token) {
  constexpr int each = SAMPLE_LIST / NT_THREADS;
  const bool has_top_p = parameters.top_p < 1;
  const float least = parameters.min_p > 1 ? 1 : parameters.min_p;
  const int limit = has_top_k && parameters.top_k < count ? parameters.top_k : count;
  int places[each];
  float weights[each];
  nt_u64 sum = 0;
#pragma unroll
  for (int i = 0; i < each; i++) {
    const int at = threadIdx.x * each + i;
    places[i] = -1;
    if (at >= count) continue;
    places[i] = (int)(nt_u32)shared->order[at];
    weights[i] = sample_weight(shared->list[places[i]], weighing);
    if (at < limit) sum += sample_mass(weights[i]);
  }
  const sample_prefix sorted = sample_block_scan(shared, sum);
  if (has_top_k) total = sorted.total;
  const nt_u64 goal = has_top_p ? sample_goal(parameters.top_p, total) : ~0ull;
  nt_u64 before = sorted.before;
#pragma unroll
  for (int i = 0; i < each; i++) {
    if (places[i] < 0) continue;
    const nt_u64 mass = sample_mass(weights[i]);
    const bool kept = threadIdx.x * each + i < limit && before < goal && !(weights[i] < least);
    before += mass;
    shared->order[places[i]] = kept ? mass : 0;
  }
  __syncthreads();
  nt_u64 masses[each];
  sum = 0;
#pragma unroll
  for (int i = 0; i < each; i++) {
    const int at = threadIdx.x * each + i;
    masses[i] = at < count ? shared->order[at] : 0;
    sum += masses[i];
  }
  const sample_prefix drawn = sample_block_scan(shared, sum);
  const nt_u64 place = sample_place(parameters.seed, parameters.position, drawn.total);
  if (place < drawn.before || place >= drawn.before + sum) return false;
  nt_u64 left = place - drawn.before;
  int i = 0;
#pragma unroll
  for (int j = 0; j + 1 < each; j++)
    if (i == j && left >= masses[j]) {
      left -= masses[j];
      i += 1;
    }
  token = shared->ids[threadIdx.x * each + i];
  return true;
}

// Draws by mass in the order of ids out of all tokens with keeps(value, weight, id). True for the one thread that has the
// token.
template <class Keeps>
SAMPLE_CALL bool sample_draw_of_row(
  sample_row &row, const nt_sampling_row &parameters, sample_weighing weighing, Keeps keeps, nt_i32 &token) {
  const int lane = threadIdx.x % 32;
  const auto mass_of = [&](float value, nt_i64 id) -> nt_u64 {
    if (!(value > SAMPLE_NONE)) return 0;
    const float weight = sample_weight(value, weighing);
    return keeps(value, weight, id) ? sample_mass(weight) : 0;
  };
  nt_u64 sum = 0;
  SAMPLE_EACH(row, four, index, {
    for (int i = 0; i < 4; i++) sum += mass_of(four[i], row.first + index + i);
  })
  sum = sample_warp_sum(sum);
  const sample_prefix prefix = sample_scan(row, sum);
  const nt_u64 place = sample_place(parameters.seed, parameters.position, prefix.total);
  if (place < prefix.before || place >= prefix.before + sum) return false;
  bool found = false;
  nt_u64 before = prefix.before;
  SAMPLE_EACH(row, four, index, {
    nt_u64 masses[4];
    nt_u64 own = 0;
    for (int i = 0; i < 4; i++) own += masses[i] = mass_of(four[i], row.first + index + i);
    nt_u64 upto = own;
#pragma unroll
    for (int distance = 1; distance < 32; distance <<= 1) {
      const nt_u64 other = __shfl_up_sync(0xffffffffu, upto, distance);
      if (lane >= distance) upto += other;
    }
    nt_u64 start = before + upto - own;
    if (place >= start && place < start + own) {
      int i = 0;
      while (i < 3 && place >= start + masses[i]) start += masses[i++];
      token = (nt_i32)(row.first + index + i);
      found = true;
    }
    before += __shfl_sync(0xffffffffu, upto, 31);
  })
  return found;
}

#endif
