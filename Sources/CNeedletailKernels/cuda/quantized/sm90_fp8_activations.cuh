// x on its way to codes in shared memory: normalized if asked for, rounded to 16 bits, coded with a scale for each row or
// for 128 columns of it. Each block does this for all rows; the order of additions is that of common/row_norm.cuh.
#ifndef NEEDLETAIL_QUANTIZED_SM90_FP8_ACTIVATIONS_CUH
#define NEEDLETAIL_QUANTIZED_SM90_FP8_ACTIVATIONS_CUH
#include "common/conversions.cuh"
#include "common/float8.cuh"
#include "quantized/sm90_fp8_layout.cuh"

// Segments that a warp keeps in registers from reading to coding, of so many of its rows; others are read again.
#ifndef NT_HELD
#define NT_HELD 1
#endif
constexpr int nt_held_rows = NT_X_ROWS * NT_HELD <= 4 ? NT_X_ROWS : NT_HELD >= 4 ? 1 : 4 / NT_HELD;

typedef float nt_segment_values[NT_SEGMENT_LANE_VALUES];

struct nt_activations {
  const nt_quantized_product_arguments &a;
  const nt_layout &at;
  char *memory;
  int warp, lane, rows;
  // The warp's rows are part, part + parts, ..., its segments first, first + step, ... below end.
  int part, parts, first, step, end;

  __device__ __forceinline__ nt_activations(
    const nt_quantized_product_arguments &a, const nt_layout &at, char *memory, int warp, int lane)
      : a(a), at(at), memory(memory), warp(warp), lane(lane), rows((int)a.rows) {
    parts = NT_X_ROWS == 1 ? 1 : max(1, min(nt_warps / at.segments, rows));
    step = nt_warps / parts;
    part = warp / step;
    first = warp % step;
    end = part < parts ? at.segments : 0;
  }

  // Of a row: bits of the largest magnitude, mean, scale of the norm, scale of the codes.
  __device__ __forceinline__ float *values_of(int row) const { return (float *)(memory + at.row_values) + row * 4; }
  __device__ __forceinline__ float *sums_of(int row) const {
    return (float *)(memory + at.segment_sums) + row * at.segments;
  }
  __device__ __forceinline__ nt_i64 source(int row) const {
    return (NT_GATHER ? (nt_i64)a.row_indices[row] : (nt_i64)row) * a.x_stride;
  }
  __device__ __forceinline__ void barrier() const { nt_named_barrier(1, nt_warps * 32); }

  // A lane's 8 values of a segment; zeros past the row.
  template <int DTYPE>
  __device__ __forceinline__ void load(nt_segment_values &v, const void *from, nt_i64 start, int segment) const {
#pragma unroll
    for (int half = 0; half < 2; half++) {
      int column = segment * NT_SEGMENT + half * 128 + lane * 4;
      float four[4] = {0, 0, 0, 0};
      if (column < a.k) nt_load_vector<DTYPE, 4>(four, from, start + column);
#pragma unroll
      for (int i = 0; i < 4; i++) v[half * 4 + i] = four[i];
    }
  }

  // The norm's weight, offset added, and its bias; the input scale.
  struct vectors {
    nt_segment_values weight, bias, input;
  };
  __device__ __forceinline__ void load_vectors(vectors &v, int segment) const {
    if constexpr (NT_NORM != 0) {
#pragma unroll
      for (int i = 0; i < NT_SEGMENT_LANE_VALUES; i++) v.weight[i] = 1, v.bias[i] = 0;
      if (a.norm_weight) load<NT_F32>(v.weight, a.norm_weight, 0, segment);
      if (NT_NORM == 2 && a.norm_bias) load<NT_F32>(v.bias, a.norm_bias, 0, segment);
#pragma unroll
      for (int i = 0; i < NT_SEGMENT_LANE_VALUES; i++) v.weight[i] = __fadd_rn(a.weight_offset, v.weight[i]);
    }
    if constexpr (NT_SCALED) load<NT_F32>(v.input, a.input_scale, 0, segment);
  }

  // Mean or scale of each row from the sums of its segments.
  __device__ __forceinline__ float sum_of(int row) const { return nt_sum_of_segments(sums_of(row), at.segments); }
  __device__ __forceinline__ void finish_sums(bool squares) const {
    barrier();
    // Of a single row each warp adds them up itself.
    if constexpr (NT_X_ROWS > 1 || NT_NORM == 2) {
      for (int row = warp; row < rows; row += nt_warps) {
        float sum = sum_of(row);
        if (lane == 0)
          values_of(row)[squares ? 2 : 1] = squares ? nt_row_scale(sum, a.k, a.eps) : nt_row_mean(sum, a.k);
      }
      barrier();
    }
  }

