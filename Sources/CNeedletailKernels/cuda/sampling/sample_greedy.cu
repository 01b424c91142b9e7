// The largest logit's token of each row that asks for nothing else (sample.h), ties to the lower id.
//
// A row is shared by gridDim.x blocks, which leave the best of their parts in the workspace; the one that comes last
// takes the best of these. The order of blocks makes no difference: the best is that of whole numbers.
#include "sample_cuda.h"
#include "common/launch.cuh"
#include "sampling/sample_kinds.cuh"
#include "sampling/sample_numbers.cuh"

#define NT_THREADS 512
#define NT_BATCH 8

struct best_logit {
  float value;
  nt_u32 id;
};

// For ids that ascend. Not a number is larger than nothing.
__device__ __forceinline__ void take(best_logit &best, float value, nt_u32 id) {
  value = value < SAMPLE_LARGEST ? value : value == value ? SAMPLE_LARGEST : SAMPLE_NONE;
  if (value > best.value) {
    best.value = value;
    best.id = id;
  }
}

__device__ __forceinline__ nt_u64 warp_maximum(nt_u64 value) {
#pragma unroll
  for (int distance = 16; distance > 0; distance >>= 1) {
    const nt_u64 other = __shfl_xor_sync(0xffffffffu, value, distance);
    value = other > value ? other : value;
  }
  return value;
}

// For thread 0.
__device__ __forceinline__ nt_u64 block_maximum(nt_u64 value) {
  __shared__ nt_u64 maxima[NT_THREADS / 32];
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  value = warp_maximum(value);
  __syncthreads();
  if (lane == 0) maxima[warp] = value;
  __syncthreads();
  if (warp == 0) value = warp_maximum(lane < NT_THREADS / 32 ? maxima[lane] : 0);
  return value;
}

extern "C" __global__ void __launch_bounds__(NT_THREADS, 2)
sample_greedy(const __grid_constant__ nt_sample_cuda_arguments arguments) {
  const nt_sample_arguments &a = arguments.sample;
  const nt_i64 row = blockIdx.y;
  nt_let_successors_start();
  nt_wait_for_predecessors();
  if (row >= a.rows || !sample_is_plain(a.parameters[row], a)) return;

  const float *logits = a.logits + row * a.logits_stride;
  // Parts are multiples of 4 elements, so that all start at multiples of 16 bytes where the row does.
  const nt_i64 part = ((a.vocabulary + gridDim.x - 1) / gridDim.x + 3) / 4 * 4, first = part * blockIdx.x;
  const nt_i64 end = first + part < a.vocabulary ? first + part : a.vocabulary;
  best_logit best = {SAMPLE_NONE, 0};
  if (((nt_u64)logits & 15) == 0) {
    nt_i64 i = first + threadIdx.x * 4;
    for (; i + (NT_BATCH - 1) * NT_THREADS * 4 + 4 <= end; i += NT_BATCH * NT_THREADS * 4) {
      float4 batch[NT_BATCH];
#pragma unroll
      for (int j = 0; j < NT_BATCH; j++) batch[j] = *(const float4 *)(logits + i + j * NT_THREADS * 4);
#pragma unroll
      for (int j = 0; j < NT_BATCH; j++) {
        const nt_u32 id = (nt_u32)i + j * NT_THREADS * 4;
        take(best, batch[j].x, id);
        take(best, batch[j].y, id + 1);
        take(best, batch[j].z, id + 2);
        take(best, batch[j].w, id + 3);
      }
    }
    for (; i < end; i += NT_THREADS * 4) {
      float four[4] = {SAMPLE_NONE, SAMPLE_NONE, SAMPLE_NONE, SAMPLE_NONE};
      if (i + 4 <= end) *(float4 *)four = *(const float4 *)(logits + i);
      else for (int j = 0; j < 3; j++) if (i + j < end) four[j] = logits[i + j];
#pragma unroll
      for (int j = 0; j < 4; j++) take(best, four[j], (nt_u32)i + j);
    }
  } else {
    for (nt_i64 i = first + threadIdx.x; i < end; i += NT_THREADS) take(best, logits[i], (nt_u32)i);
  }
  // 0 where there is no finite logit; else never.
  nt_u64 packed = best.value > SAMPLE_NONE ? (nt_u64)sample_key(best.value) << 32 | (0xffffffffu - best.id) : 0;
  packed = block_maximum(packed);

  __shared__ bool is_last;
  nt_u64 *parts = (nt_u64 *)arguments.workspace + row * gridDim.x;
  if (threadIdx.x == 0) {
    if (gridDim.x > 1) {
      parts[blockIdx.x] = packed;
      __threadfence();
      // Wraps to 0 with the last block.
      is_last = atomicInc(arguments.counters + row, gridDim.x - 1) == gridDim.x - 1;
      __threadfence();
    } else {
      a.tokens[row] = packed ? (nt_i32)(0xffffffffu - (nt_u32)packed) : 0;
      is_last = false;
    }
  }
  __syncthreads();
  if (!is_last) return;
  packed = 0;
  for (int i = threadIdx.x; i < gridDim.x; i += NT_THREADS) {
    const nt_u64 other = __ldcg(parts + i);
    packed = other > packed ? other : packed;
  }
  packed = block_maximum(packed);
  if (threadIdx.x == 0) a.tokens[row] = packed ? (nt_i32)(0xffffffffu - (nt_u32)packed) : 0;
}
