// Merges what the warps of a block have found over their positions, what the parts of an item have, and then what the
// items of a sequence have.
//
// A state of the softmax is, for each row, the highest score m (of base 2), the sum l of exp2(score - m) and the sum of
// exp2(score - m) times values. Where a sequence has several items, the block that finishes last merges them in the
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
constexpr int nt_merge_pitch = (NT_VALUE_DIM + 15) / 16 * 16 + 4;  // the 4 spread rows over the banks
constexpr int nt_merge_columns = NT_VALUE_DIM / nt_merge_width;
constexpr int nt_merge_places = (nt_pack_rows * nt_merge_columns + nt_merge_threads - 1) / nt_merge_threads;
constexpr int nt_fours_at_once = nt_pack_rows > 8 ? 1 : 4;  // whose loads wait together
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

// Some columns of a row's state.
struct nt_column_state {
  float m;
  float l;
  float x[nt_merge_width];

  __device__ __forceinline__ void clear() {
    m = -nt_infinity();
    l = 0;
#pragma unroll
    for (int i = 0; i < nt_merge_width; i++) x[i] = 0;
  }
  // What is added has bits that are the same wherever it is done.
  __device__ __forceinline__ void add(const nt_column_state &other) {
    float highest = fmaxf(m, other.m), factor = nt_rescale(m, highest), theirs = nt_rescale(other.m, highest);
    m = highest;
    l = __fmaf_rn(other.l, theirs, __fmul_rn(l, factor));
#pragma unroll
    for (int i = 0; i < nt_merge_width; i++) x[i] = __fmaf_rn(other.x[i], theirs, __fmul_rn(x[i], factor));
  }
};

// The items' results in global memory: m and l, [result][row], and behind all of them, from a multiple of 4 floats on,
// the sums, [result][row][value_dim].
struct nt_results {
  float2 *states;
  float *values;

  __device__ __forceinline__ nt_results(const nt_decode_attention_arguments &a) {
    states = (float2 *)a.partials;
    values = a.partials + (a.sequences * nt_packs * NT_SPLITS * nt_pack_rows + 1) / 2 * 4;
  }
  __device__ __forceinline__ void store(nt_i64 result, int row, int column, const nt_column_state &state) const {
    nt_i64 place = result * nt_pack_rows + row;
    nt_store_vector<NT_F32>(values, place * NT_VALUE_DIM + column * nt_merge_width, state.x);
    if (column == 0) states[place] = make_float2(state.m, state.l);
  }
  __device__ __forceinline__ nt_column_state load(nt_i64 result, int row, int column) const {
    nt_i64 place = result * nt_pack_rows + row;
    nt_column_state state;
    float2 pair = __ldcg(&states[place]);
    const float *from = values + place * NT_VALUE_DIM + column * nt_merge_width;
    state.m = pair.x;
    state.l = pair.y;
    if constexpr (nt_merge_width == 4) {
      float4 v = __ldcg((const float4 *)from);
      state.x[0] = v.x, state.x[1] = v.y, state.x[2] = v.z, state.x[3] = v.w;
    } else {
#pragma unroll
      for (int j = 0; j < nt_merge_width; j++) state.x[j] = __ldcg(from + j);
    }
    return state;
  }
};

// The end of a row: the sink, the division.
__device__ __forceinline__ void nt_store_row(
  const nt_decode_attention_arguments &a, const nt_decode_item &item, int row, int column, nt_column_state &state) {
  int head = item.first_head() + row;
  float factor = 1;
  if (a.sinks && item.context > 0) {
    float sink = a.sinks[head] * nt_log2_e, highest = fmaxf(state.m, sink);
    if (highest > -nt_infinity()) {
      factor = nt_rescale(state.m, highest);
      state.l = state.l * factor + nt_rescale(sink, highest);
    }
  }
  factor = state.l == 0 ? 0 : __fdividef(factor, state.l);
#pragma unroll
  for (int i = 0; i < nt_merge_width; i++) state.x[i] *= factor;
  nt_store_vector<NT_OUT>(
    a.out, item.sequence * a.out_stride + (nt_i64)head * NT_VALUE_DIM + column * nt_merge_width, state.x);
}