  // What is coded: normalized, rounded, divided.
  __device__ __forceinline__ void prepare(
    nt_segment_values &v, nt_row_statistics statistics, const vectors &with, int segment) const {
    if constexpr (NT_NORM != 0)
#pragma unroll
      for (int i = 0; i < NT_SEGMENT_LANE_VALUES; i++)
        v[i] = segment * NT_SEGMENT + nt_segment_position(lane, i) < a.k
          ? nt_normalized(v[i], statistics, with.weight[i], with.bias[i]) : 0;
    if constexpr (NT_X == NT_F32)
#pragma unroll
      for (int i = 0; i < NT_SEGMENT_LANE_VALUES; i++)
        v[i] = nt_to_float<NT_OPERAND>(nt_from_float<NT_OPERAND>(v[i]));
    if constexpr (NT_SCALED)
#pragma unroll
      for (int i = 0; i < NT_SEGMENT_LANE_VALUES; i++)
        v[i] = segment * NT_SEGMENT + nt_segment_position(lane, i) < a.k ? __fdiv_rn(v[i], with.input[i]) : 0;
  }

  static __device__ __forceinline__ float largest_of_warp(float value) {
    return __uint_as_float(__reduce_max_sync(0xffffffffu, __float_as_uint(value)));
  }
  static __device__ __forceinline__ float largest(const float *four) {
    return fmaxf(fmaxf(fabsf(four[0]), fabsf(four[1])), fmaxf(fabsf(four[2]), fabsf(four[3])));
  }

  __device__ __forceinline__ void store(const float *four, const nt_x_place &place, int row, nt_divisor scale) const {
    float scaled[4];
#pragma unroll
    for (int i = 0; i < 4; i++) scaled[i] = scale.divide(four[i]);
    *(nt_u32 *)(memory + place.of_row(row)) = nt_e4m3_four(scaled);
  }

  // Zeros where no column is, before anything else writes there.
  __device__ __forceinline__ void clear() const {
    uint4 *all = (uint4 *)(memory + nt_x_at);
    for (int i = threadIdx.x; i < nt_warpgroups * at.steps * nt_x_tile_bytes / 16; i += nt_warps * 32)
      all[i] = make_uint4(0, 0, 0, 0);
    if (threadIdx.x < NT_ROWS * 4) ((float *)(memory + at.row_values))[threadIdx.x] = 0;
  }

  // Codes that are there: 16 at a time.
  __device__ __forceinline__ void copy() const {
    const int pieces = a.k / 16, all = rows * pieces;
#pragma unroll 4
    for (int i = threadIdx.x; i < all; i += nt_warps * 32) {
      int row = NT_X_ROWS == 1 ? 0 : i / pieces, column = (i - row * pieces) * 16;
      uint4 codes = *(const uint4 *)((const nt_u8 *)a.x + source(row) + column);
      *(uint4 *)(memory + nt_x_place(at, column).of_row(row)) = codes;
    }
    if constexpr (NT_GROUPED) {
      const int groups = a.k / 128;
      float *scales = (float *)(memory + at.group_scales);
      for (int i = threadIdx.x; i < rows * groups; i += nt_warps * 32)
        scales[i / groups * (at.segments * 2) + i % groups] = a.x_scales[i];
    } else if ((int)threadIdx.x < rows) {
      values_of(threadIdx.x)[3] = a.x_scales[NT_STATIC ? 0 : threadIdx.x];
    }
  }

  // Codes all rows; the multiplying warps call it. It waits for the kernels ahead itself.
  template <class Wait> __device__ __forceinline__ void bring(Wait wait) const {
    clear();
    if constexpr (NT_X == NT_F8E4M3) {
      barrier();
      wait();
      copy();
    } else {
      code(wait);
    }
    nt_fence_async_shared();
    barrier();
  }

