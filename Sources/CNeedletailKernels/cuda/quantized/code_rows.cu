// code_rows.h: a block has a row, its elements in registers, so that memory is read once and written once. The order of a
// norm's additions is that of common/row_norm.cuh, so codes are those that a product makes of its own input.
//
// NT_X: storage of x. NT_OPERAND: the 16-bit type that is rounded to before coding. NT_FORM: 0: rows as they are, 1: an rms
// norm, 2: a layer norm, 3: gated by NT_ACTIVATION. NT_CODE: NT_F8E4M3 or NT_I8. NT_GROUPED: 128 columns share a scale.
// NT_SCALED: there is an input scale. NT_WARPS: warps of a block. NT_HELD: segments of 256 columns that a warp holds.
#include "code_rows.h"
#include "common/activation.cuh"
#include "common/float8.cuh"
#include "common/launch.cuh"
#include "common/row_norm.cuh"
#include "norm/quads.cuh"

#ifndef NT_ACTIVATION
#define NT_ACTIVATION NT_IDENTITY
#endif

typedef float nt_segment_values[NT_SEGMENT_LANE_VALUES];

struct nt_row_coder {
  const nt_code_rows_arguments &a;
  float *shared;  // of each segment one number
  int warp, lane, segments;

  __device__ __forceinline__ int segment(int i) const { return warp + i * NT_WARPS; }
  __device__ __forceinline__ int column(int i, int half) const {
    return segment(i) * NT_SEGMENT + nt_segment_position(lane, half * 4);
  }

  template <int DTYPE, bool whole>
  __device__ __forceinline__ void load(nt_segment_values &v, const void *memory, nt_i64 start, int i) const {
#pragma unroll
    for (int half = 0; half < 2; half++) {
      float four[4];
      nt_load_quad<DTYPE, whole>(four, memory, start + column(i, half), a.width - column(i, half));
#pragma unroll
      for (int j = 0; j < 4; j++) v[half * 4 + j] = four[j];
    }
  }

  static __device__ __forceinline__ float rounded(float value) {
    return nt_to_float<NT_OPERAND>(nt_from_float<NT_OPERAND>(value));
  }

  // The sum over all segments, or the largest number of them; the same for all threads.
  __device__ __forceinline__ float sum() const {
    __syncthreads();
    float total = nt_sum_of_segments(shared, segments);
    __syncthreads();
    return total;
  }
  __device__ __forceinline__ float largest() const {
    __syncthreads();
    float most = 0;
    for (int i = lane; i < segments; i += 32) most = fmaxf(most, shared[i]);
    return __uint_as_float(__reduce_max_sync(0xffffffffu, __float_as_uint(most)));
  }

  template <bool whole> __device__ __forceinline__ void normalize(nt_segment_values (&v)[NT_HELD]) const {
    nt_row_statistics row = {0, 0};
    if constexpr (NT_FORM == 2) {
#pragma unroll
      for (int i = 0; i < NT_HELD; i++) {
        float part = nt_segment_sum(v[i]);
        if (lane == 0) shared[segment(i)] = part;
      }
      row.mean = nt_row_mean(sum(), a.width);
    }
#pragma unroll
    for (int i = 0; i < NT_HELD; i++) {
      nt_segment_values d;
#pragma unroll
      for (int j = 0; j < NT_SEGMENT_LANE_VALUES; j++)
        d[j] = column(i, j / 4) + j % 4 < a.width ? v[i][j] : row.mean;
      float part = nt_segment_squares(d, row.mean);
      if (lane == 0) shared[segment(i)] = part;
    }
    row.scale = nt_row_scale(sum(), a.width, a.eps);
#pragma unroll
    for (int i = 0; i < NT_HELD; i++) {
      nt_segment_values weight = {1, 1, 1, 1, 1, 1, 1, 1}, bias = {};
      if (a.norm_weight) load<NT_F32, whole>(weight, a.norm_weight, 0, i);
      if (NT_FORM == 2 && a.norm_bias) load<NT_F32, whole>(bias, a.norm_bias, 0, i);
#pragma unroll
      for (int j = 0; j < NT_SEGMENT_LANE_VALUES; j++)
        v[i][j] = column(i, j / 4) + j % 4 < a.width
          ? rounded(nt_normalized(v[i][j], row, __fadd_rn(a.weight_offset, weight[j]), bias[j])) : 0;
    }
  }

  // Four codes of values that are there.
  template <bool whole> __device__ __forceinline__ void store(const float *four, nt_i64 start, int at, nt_divisor scale) const {
    int left = a.width - at;
    if (left <= 0) return;
    nt_u32 codes = 0;
    if constexpr (NT_CODE == NT_I8) {
#pragma unroll
      for (int j = 0; j < 4; j++) {
        int code = __float2int_rn(fminf(fmaxf(scale.divide(four[j]), -127.0f), 127.0f));
        codes |= (nt_u32)(code & 0xff) << (j * 8);
      }
    } else {
      float scaled[4];
#pragma unroll
      for (int j = 0; j < 4; j++) scaled[j] = scale.divide(four[j]);
      codes = nt_e4m3_four(scaled);
    }
    nt_u8 *to = (nt_u8 *)a.out + start + at;
    if constexpr (whole) {
      *(nt_u32 *)to = codes;
    } else {
#pragma unroll
      for (int j = 0; j < 4; j++)
        if (j < left) to[j] = (nt_u8)(codes >> (j * 8));
    }
  }

