// The pairs of a step by expert (experts.h), in one block: a counting sort that keeps the order of equals. Each warp
// has a run of neighbouring pairs; it counts them by expert, and once all know where their pairs of each expert
// start, it puts them there, 32 at a time. One order of the result, whatever the order in which warps get there.
//
// Shared memory: a word for each warp and expert, and one for each expert.
#include "common/launch.cuh"
#include "experts.h"

extern "C" __global__ void __launch_bounds__(1024) sort_experts(const __grid_constant__ nt_sort_experts_arguments a) {
  extern __shared__ nt_i32 counts[];  // [warps][experts]: pairs of a warp, then where its next one goes
  __shared__ nt_i32 warp_sums[32];
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, warps = blockDim.x / 32;
  const nt_i64 pairs = a.rows * a.choices;
  const nt_i64 steps = (pairs + 31) / 32;
  const nt_i64 first = steps * warp / warps * 32, end = min(steps * (warp + 1) / warps * 32, pairs);
  nt_let_successors_start();
  for (int i = threadIdx.x; i < warps * a.experts; i += blockDim.x) counts[i] = 0;
  __syncthreads();
  nt_wait_for_predecessors();

  auto expert_of = [&](nt_i64 pair) {
    const nt_i32 expert = pair < end ? a.chosen[pair] : -1;
    return expert >= 0 && expert < a.experts ? expert : -1;
  };
  nt_i32 *own = counts + warp * a.experts;
  for (nt_i64 pair = first + lane; pair < end; pair += 32) {
    const nt_i32 expert = expert_of(pair);
    if (expert >= 0) atomicAdd(own + expert, 1);
  }
  __syncthreads();

  // A thread an expert: the pairs of the experts before it, of all warps, then those of the warps before each.
  nt_i32 before = 0;
  for (int base = 0; base < a.experts; base += blockDim.x) {
    const int expert = base + threadIdx.x;
    nt_i32 total = 0;
    if (expert < a.experts)
      for (int w = 0; w < warps; w++) total += counts[w * a.experts + expert];
    nt_i32 sum = total;
#pragma unroll
    for (int distance = 1; distance < 32; distance <<= 1) {
      const nt_i32 other = __shfl_up_sync(0xffffffffu, sum, distance);
      if (lane >= distance) sum += other;
    }
    if (lane == 31) warp_sums[warp] = sum;
    __syncthreads();
    nt_i32 start = before + sum - total;
    for (int w = 0; w < warps; w++) {
      if (w < warp) start += warp_sums[w];
      before += warp_sums[w];
    }
    if (expert < a.experts) {
      a.starts[expert] = start;
      if (expert == a.experts - 1) a.starts[a.experts] = start + total;
      for (int w = 0; w < warps; w++) {
        const nt_i32 count = counts[w * a.experts + expert];
        counts[w * a.experts + expert] = start;
        start += count;
      }
    }
    __syncthreads();
  }

  for (nt_i64 base = first; base < end; base += 32) {
    const nt_i64 pair = base + lane;
    const nt_i32 expert = expert_of(pair);
    const nt_u32 equals = __match_any_sync(0xffffffffu, expert);
    const nt_i32 rank = __popc(equals & ((1u << lane) - 1));
    nt_i32 place = -1;
    if (expert >= 0) place = own[expert] + rank;
    __syncwarp();
    if (expert >= 0 && rank == 0) own[expert] += __popc(equals);
    __syncwarp();
    if (place >= 0) a.pairs[place] = (nt_i32)pair;
    if (a.places && pair < end) a.places[pair] = place;
  }
}
