// RMSNorm and LayerNorm of rows, after adding a second operand if there is one (include/rms_norm.h).
//
// A block has a row, its elements in registers, so that memory is read once and written once whatever is asked for; rows
// too wide for that are read again from the caches. Statistics are those of common/row_norm.cuh: the same bits as a
// product that normalizes its own input, whatever the size of the block.
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

__device__ __forceinline__ void load_segment(
  float (&v)[NT_SEGMENT_LANE_VALUES], const nt_rms_norm_arguments &a, nt_i64 start, int segment, bool aligned) {
#pragma unroll
  for (int half = 0; half < 2; half++) {
    const int at = segment * NT_SEGMENT + nt_segment_position(threadIdx.x & 31, half * 4);
    float x[4];
    nt_load_quad<NT_X>(x, a.x, start + at, a.width - at, aligned);
#if NT_DELTA
    float delta[4];
    nt_load_quad<NT_DELTA>(delta, a.delta, start + at, a.width - at, aligned);
#pragma unroll
    for (int i = 0; i < 4; i++) x[i] = __fadd_rn(x[i], delta[i]);
#endif
#pragma unroll
    for (int i = 0; i < 4; i++) v[half * 4 + i] = x[i];
  }
}

// What lies past the row takes no part in sums of squares.
__device__ __forceinline__ float segment_squares(float (&v)[NT_SEGMENT_LANE_VALUES], int segment, int width, float mean) {
#if NT_CENTER
#pragma unroll
  for (int i = 0; i < NT_SEGMENT_LANE_VALUES; i++)
    if (segment * NT_SEGMENT + nt_segment_position(threadIdx.x & 31, i) >= width) v[i] = mean;
#endif
  return nt_segment_squares(v, mean);
}

__device__ __forceinline__ void store_segment(
  const float (&v)[NT_SEGMENT_LANE_VALUES], const nt_rms_norm_arguments &a, nt_i64 start, nt_i64 out_start, int segment,
  nt_row_statistics statistics, bool aligned) {
#pragma unroll
  for (int half = 0; half < 2; half++) {
    const int at = segment * NT_SEGMENT + nt_segment_position(threadIdx.x & 31, half * 4), left = a.width - at;
    float y[4];
#if NT_SUM
#pragma unroll
    for (int i = 0; i < 4; i++) y[i] = v[half * 4 + i];
    nt_store_quad<NT_SUM>(a.sum_out, start + at, y, left, aligned);
#endif
#if NT_OUT
    float weight[4] = {1, 1, 1, 1}, bias[4] = {0, 0, 0, 0};
    if (a.weight) nt_load_quad<NT_WEIGHT>(weight, a.weight, at, left, aligned);
    if (a.bias) nt_load_quad<NT_WEIGHT>(bias, a.bias, at, left, aligned);
#pragma unroll
    for (int i = 0; i < 4; i++)
      y[i] = nt_normalized(v[half * 4 + i], statistics, __fadd_rn(a.weight_offset, weight[i]), bias[i]);
    nt_store_quad<NT_OUT>(a.out, out_start + at, y, left, aligned);
#endif
  }
}

// Whether every group of four elements lies at a multiple of its own size.
__device__ __forceinline__ bool quads_are_aligned(const nt_rms_norm_arguments &a) {
  bool aligned = ((a.x_stride | a.out_stride) & 3) == 0 && nt_quad_is_aligned<NT_X>(a.x);
#if NT_DELTA
  aligned = aligned && nt_quad_is_aligned<NT_DELTA>(a.delta);
#endif
#if NT_SUM
  aligned = aligned && nt_quad_is_aligned<NT_SUM>(a.sum_out);
#endif
#if NT_OUT
  aligned = aligned && nt_quad_is_aligned<NT_OUT>(a.out) && nt_quad_is_aligned<NT_WEIGHT>(a.weight) &&
            nt_quad_is_aligned<NT_WEIGHT>(a.bias);
#endif
  return aligned;
}

extern "C" __global__ void __launch_bounds__(NT_THREADS) rms_norm(const __grid_constant__ nt_rms_norm_arguments a) {
#if NT_OUT
  // The squares' sums of two rows in turn: a slow warp may still read those of the row before.
  __shared__ float square_sums[2][NT_SUMS];
#endif
#if NT_CENTER
  __shared__ float mean_sums[NT_SUMS];
#endif
  const int warp = threadIdx.x >> 5, segments = nt_segments(a.width);
  const bool aligned = quads_are_aligned(a);
  nt_let_successors_start();
  nt_wait_for_predecessors();
  int turn = 0;
  for (nt_i64 row = blockIdx.x; row < a.rows; row += gridDim.x, turn ^= 1) {
    const nt_i64 start = row * a.x_stride, out_start = row * a.out_stride;
    nt_row_statistics statistics = {0, 0};
#if NT_HELD > 0
    float v[NT_HELD][NT_SEGMENT_LANE_VALUES];
#pragma unroll
    for (int i = 0; i < NT_HELD; i++) load_segment(v[i], a, start, warp + i * NT_WARPS, aligned);
#define NT_EACH_SEGMENT(body) \
  _Pragma("unroll") for (int i = 0; i < NT_HELD; i++) { \
    const int segment = warp + i * NT_WARPS; \
    body(v[i]); \
  }
#else
#define NT_EACH_SEGMENT(body) \
  for (int segment = warp; segment < segments; segment += NT_WARPS) { \
    float v[NT_SEGMENT_LANE_VALUES]; \
    load_segment(v, a, start, segment, aligned); \
    body(v); \
  }
#endif
#if NT_OUT
#if NT_CENTER
#define NT_ADD_SUM(v) \
  float sum = nt_segment_sum(v); \
  if ((threadIdx.x & 31) == 0) mean_sums[segment] = sum
    NT_EACH_SEGMENT(NT_ADD_SUM)
    __syncthreads();
    statistics.mean = nt_row_mean(nt_sum_of_segments(mean_sums, segments), a.width);
#endif
#define NT_ADD_SQUARES(v) \
  float sum = segment_squares(v, segment, a.width, statistics.mean); \
  if ((threadIdx.x & 31) == 0) square_sums[turn][segment] = sum
    NT_EACH_SEGMENT(NT_ADD_SQUARES)
    __syncthreads();
    statistics.scale = nt_row_scale(nt_sum_of_segments(square_sums[turn], segments), a.width, a.eps);
#endif
#define NT_STORE(v) store_segment(v, a, start, out_start, segment, statistics, aligned)
    NT_EACH_SEGMENT(NT_STORE)
  }
}
