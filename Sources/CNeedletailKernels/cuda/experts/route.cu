// The experts of each token (experts.h), a warp a token. Lane l has experts l, l + 32, ...; the highest score is
// found by comparing bits that are ordered as the scores are, the lowest number among equals after it.
//
// Definitions: NT_LOGITS (types.h), NT_LANE_EXPERTS (experts of a lane: experts / 32, rounded up), NT_SCORING
// (experts.h), NT_GROUPED (0, 1). Blocks of 4 warps; k and groups up to 32.
#include "common/conversions.cuh"
#include "common/launch.cuh"
#include "experts.h"

#define NT_ALL_LANES 0xffffffffu
#define NT_LOWEST __uint_as_float(0xff800000u)

// Bits that are ordered as the numbers are; what is no number comes after all others, and 0 after that.
__device__ __forceinline__ nt_u32 nt_ordered(float value) {
  const nt_u32 bits = __float_as_uint(value);
  if (value != value) return 1;
  return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

__device__ __forceinline__ float nt_warp_add(float value) {
#pragma unroll
  for (int distance = 16; distance > 0; distance >>= 1) value += __shfl_xor_sync(NT_ALL_LANES, value, distance);
  return value;
}

__device__ __forceinline__ float nt_warp_max(float value) {
#pragma unroll
  for (int distance = 16; distance > 0; distance >>= 1)
    value = fmaxf(value, __shfl_xor_sync(NT_ALL_LANES, value, distance));
  return value;
}

// The number of the highest of the warp's bits, of equals the lowest number.
__device__ __forceinline__ nt_u32 nt_highest(nt_u32 bits, nt_u32 number) {
  const nt_u32 best = __reduce_max_sync(NT_ALL_LANES, bits);
  return __reduce_min_sync(NT_ALL_LANES, bits == best ? number : ~0u);
}

// Sets the bits of experts outside of the chosen groups to 0. `scores`: shared memory of the warp's own.
__device__ __forceinline__ void nt_keep_groups(
  const nt_route_arguments &a, nt_u32 (&bits)[NT_LANE_EXPERTS], const float (&choosing)[NT_LANE_EXPERTS],
  float *scores, int lane) {
  const int size = a.experts / a.groups;
#pragma unroll
  for (int i = 0; i < NT_LANE_EXPERTS; i++)
    if (i * 32 + lane < a.experts) scores[i * 32 + lane] = choosing[i];
  __syncwarp();
  float first = NT_LOWEST, second = NT_LOWEST;
  if (lane < a.groups) {
    for (int i = 0; i < size; i++) {
      const float score = scores[lane * size + i];
      second = fmaxf(second, fminf(first, score));
      first = fmaxf(first, score);
    }
  }
  nt_u32 group = lane < a.groups ? nt_ordered(a.group_score == 0 || size < 2 ? first : first + second) : 0, kept = 0;
  for (int i = 0; i < a.chosen_groups; i++) {
    const nt_u32 best = nt_highest(group, lane);
    kept |= 1u << best;
    if ((nt_u32)lane == best) group = 0;
  }
#pragma unroll
  for (int i = 0; i < NT_LANE_EXPERTS; i++) {
    const int expert = i * 32 + lane;
    if (expert < a.experts && !(kept >> expert / size & 1)) bits[i] = 0;
  }
}

// The share of the chosen expert in a softmax over those that are not chosen yet and are not too far below.
__device__ __forceinline__ float nt_sparse_share(
  const nt_route_arguments &a, const float (&logits)[NT_LANE_EXPERTS], const nt_u32 (&bits)[NT_LANE_EXPERTS],
  float highest) {
  float sum = 0;
#pragma unroll
  for (int i = 0; i < NT_LANE_EXPERTS; i++) {
    const float distance = (highest - logits[i]) / fmaxf(fabsf(logits[i]), highest);
    if (bits[i] != 0 && !(distance > 2 * a.jitter)) sum += expf(logits[i] - highest);
  }
  return 1 / nt_warp_add(sum);
}

extern "C" __global__ void __launch_bounds__(128) route(const __grid_constant__ nt_route_arguments a) {
  __shared__ float group_scores[NT_GROUPED ? 4 * 32 * NT_LANE_EXPERTS : 1];
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const nt_i64 row = (nt_i64)blockIdx.x * 4 + warp;
  nt_let_successors_start();
  nt_wait_for_predecessors();
  if (row >= a.rows) return;
  if (a.slots && a.slots[a.row_indices ? a.row_indices[row] : row] < 0) {
    if (lane < a.k) {
      a.chosen[row * a.k + lane] = -1;
      a.weights[row * a.k + lane] = 0;
    }
    return;
  }

  typedef typename nt_storage<NT_LOGITS>::bits bits_type;
  const bits_type *from = (const bits_type *)a.logits + row * a.logits_stride;
  // Of each expert of the lane: its score, what it is chosen by, and that as bits; 0: not to be chosen.
  float scores[NT_LANE_EXPERTS], choosing[NT_LANE_EXPERTS];
  nt_u32 bits[NT_LANE_EXPERTS];
#pragma unroll
  for (int i = 0; i < NT_LANE_EXPERTS; i++)
    scores[i] = i * 32 + lane < a.experts ? nt_to_float<NT_LOGITS>(from[i * 32 + lane]) : NT_LOWEST;
  if constexpr (NT_SCORING == NT_ROUTE_SOFTMAX) {
    float highest = NT_LOWEST, sum = 0;
#pragma unroll
    for (int i = 0; i < NT_LANE_EXPERTS; i++) highest = fmaxf(highest, scores[i]);
    highest = nt_warp_max(highest);
#pragma unroll
    for (int i = 0; i < NT_LANE_EXPERTS; i++) sum += scores[i] = expf(scores[i] - highest);
    sum = nt_warp_add(sum);
#pragma unroll
    for (int i = 0; i < NT_LANE_EXPERTS; i++) scores[i] /= sum;
  } else if constexpr (NT_SCORING == NT_ROUTE_SIGMOID) {
#pragma unroll
    for (int i = 0; i < NT_LANE_EXPERTS; i++) scores[i] = 1 / (1 + expf(-scores[i]));
  }
#pragma unroll
  for (int i = 0; i < NT_LANE_EXPERTS; i++) {
    const int expert = i * 32 + lane;
    choosing[i] = scores[i] + (a.bias && expert < a.experts ? a.bias[expert] : 0.0f);
    bits[i] = expert < a.experts ? nt_ordered(choosing[i]) : 0;
  }
  if constexpr (NT_GROUPED) nt_keep_groups(a, bits, choosing, group_scores + warp * 32 * NT_LANE_EXPERTS, lane);

  // Lane l keeps the l-th choice.
  nt_u32 chosen = 0;
  float weight = 0;
  for (int choice = 0; choice < a.k; choice++) {
    nt_u32 own = bits[0], number = lane;
#pragma unroll
    for (int i = 1; i < NT_LANE_EXPERTS; i++)
      if (bits[i] > own) own = bits[i], number = i * 32 + lane;
    const nt_u32 best = min(nt_highest(own, number), (nt_u32)a.experts - 1);
    float value = 0;
#pragma unroll
    for (int i = 0; i < NT_LANE_EXPERTS; i++)
      if ((nt_u32)(i * 32 + lane) == best) value = scores[i];
    value = __shfl_sync(NT_ALL_LANES, value, best % 32);
    if constexpr (NT_SCORING == NT_ROUTE_SPARSE_MIXER) value = nt_sparse_share(a, scores, bits, value);
#pragma unroll
    for (int i = 0; i < NT_LANE_EXPERTS; i++)
      if ((nt_u32)(i * 32 + lane) == best) bits[i] = 0;
    if (lane == choice) chosen = best, weight = value;
  }
  if constexpr (NT_SCORING == NT_ROUTE_SOFTMAX_OF_CHOSEN) {
    const float highest = nt_warp_max(lane < a.k ? weight : NT_LOWEST);
    weight = lane < a.k ? expf(weight - highest) : 0;
    weight /= nt_warp_add(weight);
  }
  if (a.renormalizes) weight /= nt_warp_add(weight) + 1e-20f;
  if (lane < a.k) {
    a.chosen[row * a.k + lane] = (nt_i32)chosen;
    a.weights[row * a.k + lane] = weight * a.scale;
  }
}
