// Merges what the warps of a block have found over their positions, and then what the parts of a sequence have found.
//
// A state of the softmax is, for each row, the highest score m (of base 2), the sum l of exp2(score - m) and the sum of
// exp2(score - m) times values. Where a sequence has several parts, the block that finishes last merges them in the
// order of their positions, whichever it is.
//
// Constants: NT_VALUE_DIM, NT_OUT (storage type), NT_SPLITS.
#ifndef NEEDLETAIL_CUDA_DECODE_MERGE_CUH
#define NEEDLETAIL_CUDA_DECODE_MERGE_CUH
#include "attention/decode_work.cuh"
#include "common/barriers.cuh"
#include "common/conversions.cuh"

constexpr int nt_merge_warps = 4, nt_merge_threads = 128;
constexpr int nt_merge_width = NT_VALUE_DIM % 4 == 0 ? 4 : NT_VALUE_DIM % 2 == 0 ? 2 : 1;
constexpr int nt_merge_pitch = (NT_VALUE_DIM + 15) / 16 * 16 + 8;  // the 8 spread rows over the banks
constexpr int nt_merge_columns = NT_VALUE_DIM / nt_merge_width;
constexpr int nt_parts_at_once = 8;
constexpr float nt_log2_e = 1.44269504088896340736f;

__device__ __forceinline__ float nt_infinity() { return __int_as_float(0x7f800000); }
__device__ __forceinline__ float nt_exp2(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}
// What multiplies a state's sums when its highest score m becomes `highest`; an empty state has m = -inf.
__device__ __forceinline__ float nt_rescale(float m, float highest) {
  return m == -nt_infinity() ? 0 : nt_exp2(m - highest);
}

// The block's memory for it.
struct nt_merge_memory {
  float values[nt_merge_warps][nt_pack_rows][nt_merge_pitch];
  float2 states[nt_merge_warps][16];  // m, l
  nt_u32 arrivals;
};

// The parts' results in global memory: m and l, [partial][row], and behind all of them, from a multiple of 4 floats on,
// the sums, [partial][row][value_dim].
struct nt_partials {
  float2 *states;
  float *values;

  __device__ __forceinline__ nt_partials(const nt_decode_attention_arguments &a) {
    states = (float2 *)a.partials;
    values = a.partials + (a.sequences * nt_packs * NT_SPLITS * nt_pack_rows + 1) / 2 * 4;
  }
};

__device__ __forceinline__ void nt_store_result(
  const nt_decode_attention_arguments &a, const nt_decode_item &item, int row, int column, float m, float l,
  float (&x)[nt_merge_width]) {
  int head = item.first_head() + row;
  float factor = 1;
  if (a.sinks && item.context > 0) {
    float sink = a.sinks[head] * nt_log2_e, highest = fmaxf(m, sink);
    if (highest > -nt_infinity()) {
      factor = nt_rescale(m, highest);
      l = l * factor + nt_rescale(sink, highest);
    }
  }
  factor = l == 0 ? 0 : __fdividef(factor, l);
#pragma unroll
  for (int i = 0; i < nt_merge_width; i++) x[i] *= factor;
  nt_store_vector<NT_OUT>(
    a.out, item.sequence * a.out_stride + (nt_i64)head * NT_VALUE_DIM + column * nt_merge_width, x);
}

__device__ __forceinline__ void nt_load_part(float (&x)[nt_merge_width], const float *from) {
  if constexpr (nt_merge_width == 4) {
    float4 v = __ldcg((const float4 *)from);
    x[0] = v.x, x[1] = v.y, x[2] = v.z, x[3] = v.w;
  } else {
#pragma unroll
    for (int j = 0; j < nt_merge_width; j++) x[j] = __ldcg(from + j);
  }
}

