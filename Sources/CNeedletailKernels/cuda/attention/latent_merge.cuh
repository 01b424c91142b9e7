// The end of a sequence of latent attention that several blocks had parts of.
//
// Constants: those of latent_rows.cuh and decode_merge.cuh.
#ifndef NEEDLETAIL_CUDA_LATENT_MERGE_CUH
#define NEEDLETAIL_CUDA_LATENT_MERGE_CUH
#include "attention/decode_merge.cuh"
#include "attention/latent_rows.cuh"

// Merges a share of what the parts of an item's sequence and pack have found, number `share` of `shares`, in the order
// of their positions. One multiprocessor reads all of a share: as many loads as registers take are on their way
// together, of at_once places.
template <int at_once>
__device__ __forceinline__ void nt_latent_merge(
  const nt_decode_attention_arguments &a, const nt_decode_item &item, const nt_results &results,
  nt_latent_memory &memory, int share, int shares) {
  constexpr int columns = NT_VALUE_DIM / 4, chunk = 32;
  const int lane = threadIdx.x % 32, rows = item.rows(), count = item.count;
  const int first_place = rows * columns * share / shares, end_place = rows * columns * (share + 1) / shares;
  const float2 *states = results.states + item.first_result() * nt_pack_rows;
  const float4 *values = (const float4 *)(results.values + item.first_result() * (nt_pack_rows * NT_VALUE_DIM));
  const auto weight = [&](int row, int part) -> float & {
    return ((float *)(memory.weights + row * nt_latent_weight_pitch))[part % chunk];
  };
  for (int row = threadIdx.x / 32; row < rows; row += nt_latent_threads / 32) {
    float highest = -nt_infinity(), sum = 0;
    for (int part = lane; part < count; part += 32)
      highest = fmaxf(highest, __ldcg(&states[part * nt_pack_rows + row]).x);
#pragma unroll
    for (int mask = 16; mask > 0; mask /= 2) highest = fmaxf(highest, __shfl_xor_sync(~0u, highest, mask));
    for (int part = lane; part < count; part += 32) {
      const float2 state = __ldcg(&states[part * nt_pack_rows + row]);
      const float factor = nt_rescale(state.x, highest);
      if (part < chunk) weight(row, part) = factor;
      sum = fmaf(state.y, factor, sum);
    }
#pragma unroll
    for (int mask = 16; mask > 0; mask /= 2) sum += __shfl_xor_sync(~0u, sum, mask);
    if (lane == 0) memory.highest[0][row] = highest, memory.factors[row] = sum == 0 ? 0 : __fdividef(1.0f, sum);
  }
  __syncthreads();
  for (int base = first_place; base < end_place; base += at_once * nt_latent_threads) {
    float sums[at_once][4] = {};
    for (int first = 0; first < count; first += chunk) {
      if (count > chunk) {
        __syncthreads();
        for (int i = threadIdx.x; i < rows * chunk; i += nt_latent_threads) {
          const int row = i / chunk, part = first + i % chunk;
          if (part < count)
            weight(row, part) = nt_rescale(__ldcg(&states[part * nt_pack_rows + row]).x, memory.highest[0][row]);
        }
        __syncthreads();
      }
#pragma unroll(16 / at_once)
      for (int part = first; part < min(first + chunk, count); part++)
#pragma unroll
        for (int i = 0; i < at_once; i++) {
          const int place = min(base + i * nt_latent_threads + (int)threadIdx.x, end_place - 1);
          const float4 v = __ldcg(values + part * (nt_pack_rows * columns) + place);
          const float factor = weight(place / columns, part);
          sums[i][0] = fmaf(v.x, factor, sums[i][0]);
          sums[i][1] = fmaf(v.y, factor, sums[i][1]);
          sums[i][2] = fmaf(v.z, factor, sums[i][2]);
          sums[i][3] = fmaf(v.w, factor, sums[i][3]);
        }
    }
#pragma unroll
    for (int i = 0; i < at_once; i++) {
      const int place = base + i * nt_latent_threads + (int)threadIdx.x, row = place / columns;
      if (place >= end_place) break;
#pragma unroll
      for (int j = 0; j < 4; j++) sums[i][j] *= memory.factors[row];
      nt_store_vector<NT_OUT>(
        a.out, item.sequence * a.out_stride + (nt_i64)(item.first_head() + row) * NT_VALUE_DIM + place % columns * 4,
        sums[i]);
    }
  }
}

#endif
