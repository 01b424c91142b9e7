// The work of a step of few tokens: for each expert that a token has chosen, its tiles of rows of the weight, each
// with up to NT_ROWS of its pairs (a token and a choice). Every block makes the same lists of it in its own shared
// memory.
#ifndef NEEDLETAIL_EXPERTS_FEW_ITEMS_CUH
#define NEEDLETAIL_EXPERTS_FEW_ITEMS_CUH
#include "experts.h"
#include "product/shape.cuh"

// The most pairs of a step: 512 or 1024. There are up to 512 experts, one for each thread of the block.
#ifndef NT_PAIRS
#define NT_PAIRS 512
#endif
constexpr int nt_most_experts = 512;

struct nt_few_choice {
  short expert, before;
};

struct nt_few_lists {
  nt_u16 experts[nt_most_experts];     // those that are chosen, ascending
  nt_u16 firsts[nt_most_experts + 2];  // where the pairs of each of them start in `pairs`
  nt_u16 groups[nt_most_experts + 2];  // groups of NT_ROWS pairs of all those before
  nt_u32 counts[nt_most_experts];      // of each expert its pairs, then where they start
  nt_u32 warp_sums[nt_most_experts / 32];
  nt_few_choice choices[NT_PAIRS];  // of each pair its expert, and how many pairs of it are before
  nt_u16 pairs[NT_PAIRS];           // by expert, of one expert in ascending order
};

// Makes the lists; all 512 threads of the block call it. Returns how many experts are chosen.
__device__ __forceinline__ int nt_make_lists(
  nt_few_lists &lists, const nt_i32 *chosen, int count, int experts, bool one_token) {
  const int i = threadIdx.x, warp = i / 32, lane = i % 32;
  if (one_token) {
    // Its experts are different ones, or it is padding and has none.
    const bool is_there = count > 0 && chosen[0] >= 0;
    if (i < count) {
      lists.experts[i] = (nt_u16)chosen[i];
      lists.pairs[i] = (nt_u16)i;
    }
    if (i <= count) lists.firsts[i] = lists.groups[i] = (nt_u16)i;
    __syncthreads();
    return is_there ? count : 0;
  }
  for (int pair = i; pair < NT_PAIRS; pair += nt_most_experts) {
    const nt_i32 expert = pair < count ? chosen[pair] : -1;
    lists.choices[pair].expert = (short)(expert < experts ? expert : -1);
  }
  lists.counts[i] = 0;
  __syncthreads();
  // How many pairs of its expert are before each pair: by one warp, 32 pairs at a time.
  if (warp == 0) {
    for (int base = 0; base < count; base += 32) {
      const int e = lists.choices[base + lane].expert;
      const nt_u32 equals = __match_any_sync(0xffffffffu, e);
      const int rank = __popc(equals & ((1u << lane) - 1));
      if (e >= 0) lists.choices[base + lane].before = (short)(lists.counts[e] + rank);
      __syncwarp();
      if (e >= 0 && rank == 0) lists.counts[e] += __popc(equals);
      __syncwarp();
    }
  }
  __syncthreads();
  // Sums over the experts before: 11 bits for pairs, 10 for chosen experts, 11 for groups.
  const nt_u32 own = lists.counts[i];
  const nt_u32 packed = own | (own > 0 ? 1u << 11 : 0) | (own + NT_ROWS - 1) / NT_ROWS << 21;
  nt_u32 sum = packed;
#pragma unroll
  for (int distance = 1; distance < 32; distance <<= 1) {
    const nt_u32 other = __shfl_up_sync(0xffffffffu, sum, distance);
    if (lane >= distance) sum += other;
  }
  if (lane == 31) lists.warp_sums[warp] = sum;
  __syncthreads();
  nt_u32 before = sum - packed, all = 0;
#pragma unroll
  for (int w = 0; w < nt_most_experts / 32; w++) {
    if (w < warp) before += lists.warp_sums[w];
    all += lists.warp_sums[w];
  }
  const int place = before >> 11 & 1023;
  if (own > 0) {
    lists.experts[place] = (nt_u16)i;
    lists.firsts[place] = (nt_u16)(before & 2047);
    lists.groups[place] = (nt_u16)(before >> 21);
    lists.counts[i] = before & 2047;
  }
  const int chosen_experts = all >> 11 & 1023;
  if (i == 0) {
    lists.firsts[chosen_experts] = (nt_u16)(all & 2047);
    lists.groups[chosen_experts] = (nt_u16)(all >> 21);
  }
  __syncthreads();
  for (int pair = i; pair < count; pair += nt_most_experts) {
    const nt_few_choice choice = lists.choices[pair];
    if (choice.expert >= 0) lists.pairs[lists.counts[choice.expert] + choice.before] = (nt_u16)pair;
  }
  __syncthreads();
  return chosen_experts;
}

// A walk over the items: those of one expert follow each other, tile by tile, the groups of a tile side by side.
struct nt_few_walk {
  const nt_few_lists &lists;
  int tiles;  // (or so many at a time) of an expert
  int items;
  int item;
  int place = 0;  // of the expert among the chosen ones
  // Of the item: its expert, tile, and pairs from `first` on.
  int expert = 0, tile = 0, first = 0, count = 0;

  __device__ __forceinline__ nt_few_walk(const nt_few_lists &lists, int experts, int tiles, int item)
      : lists(lists), tiles(tiles), items(lists.groups[experts] * tiles), item(item) {
    find();
  }

  __device__ __forceinline__ bool is_there() const { return item < items; }

  __device__ __forceinline__ void find() {
    if (item >= items) return;
    while (item >= lists.groups[place + 1] * tiles) place++;
    const int before = lists.groups[place], groups = lists.groups[place + 1] - before, local = item - before * tiles;
    int group = 0;
    tile = local;
    if (groups > 1) tile = local / groups, group = local % groups;
    expert = lists.experts[place];
    first = lists.firsts[place] + group * NT_ROWS;
    count = min(lists.firsts[place + 1] - first, NT_ROWS);
  }

  __device__ __forceinline__ void next() {
    item += gridDim.x;
    find();
  }
};

#endif
