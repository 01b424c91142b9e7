// RMSNorm and LayerNorm of rows, after adding a second operand if there is one (include/rms_norm.h).
//
// A block has a row, its elements in registers, so that memory is read once and written once whatever is asked for;
// rows too wide for that are read again from the caches. Statistics are those of common/row_norm.cuh: the same bits as
// a product that normalizes its own input, whatever the size of the block.
//
// NT_X, NT_DELTA, NT_SUM, NT_WEIGHT, NT_OUT: storage types; NT_DELTA, NT_SUM and NT_OUT may be 0: there is none.
// NT_CENTER: 1 for a LayerNorm. NT_WARPS: warps of a block. NT_HELD: segments of the row that a warp holds (NT_WARPS *
// NT_HELD segments cover the row); 0: a row of up to 524,288 elements.
#include "rms_norm.h"
#include "common/launch.cuh"
#include "common/row_norm.cuh"
#include "norm/quads.cuh"

#define NT_THREADS (NT_WARPS * 32)
#if NT_HELD > 0
#define NT_SUMS (NT_WARPS * NT_HELD)
#else
#define NT_SUMS 2048
#endif
// The weight stays in registers beside few segments; it is there before the rows are.
#define NT_HOLDS_WEIGHT (NT_OUT != 0 && (NT_HELD == 1 || NT_HELD == 2))

// The row after the one at hand is under way meanwhile, where there are registers for it.
#define NT_READS_AHEAD (NT_HELD == 1 || NT_HELD == 2)

typedef float nt_segment_values[NT_SEGMENT_LANE_VALUES];

// The lane's position in half of a segment.
__device__ __forceinline__ int position(int segment, int half) {
  return segment * NT_SEGMENT + nt_segment_position(threadIdx.x & 31, half * 4);
}

// A lane's part of a segment as it lies in memory.
struct segment_words {
  nt_quad<NT_X> x[2];
#if NT_DELTA
  nt_quad<NT_DELTA> delta[2];
#endif
};

__device__ __forceinline__ segment_words load_words(const nt_rms_norm_arguments &a, nt_i64 start, int segment) {
  segment_words words;
#pragma unroll
  for (int half = 0; half < 2; half++) {
    const int at = position(segment, half);
    words.x[half] = nt_load_quad_words<NT_X>(a.x, start + at, a.width - at);
#if NT_DELTA
    words.delta[half] = nt_load_quad_words<NT_DELTA>(a.delta, start + at, a.width - at);
#endif
  }
  return words;
}

__device__ __forceinline__ void convert_words(nt_segment_values &v, const segment_words &words) {
#pragma unroll
  for (int i = 0; i < NT_SEGMENT_LANE_VALUES; i++) {
    v[i] = nt_quad_value(words.x[i / 4], i % 4);
#if NT_DELTA
    v[i] = __fadd_rn(v[i], nt_quad_value(words.delta[i / 4], i % 4));
#endif
  }
}

template <bool whole>
__device__ __forceinline__ void load_segment(
  nt_segment_values &v, const nt_rms_norm_arguments &a, nt_i64 start, int segment) {
  if constexpr (whole) {
    convert_words(v, load_words(a, start, segment));
  } else {
#pragma unroll
    for (int half = 0; half < 2; half++) {
      const int at = position(segment, half);
      float x[4];
      nt_load_quad<NT_X, whole>(x, a.x, start + at, a.width - at);
#if NT_DELTA
      float delta[4];
      nt_load_quad<NT_DELTA, whole>(delta, a.delta, start + at, a.width - at);
#pragma unroll
      for (int i = 0; i < 4; i++) x[i] = __fadd_rn(x[i], delta[i]);
#endif
#pragma unroll
      for (int i = 0; i < 4; i++) v[half * 4 + i] = x[i];
    }
  }
}