  template <class Wait> __device__ __forceinline__ void code(Wait wait) const {
    vectors with[NT_HELD];
    nt_segment_values held[NT_HELD][nt_held_rows];
#pragma unroll
    for (int j = 0; j < NT_HELD; j++)
      if (first + j * step < end) load_vectors(with[j], first + j * step);
    wait();
    // Visits (values, row, segment, vectors) for each of the warp's rows of its segments.
    auto for_held = [&](auto visit) {
#pragma unroll
      for (int j = 0; j < NT_HELD; j++)
#pragma unroll
        for (int i = 0; i < nt_held_rows; i++) {
          int row = part + i * parts, segment = first + j * step;
          if (row < rows && segment < end) visit(held[j][i], row, segment, with[j]);
        }
    };
    auto for_others = [&](auto visit) {
      constexpr bool holds_rows = NT_X_ROWS <= nt_held_rows;
      for (int segment = first + (holds_rows ? NT_HELD * step : 0); segment < end; segment += step) {
        vectors own;
        load_vectors(own, segment);
        const bool is_held = !holds_rows && segment < first + NT_HELD * step;
        for (int row = part + (is_held ? nt_held_rows * parts : 0); row < rows; row += parts) {
          nt_segment_values v;
          load<NT_X>(v, a.x, source(row), segment);
          visit(v, row, segment, own);
        }
      }
    };
    auto statistics_of = [&](int row) {
      nt_row_statistics statistics = {0, 0};
      if (NT_NORM == 2) statistics.mean = values_of(row)[1];
      if (NT_NORM != 0) statistics.scale = values_of(row)[2];
      return statistics;
    };
    for_held([&](nt_segment_values &v, int row, int segment, vectors &) { load<NT_X>(v, a.x, source(row), segment); });
    if constexpr (NT_NORM == 2) {
      auto add = [&](nt_segment_values &v, int row, int segment, vectors &) {
        float sum = nt_segment_sum(v);
        if (lane == 0) sums_of(row)[segment] = sum;
      };
      for_held(add);
      for_others(add);
      finish_sums(false);
    }
    nt_row_statistics only = {0, 0};
    if constexpr (NT_NORM != 0) {
      auto add = [&](nt_segment_values &v, int row, int segment, vectors &) {
        float mean = NT_NORM == 2 ? values_of(row)[1] : 0;
        nt_segment_values d;
#pragma unroll
        for (int i = 0; i < NT_SEGMENT_LANE_VALUES; i++)
          d[i] = segment * NT_SEGMENT + nt_segment_position(lane, i) < a.k ? v[i] : mean;
        float sum = nt_segment_squares(d, mean);
        if (lane == 0) sums_of(row)[segment] = sum;
      };
      for_held(add);
      for_others(add);
      finish_sums(true);
      if (NT_X_ROWS == 1 && NT_NORM == 1) only.scale = nt_row_scale(sum_of(0), a.k, a.eps);
    } else {
      barrier();
    }
    auto statistics = [&](int row) { return NT_X_ROWS == 1 && NT_NORM == 1 ? only : statistics_of(row); };

    if constexpr (NT_GROUPED) {
      auto finish = [&](nt_segment_values &v, int row, int segment, vectors &own) {
        prepare(v, statistics(row), own, segment);
#pragma unroll
        for (int half = 0; half < 2; half++) {
          float scale = nt_e4m3_scale(largest_of_warp(largest(v + half * 4)));
          int column = segment * NT_SEGMENT + half * 128 + lane * 4;
          if (column < a.k) store(v + half * 4, nt_x_place(at, column), row, scale);
          if (lane == 0) ((float *)(memory + at.group_scales))[(row * at.segments + segment) * 2 + half] = scale;
        }
      };
      for_held(finish);
      for_others(finish);
    } else {
      if constexpr (!NT_STATIC) {
        auto measure = [&](nt_segment_values &v, int row, int segment, vectors &own) {
          prepare(v, statistics(row), own, segment);
          float most = largest_of_warp(fmaxf(largest(v), largest(v + 4)));
          if (lane == 0) atomicMax((nt_u32 *)values_of(row), __float_as_uint(most));
        };
        for_held(measure);
        for_others(measure);
        barrier();
      }
      auto finish = [&](nt_segment_values &v, int row, int segment, vectors &own) {
        nt_divisor scale(NT_STATIC ? a.x_scales[0] : nt_e4m3_scale(values_of(row)[0]));
        int column = segment * NT_SEGMENT + lane * 4;
        if (column < a.k) store(v, nt_x_place(at, column), row, scale);
        if (column + 128 < a.k) store(v + 4, nt_x_place(at, column + 128), row, scale);
        if (lane == 0 && segment == 0) values_of(row)[3] = scale.value;
      };
      auto prepare_and_finish = [&](nt_segment_values &v, int row, int segment, vectors &own) {
        prepare(v, statistics(row), own, segment);
        finish(v, row, segment, own);
      };
      if constexpr (NT_STATIC) for_held(prepare_and_finish);
      else for_held(finish);
      for_others(prepare_and_finish);
    }
  }
};

#endif
