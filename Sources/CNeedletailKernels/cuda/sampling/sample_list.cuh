// A short list of a row's tokens in the order of their ids, which block 0 sorts and draws from alone.
#ifndef NEEDLETAIL_CUDA_SAMPLE_LIST_CUH
#define NEEDLETAIL_CUDA_SAMPLE_LIST_CUH
#include "sampling/sample_row.cuh"

// Sorts the list: order[i] gets the key (complemented) and the place in the list of the i-th largest value, ties by id.
SAMPLE_CALL void sample_sort(sample_shared *shared, int count) {
  constexpr int sharers = 4;
  if (count * sharers <= NT_THREADS) {
    // Each place is the number of tokens that come before: a quarter of them is counted by each of four threads.
    nt_u64 *keys = shared->order + SAMPLE_LIST / 2;
    const int mine = threadIdx.x / sharers, part = threadIdx.x % sharers;
    if (threadIdx.x < count)
      keys[threadIdx.x] = (nt_u64)~sample_key(shared->list[threadIdx.x]) << 32 | threadIdx.x;
    __syncthreads();
    const nt_u64 key = mine < count ? keys[mine] : 0;
    int place = 0;
    for (int i = part; i < count; i += sharers) place += keys[i] < key;
    place += __shfl_xor_sync(SAMPLE_ALL_LANES, place, 1);
    place += __shfl_xor_sync(SAMPLE_ALL_LANES, place, 2);
    if (mine < count && part == 0) shared->order[place] = key;
    __syncthreads();
    return;
  }
  int padded = 2;
  while (padded < count) padded *= 2;
  for (int i = threadIdx.x; i < padded; i += NT_THREADS)
    shared->order[i] = i < count ? (nt_u64)~sample_key(shared->list[i]) << 32 | i : ~0ull;
  __syncthreads();
  // Batcher's bitonic network (1968).
  for (int run = 2; run <= padded; run *= 2)
    for (int distance = run / 2; distance > 0; distance /= 2) {
      for (int i = threadIdx.x; i < padded / 2; i += NT_THREADS) {
        const int low = 2 * i - (i & (distance - 1)), high = low + distance;
        const nt_u64 x = shared->order[low], y = shared->order[high];
        if ((x > y) == ((low & run) == 0)) {
          shared->order[low] = y;
          shared->order[high] = x;
        }
      }
      __syncthreads();
    }
}

// The sum of the numbers of the threads before this one, and of all; by one whole block.
struct sample_prefix {
  nt_u64 before, total;
};
SAMPLE_CALL sample_prefix sample_block_scan(sample_shared *shared, nt_u64 value) {
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const nt_u64 upto = sample_warp_scan(value);
  __syncthreads();
  if (lane == 31) shared->list_warps[warp] = upto;
  __syncthreads();
  nt_u64 before = upto - value, total = 0;
#pragma unroll 8
  for (int i = 0; i < NT_WARPS; i++) {
    const nt_u64 other = shared->list_warps[i];
    if (i < warp) before += other;
    total += other;
  }
  return {before, total};
}

// Draws out of the sorted list: top-k, top-p (of `total`, or where there is a top-k of what it leaves), min-p, then by
// mass in the order of ids. True for the one thread that has the token.
SAMPLE_CALL bool sample_draw_of_list(
  sample_shared *shared, int count, const nt_sampling_row &parameters, sample_weighing weighing, bool has_top_k,
  nt_u64 total, nt_i32 &token) {
  // Neighbouring entries of the sorted list, then of the list.
  constexpr int each = SAMPLE_LIST / NT_THREADS;
  const bool has_top_p = parameters.top_p < 1;
  const float least = parameters.min_p > 1 ? 1 : parameters.min_p;
  const int limit = has_top_k && parameters.top_k < count ? parameters.top_k : count;
  // Few tokens: one a thread.
  const int mine = count <= NT_THREADS ? 1 : each;
  int places[each];
  float weights[each];
  nt_u64 sum = 0;
#pragma unroll
  for (int i = 0; i < each; i++) {
    const int at = threadIdx.x * mine + i;
    places[i] = -1;
    if (at >= count || i >= mine) continue;
    places[i] = (int)(nt_u32)shared->order[at];
    weights[i] = weighing.weight(shared->list[places[i]]);
    sample_mass mass = {0, 0};
    mass.add(weights[i]);
    if (at < limit) sum += mass.value();
  }
  const sample_prefix sorted = sample_block_scan(shared, sum);
  if (has_top_k) total = sorted.total;
  const nt_u64 goal = has_top_p ? sample_goal(parameters.top_p, total) : ~0ull;
  nt_u64 before = sorted.before;
#pragma unroll
  for (int i = 0; i < each; i++) {
    if (places[i] < 0) continue;
    sample_mass mass = {0, 0};
    mass.add(weights[i]);
    const bool kept = threadIdx.x * mine + i < limit && before < goal && !(weights[i] < least);
    before += mass.value();
    shared->order[places[i]] = kept ? mass.value() : 0;
  }
  __syncthreads();
  nt_u64 masses[each];
  sum = 0;
#pragma unroll
  for (int i = 0; i < each; i++) {
    const int at = threadIdx.x * mine + i;
    masses[i] = at < count && i < mine ? shared->order[at] : 0;
    sum += masses[i];
  }
  const sample_prefix drawn = sample_block_scan(shared, sum);
  const nt_u64 place = sample_place(parameters.seed, parameters.position, drawn.total);
  if (place < drawn.before || place >= drawn.before + sum) return false;
  nt_u64 left = place - drawn.before;
  int at = 0;
#pragma unroll
  for (int i = 0; i + 1 < each; i++)
    if (at == i && left >= masses[i]) {
      left -= masses[i];
      at += 1;
    }
  token = shared->ids[threadIdx.x * mine + at];
  return true;
}

#endif