#if NT_OUT
// weight_offset + weight.
template <bool whole>
__device__ __forceinline__ void load_weight(nt_segment_values &weight, const nt_rms_norm_arguments &a, int segment) {
#pragma unroll
  for (int half = 0; half < 2; half++) {
    const int at = position(segment, half);
    float quad[4] = {1, 1, 1, 1};
    if (a.weight) nt_load_quad<NT_WEIGHT, whole>(quad, a.weight, at, a.width - at);
#pragma unroll
    for (int i = 0; i < 4; i++) weight[half * 4 + i] = __fadd_rn(a.weight_offset, quad[i]);
  }
}

// What lies past the row takes no part in sums of squares.
__device__ __forceinline__ float segment_squares(nt_segment_values &v, int segment, int width, float mean) {
#if NT_CENTER
#pragma unroll
  for (int i = 0; i < NT_SEGMENT_LANE_VALUES; i++)
    if (position(segment, i / 4) + i % 4 >= width) v[i] = mean;
#endif
  return nt_segment_squares(v, mean);
}

template <bool whole>
__device__ __forceinline__ void store_normalized(
  const nt_segment_values &v, const nt_segment_values &weight, const nt_rms_norm_arguments &a, nt_i64 out_start,
  int segment, nt_row_statistics statistics) {
#pragma unroll
  for (int half = 0; half < 2; half++) {
    const int at = position(segment, half);
    float y[4], bias[4] = {0, 0, 0, 0};
    if (a.bias) nt_load_quad<NT_WEIGHT, whole>(bias, a.bias, at, a.width - at);
#pragma unroll
    for (int i = 0; i < 4; i++) y[i] = nt_normalized(v[half * 4 + i], statistics, weight[half * 4 + i], bias[i]);
    nt_store_quad<NT_OUT, whole>(a.out, out_start + at, y, a.width - at);
  }
}
#endif

#if NT_SUM
template <bool whole>
__device__ __forceinline__ void store_sum(
  const nt_segment_values &v, const nt_rms_norm_arguments &a, nt_i64 start, int segment) {
#pragma unroll
  for (int half = 0; half < 2; half++) {
    const int at = position(segment, half);
    const float quad[4] = {v[half * 4], v[half * 4 + 1], v[half * 4 + 2], v[half * 4 + 3]};
    nt_store_quad<NT_SUM, whole>(a.sum_out, start + at, quad, a.width - at);
  }
}
#endif

// Whether loads and stores are of whole groups of four.
__device__ __forceinline__ bool quads_are_whole(const nt_rms_norm_arguments &a) {
  bool whole = ((a.x_stride | a.out_stride | a.width) & 3) == 0 && nt_quad_is_aligned<NT_X>(a.x);
#if NT_DELTA
  whole = whole && nt_quad_is_aligned<NT_DELTA>(a.delta);
#endif
#if NT_SUM
  whole = whole && nt_quad_is_aligned<NT_SUM>(a.sum_out);
#endif
#if NT_OUT
  whole = whole && nt_quad_is_aligned<NT_OUT>(a.out) && nt_quad_is_aligned<NT_WEIGHT>(a.weight) &&
          nt_quad_is_aligned<NT_WEIGHT>(a.bias);
#endif
  return whole;
}

// Calls `body(v)` with the lane's values of each of the warp's segments of the row.
#if NT_HELD > 0
#define NT_EACH_SEGMENT(body) \
  _Pragma("unroll") for (int i = 0; i < NT_HELD; i++) { \
    const int segment = warp + i * NT_WARPS; \
    body(held[i]); \
  }
#else
#define NT_EACH_SEGMENT(body) \
  for (int segment = warp; segment < segments; segment += NT_WARPS) { \
    nt_segment_values v; \
    load_segment<whole>(v, a, start, segment); \
    body(v); \
  }
#endif

// The segments' sums.
struct sums_of_segments {
  float mean[NT_CENTER ? NT_SUMS : 1];
  // Of two rows in turn: a slow warp may still read those of the row before.
  float squares[2][NT_SUMS];
};

