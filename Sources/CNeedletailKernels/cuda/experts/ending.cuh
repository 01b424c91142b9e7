// What stands behind the products of experts: the weight of the token, the bias, the gate.
#ifndef NEEDLETAIL_EXPERTS_ENDING_CUH
#define NEEDLETAIL_EXPERTS_ENDING_CUH
#include "common/activation.cuh"
#include "experts.h"

// 1: gates are bounded from above and what they multiply from both sides, by `limit`.
#ifndef NT_LIMITED
#define NT_LIMITED 0
#endif
// 1: sums are multiplied by the token's weight.
#ifndef NT_WEIGHTED
#define NT_WEIGHTED 0
#endif

// activation(min(gate, limit)) * (clamp(value, -limit, limit) + up_offset)
template <int ACTIVATION>
__device__ __forceinline__ float nt_gated(const nt_grouped_matmul_arguments &a, float gate, float value) {
  if constexpr (NT_LIMITED) {
    gate = fminf(gate, a.limit);
    value = fminf(fmaxf(value, -a.limit), a.limit);
  }
  return nt_activate<ACTIVATION>(gate) * (value + a.up_offset);
}

// A sum with the token's weight and the bias, each rounded: few_experts.cu and sm90_experts.cu have the same bits.
__device__ __forceinline__ float nt_weighted(float sum, float weight, float bias) {
  if constexpr (NT_WEIGHTED) sum = __fmul_rn(sum, weight);
  if constexpr (NT_BIAS != 0) sum = __fadd_rn(sum, bias);
  return sum;
}

#endif