// Merges the items of a sequence and pack; by the block that finished the last of them.
__device__ __forceinline__ void nt_merge_items(const nt_decode_attention_arguments &a, const nt_decode_item &item) {
  nt_results results(a);
  // Results of one four: its parts', or its own.
  int step = item.count == item.parts ? nt_four : 1;
  for (int i = threadIdx.x; i < item.rows() * nt_merge_columns; i += nt_merge_threads) {
    int row = i / nt_merge_columns, column = i % nt_merge_columns;
    nt_column_state sum;
    sum.clear();
    for (int base = 0; base < item.count; base += nt_fours_at_once * step) {
      nt_column_state loaded[nt_fours_at_once][nt_four];
#pragma unroll
      for (int n = 0; n < nt_fours_at_once; n++)
#pragma unroll
        for (int p = 0; p < nt_four; p++)
          if (p < step && base + n * step + p < item.count)
            loaded[n][p] = results.load(item.first_result() + base + n * step + p, row, column);
          else loaded[n][p].clear();
      float before = sum.m;
#pragma unroll
      for (int n = 0; n < nt_fours_at_once; n++) {
#pragma unroll
        for (int p = 1; p < nt_four; p++)
          if (p < step) loaded[n][0].add(loaded[n][p]);
        sum.m = fmaxf(sum.m, loaded[n][0].m);
      }
      float factor = nt_rescale(before, sum.m);
      sum.l *= factor;
#pragma unroll
      for (int j = 0; j < nt_merge_width; j++) sum.x[j] *= factor;
#pragma unroll
      for (int n = 0; n < nt_fours_at_once; n++) {
        factor = nt_rescale(loaded[n][0].m, sum.m);
        sum.l = fmaf(loaded[n][0].l, factor, sum.l);
#pragma unroll
        for (int j = 0; j < nt_merge_width; j++) sum.x[j] = fmaf(loaded[n][0].x[j], factor, sum.x[j]);
      }
    }
    nt_store_row(a, item, row, column, sum);
  }
}

// A thread's columns of an item's state.
struct nt_item_state {
  nt_column_state places[nt_merge_places];

  __device__ __forceinline__ void clear() {
#pragma unroll
    for (int i = 0; i < nt_merge_places; i++) places[i].clear();
  }
};

// Adds a part's state to the item's, by the block's nt_merge_threads threads, after each warp has put its own into
// `memory`, which is free afterwards.
__device__ __forceinline__ void nt_merge_warps_of_part(
  const nt_decode_item &item, nt_merge_memory &memory, nt_item_state &state) {
  nt_named_barrier(1, nt_merge_threads);
#pragma unroll
  for (int place = 0; place < nt_merge_places; place++) {
    int i = threadIdx.x + place * nt_merge_threads, row = i / nt_merge_columns, column = i % nt_merge_columns;
    if (row >= item.rows()) continue;
    nt_column_state part;
    part.clear();
#pragma unroll
    for (int warp = 0; warp < nt_merge_warps; warp++) part.m = fmaxf(part.m, memory.states[warp][row].x);
#pragma unroll
    for (int warp = 0; warp < nt_merge_warps; warp++) {
      float factor = nt_rescale(memory.states[warp][row].x, part.m);
      part.l = fmaf(memory.states[warp][row].y, factor, part.l);
#pragma unroll
      for (int j = 0; j < nt_merge_width; j++)
        part.x[j] = fmaf(memory.values[warp][row][column * nt_merge_width + j], factor, part.x[j]);
    }
    state.places[place].add(part);
  }
  nt_named_barrier(1, nt_merge_threads);
}

// Stores an item's result, and the sequence's if all its items are done.
__device__ __forceinline__ void nt_finish_item(
  const nt_decode_attention_arguments &a, const nt_decode_item &item, nt_merge_memory &memory, nt_item_state &state) {
  nt_results results(a);
#pragma unroll
  for (int place = 0; place < nt_merge_places; place++) {
    int i = threadIdx.x + place * nt_merge_threads, row = i / nt_merge_columns, column = i % nt_merge_columns;
    if (row >= item.rows()) continue;
    if (item.count == 1) nt_store_row(a, item, row, column, state.places[place]);
    else results.store(item.first_result() + item.index, row, column, state.places[place]);
  }
  if (item.count == 1) return;

  nt_named_barrier(1, nt_merge_threads);
  nt_u32 *counter = a.counters + NT_FINISHED_ITEMS + (nt_i64)item.sequence * nt_packs + item.pack;
  if (threadIdx.x == 0)
    // Releases what the block has written (it did so before the barrier) and acquires what the others have.
    asm volatile("atom.add.acq_rel.gpu.global.u32 %0, [%1], 1;" : "=r"(memory.arrivals) : "l"(counter) : "memory");
  nt_named_barrier(1, nt_merge_threads);
  if (memory.arrivals != item.count - 1) return;
  if (threadIdx.x == 0) *counter = 0;
  nt_merge_items(a, item);
}

#endif