// Merges the parts of a sequence; by the block that finished the last of them.
__device__ __forceinline__ void nt_merge_parts(const nt_decode_attention_arguments &a, const nt_decode_item &item) {
  nt_partials partials(a);
  nt_i64 first = item.partial(0);
  for (int i = threadIdx.x; i < item.rows() * nt_merge_columns; i += nt_merge_threads) {
    int row = i / nt_merge_columns, column = i % nt_merge_columns;
    const float2 *states = partials.states + first * nt_pack_rows + row;
    const float *values = partials.values + (first * nt_pack_rows + row) * NT_VALUE_DIM + column * nt_merge_width;
    float m = -nt_infinity(), l = 0, x[nt_merge_width] = {};
    // Some parts at once, so that their loads wait together.
    for (int base = 0; base < item.splits; base += nt_parts_at_once) {
      float2 state[nt_parts_at_once];
      float value[nt_parts_at_once][nt_merge_width];
#pragma unroll
      for (int i = 0; i < nt_parts_at_once; i++) {
        int part = base + i;
        state[i] = make_float2(-nt_infinity(), 0);
        if (part < item.splits) {
          state[i] = __ldcg(&states[part * nt_pack_rows]);
          nt_load_part(value[i], values + (nt_i64)part * nt_pack_rows * NT_VALUE_DIM);
        }
      }
      float before = m;
#pragma unroll
      for (int i = 0; i < nt_parts_at_once; i++) m = fmaxf(m, state[i].x);
      float factor = nt_rescale(before, m);
      l *= factor;
#pragma unroll
      for (int j = 0; j < nt_merge_width; j++) x[j] *= factor;
#pragma unroll
      for (int i = 0; i < nt_parts_at_once; i++) {
        if (base + i >= item.splits) continue;
        factor = nt_rescale(state[i].x, m);
        l = fmaf(state[i].y, factor, l);
#pragma unroll
        for (int j = 0; j < nt_merge_width; j++) x[j] = fmaf(value[i][j], factor, x[j]);
      }
    }
    nt_store_result(a, item, row, column, m, l, x);
  }
}

// By the block's nt_merge_threads threads, after each warp has put its state into `memory`. Threads may go on to change
// `memory` after the next barrier of them all.
__device__ __forceinline__ void nt_merge(
  const nt_decode_attention_arguments &a, const nt_decode_item &item, nt_merge_memory &memory) {
  nt_named_barrier(1, nt_merge_threads);
  nt_partials partials(a);
  nt_i64 place = item.partial(item.split) * nt_pack_rows;
  for (int i = threadIdx.x; i < item.rows() * nt_merge_columns; i += nt_merge_threads) {
    int row = i / nt_merge_columns, column = i % nt_merge_columns;
    float m = memory.states[0][row].x, l = 0, x[nt_merge_width] = {};
#pragma unroll
    for (int warp = 1; warp < nt_merge_warps; warp++) m = fmaxf(m, memory.states[warp][row].x);
#pragma unroll
    for (int warp = 0; warp < nt_merge_warps; warp++) {
      float factor = nt_rescale(memory.states[warp][row].x, m);
      l = fmaf(memory.states[warp][row].y, factor, l);
#pragma unroll
      for (int j = 0; j < nt_merge_width; j++)
        x[j] = fmaf(memory.values[warp][row][column * nt_merge_width + j], factor, x[j]);
    }
    if (item.splits == 1) {
      nt_store_result(a, item, row, column, m, l, x);
    } else {
      nt_store_vector<NT_F32>(partials.values, (place + row) * NT_VALUE_DIM + column * nt_merge_width, x);
      if (column == 0) partials.states[place + row] = make_float2(m, l);
    }
  }
  if (item.splits == 1) return;

  nt_named_barrier(1, nt_merge_threads);
  nt_u32 *counter = a.counters + NT_FINISHED_PARTS + (nt_i64)item.sequence * nt_packs + item.pack;
  if (threadIdx.x == 0) {
    __threadfence();
    memory.arrivals = atomicAdd(counter, 1u);
    __threadfence();
  }
  nt_named_barrier(1, nt_merge_threads);
  if (memory.arrivals != item.splits - 1) return;
  if (threadIdx.x == 0) *counter = 0;
  nt_merge_parts(a, item);
}

#endif