template <bool whole>
__device__ __forceinline__ void normalize_rows(const nt_rms_norm_arguments &a, sums_of_segments &sums) {
  const int warp = threadIdx.x >> 5, segments = nt_segments(a.width);
#if NT_HOLDS_WEIGHT
  nt_segment_values held_weight[NT_HELD];
#pragma unroll
  for (int i = 0; i < NT_HELD; i++) load_weight<whole>(held_weight[i], a, warp + i * NT_WARPS);
#endif
  nt_wait_for_predecessors();
#if NT_READS_AHEAD
  segment_words next[NT_HELD];
  if constexpr (whole)
    if (blockIdx.x < a.rows)
#pragma unroll
      for (int i = 0; i < NT_HELD; i++) next[i] = load_words(a, blockIdx.x * a.x_stride, warp + i * NT_WARPS);
#endif
  int turn = 0;
  for (nt_i64 row = blockIdx.x; row < a.rows; row += gridDim.x, turn ^= 1) {
    const nt_i64 start = row * a.x_stride;
#if NT_HELD > 0
    nt_segment_values held[NT_HELD];
#if NT_READS_AHEAD
    if constexpr (whole) {
#pragma unroll
      for (int i = 0; i < NT_HELD; i++) convert_words(held[i], next[i]);
      const nt_i64 next_row = row + gridDim.x;
      if (next_row < a.rows)
#pragma unroll
        for (int i = 0; i < NT_HELD; i++) next[i] = load_words(a, next_row * a.x_stride, warp + i * NT_WARPS);
    } else
#endif
    {
#pragma unroll
      for (int i = 0; i < NT_HELD; i++) load_segment<whole>(held[i], a, start, warp + i * NT_WARPS);
    }
#endif
#if NT_OUT
    nt_row_statistics statistics = {0, 0};
#if NT_CENTER
#define NT_ADD_SUM(v) \
  float sum = nt_segment_sum(v); \
  if ((threadIdx.x & 31) == 0) sums.mean[segment] = sum
    NT_EACH_SEGMENT(NT_ADD_SUM)
    __syncthreads();
    statistics.mean = nt_row_mean(nt_sum_of_segments(sums.mean, segments), a.width);
#endif
#define NT_ADD_SQUARES(v) \
  float sum = segment_squares(v, segment, a.width, statistics.mean); \
  if ((threadIdx.x & 31) == 0) sums.squares[turn][segment] = sum
    NT_EACH_SEGMENT(NT_ADD_SQUARES)
#endif
#if NT_SUM && NT_HELD > 0
    // While the sums go around.
#define NT_STORE_SUM(v) store_sum<whole>(v, a, start, segment)
    NT_EACH_SEGMENT(NT_STORE_SUM)
#endif
#if NT_OUT
    __syncthreads();
    statistics.scale = nt_row_scale(nt_sum_of_segments(sums.squares[turn], segments), a.width, a.eps);
#endif
    // A row that is read again may lie where its sum goes: each element is read here for the last time.
#if NT_SUM && NT_HELD == 0
#define NT_STORE_READ(v) store_sum<whole>(v, a, start, segment)
#else
#define NT_STORE_READ(v)
#endif
#if NT_HOLDS_WEIGHT
#define NT_STORE(v) store_normalized<whole>(v, held_weight[i], a, row * a.out_stride, segment, statistics)
#elif NT_OUT
#define NT_STORE(v) \
  NT_STORE_READ(v); \
  nt_segment_values weight; \
  load_weight<whole>(weight, a, segment); \
  store_normalized<whole>(v, weight, a, row * a.out_stride, segment, statistics)
#else
#define NT_STORE(v) NT_STORE_READ(v)
#endif
    NT_EACH_SEGMENT(NT_STORE)
  }
}

extern "C" __global__ void __launch_bounds__(NT_THREADS) rms_norm(const __grid_constant__ nt_rms_norm_arguments a) {
  __shared__ sums_of_segments sums;
  nt_let_successors_start();
  if (quads_are_whole(a)) normalize_rows<true>(a, sums);
  else normalize_rows<false>(a, sums);
}