  static __device__ __forceinline__ float largest_of(const float *four) {
    return fmaxf(fmaxf(fabsf(four[0]), fabsf(four[1])), fmaxf(fabsf(four[2]), fabsf(four[3])));
  }
  static __device__ __forceinline__ float scale_of(float largest) {
    return NT_CODE == NT_I8 ? __fdiv_rn(fmaxf(largest, 1e-12f), 127.0f) : nt_e4m3_scale(largest);
  }

  template <bool whole> __device__ __forceinline__ void code(nt_i64 row) const {
    nt_segment_values v[NT_HELD];
    const nt_i64 start = row * a.x_stride;
#pragma unroll
    for (int i = 0; i < NT_HELD; i++) load<NT_X, whole>(v[i], a.x, start, i);
    if constexpr (NT_FORM == 3) {
#pragma unroll
      for (int i = 0; i < NT_HELD; i++) {
        nt_segment_values factor;
        load<NT_X, whole>(factor, a.x, start + a.width, i);
#pragma unroll
        for (int j = 0; j < NT_SEGMENT_LANE_VALUES; j++)
          v[i][j] = rounded(__fmul_rn(nt_activate<NT_ACTIVATION>(v[i][j]), factor[j]));
      }
    } else if constexpr (NT_FORM != 0) {
      normalize<whole>(v);
    } else if constexpr (NT_X == NT_F32) {
#pragma unroll
      for (int i = 0; i < NT_HELD; i++)
#pragma unroll
        for (int j = 0; j < NT_SEGMENT_LANE_VALUES; j++) v[i][j] = rounded(v[i][j]);
    }
    if constexpr (NT_SCALED) {
#pragma unroll
      for (int i = 0; i < NT_HELD; i++) {
        nt_segment_values by;
        load<NT_F32, whole>(by, a.input_scale, 0, i);
#pragma unroll
        for (int j = 0; j < NT_SEGMENT_LANE_VALUES; j++)
          v[i][j] = column(i, j / 4) + j % 4 < a.width ? __fdiv_rn(v[i][j], by[j]) : 0;
      }
    }
    const nt_i64 out = row * a.out_stride;
    if constexpr (NT_GROUPED) {
      const int groups = (a.width + 127) / 128;
#pragma unroll
      for (int i = 0; i < NT_HELD; i++)
#pragma unroll
        for (int half = 0; half < 2; half++) {
          float most = __uint_as_float(__reduce_max_sync(0xffffffffu, __float_as_uint(largest_of(v[i] + half * 4))));
          float scale = scale_of(most);
          int group = segment(i) * 2 + half;
          if (lane == 0 && group < groups) a.scales[row * groups + group] = scale;
          store<whole>(v[i] + half * 4, out, column(i, half), scale);
        }
    } else {
      float scale;
      if (a.given_scale) {
        scale = *a.given_scale;
      } else {
#pragma unroll
        for (int i = 0; i < NT_HELD; i++) {
          float most = fmaxf(largest_of(v[i]), largest_of(v[i] + 4));
          most = __uint_as_float(__reduce_max_sync(0xffffffffu, __float_as_uint(most)));
          if (lane == 0 && segment(i) < segments) shared[segment(i)] = most;
        }
        scale = scale_of(largest());
        if (threadIdx.x == 0) a.scales[row] = scale;
      }
#pragma unroll
      for (int i = 0; i < NT_HELD; i++)
#pragma unroll
        for (int half = 0; half < 2; half++) store<whole>(v[i] + half * 4, out, column(i, half), scale);
    }
  }
};

extern "C" __global__ void __launch_bounds__(NT_WARPS * 32) code_rows(const __grid_constant__ nt_code_rows_arguments a) {
  __shared__ float shared[NT_WARPS * NT_HELD];
  nt_let_successors_start();
  nt_wait_for_predecessors();
  const nt_row_coder coder = {a, shared, (int)threadIdx.x >> 5, (int)threadIdx.x & 31, nt_segments(a.width)};
  const bool whole = ((a.x_stride | a.out_stride | a.width | (nt_i64)a.out) & 3) == 0 &&
                     nt_quad_is_aligned<NT_X>(a.x) && nt_quad_is_aligned<NT_F32>(a.norm_weight) &&
                     nt_quad_is_aligned<NT_F32>(a.norm_bias) && nt_quad_is_aligned<NT_F32>(a.input_scale);
  for (nt_i64 row = blockIdx.x; row < a.rows; row += gridDim.x) {
    if (whole) coder.code<true>(row);
    else coder.code<false>(row);
    __syncthreads();
  }
}
