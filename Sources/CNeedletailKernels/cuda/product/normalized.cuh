// The norm ahead of a product: each block normalizes all rows itself. The order of additions is that of
// common/row_norm.cuh, so that the operands are the bits that rms_norm writes.
#ifndef NEEDLETAIL_PRODUCT_NORMALIZED_CUH
#define NEEDLETAIL_PRODUCT_NORMALIZED_CUH
#include "common/row_norm.cuh"
#include "product/activations.cuh"

// A lane's 8 values of a segment; zeros in place of what lies past the row.
template <int DTYPE>
__device__ __forceinline__ void nt_load_segment(
  float (&v)[NT_SEGMENT_LANE_VALUES], const void *memory, int segment, int width, int lane) {
  const typename nt_storage<DTYPE>::bits *row = (const typename nt_storage<DTYPE>::bits *)memory;
#pragma unroll
  for (int half = 0; half < 2; half++) {
    int at = segment * NT_SEGMENT + half * 128 + lane * 4;
    if constexpr (NT_COLUMNS > 1 && DTYPE == NT_F32) {
      float4 four = at < width ? *(const float4 *)(row + at) : make_float4(0, 0, 0, 0);
      v[half * 4] = four.x, v[half * 4 + 1] = four.y, v[half * 4 + 2] = four.z, v[half * 4 + 3] = four.w;
    } else {
#pragma unroll
      for (int i = 0; i < 4; i++) v[half * 4 + i] = at + i < width ? nt_to_float<DTYPE>(row[at + i]) : 0;
    }
  }
}

// The norm's part of the work of a warp: rows part, part + parts, ... of segments first, first + step, ... below end.
struct nt_norm_work {
  const nt_arguments &a;
  int lane, warp, rows, segments, first, end, step, part, parts;
  nt_u32 shared;
  float *sums;        // [row][segment], behind x
  float *row_values;  // mean and scale of each row

  __device__ __forceinline__ nt_norm_work(
    char *memory, nt_u32 shared, const nt_arguments &a, int warp, int lane)
      : a(a), lane(lane), warp(warp), rows(NT_X_ROWS == 1 ? 1 : (int)a.rows), segments(nt_segments(a.k)),
        shared(shared), sums((float *)(memory + nt_kept_at + NT_X_ROWS * nt_kept_pitch(a.k))),
        row_values((float *)(memory + nt_rows_at)) {
    parts = NT_X_ROWS == 1 ? 1 : max(1, min(nt_warps / segments, rows));
    step = nt_warps / parts;
    part = warp / step;
    first = warp % step;
    end = part < parts ? segments : 0;
  }

  __device__ __forceinline__ void load(float (&v)[NT_SEGMENT_LANE_VALUES], int row, int segment) const {
    nt_load_segment<NT_X>(v, nt_x_row(a, row), segment, a.k, lane);
  }

  // The norm's weight for a segment, offset added, and its bias.
  __device__ __forceinline__ void load_vectors(
    float (&weight)[NT_SEGMENT_LANE_VALUES], float (&bias)[NT_SEGMENT_LANE_VALUES], int segment) const {
#pragma unroll
    for (int i = 0; i < NT_SEGMENT_LANE_VALUES; i++) weight[i] = 1, bias[i] = 0;
    if (a.norm_weight) nt_load_segment<NT_F32>(weight, a.norm_weight, segment, a.k, lane);
    if (NT_NORM == 2 && a.norm_bias) nt_load_segment<NT_F32>(bias, a.norm_bias, segment, a.k, lane);
#pragma unroll
    for (int i = 0; i < NT_SEGMENT_LANE_VALUES; i++) weight[i] += a.weight_offset;
  }

  // The sum of a segment, or of the squares of its distances from the mean.
  __device__ __forceinline__ void add_up(
    const float (&v)[NT_SEGMENT_LANE_VALUES], int row, int segment, bool squares) const {
    float sum;
    if (NT_NORM == 2 && squares) {
      float mean = row_values[row * 2], d[NT_SEGMENT_LANE_VALUES];
#pragma unroll
      for (int i = 0; i < NT_SEGMENT_LANE_VALUES; i++)
        d[i] = segment * NT_SEGMENT + nt_segment_position(lane, i) < a.k ? v[i] : mean;
      sum = nt_segment_squares(d, mean);
    } else {
      sum = squares ? nt_segment_squares(v, 0) : nt_segment_sum(v);
    }
    if (lane == 0) sums[row * segments + segment] = sum;
  }

  __device__ __forceinline__ float value(int row, bool squares) const {
    float sum = nt_sum_of_segments(sums + row * segments, segments);
    return squares ? nt_row_scale(sum, a.k, a.eps) : nt_row_mean(sum, a.k);
  }

  // Each row's mean or scale from the sums of its segments, when all warps have written theirs.
  __device__ __forceinline__ void finish(bool squares) const {
    __syncthreads();
    if (NT_X_ROWS == 1 && NT_NORM != 2) return;
    if (warp < rows) {
      float result = value(warp, squares);
      if (lane == 0) row_values[warp * 2 + squares] = result;
    }
    __syncthreads();
  }

  __device__ __forceinline__ void write(
    const float (&v)[NT_SEGMENT_LANE_VALUES], int row, int segment, nt_row_statistics statistics,
    const float (&weight)[NT_SEGMENT_LANE_VALUES], const float (&bias)[NT_SEGMENT_LANE_VALUES]) const {
#pragma unroll
    for (int half = 0; half < 2; half++) {
      int at = segment * NT_SEGMENT + half * 128 + lane * 4;
      float y[4];
#pragma unroll
      for (int i = 0; i < 4; i++) {
        int j = half * 4 + i;
        y[i] = NT_COLUMNS == 32 || at + i < a.k ? nt_normalized(v[j], statistics, weight[j], bias[j]) : 0;
      }
      if (at >= nt_chunks(a.k) * nt_chunk_columns) continue;
      nt_u32 low = nt_pack2<nt_operand>(y[0], y[1]), high = nt_pack2<nt_operand>(y[2], y[3]);
      nt_u32 kept = shared + nt_kept_at + row * nt_kept_pitch(a.k);
      if constexpr (NT_CODE == 0) {
        asm volatile("st.shared.v2.u32 [%0], {%1, %2};" ::"r"(kept + at * 2), "r"(low), "r"(high) : "memory");
      } else {
        nt_store_word(kept + nt_kept_place(at), low);
        nt_store_word(kept + nt_kept_place(at + 2), high);
      }
    }
  }
};

// Normalizes all rows into shared memory; all threads of the block call it. It waits for the kernels ahead itself, since
// the norm's vectors, which are weights, can be on their way before.
template <class Wait>
__device__ __forceinline__ void nt_keep_normalized_x(
  char *memory, nt_u32 shared, const nt_arguments &a, int warp, int lane, Wait wait) {
  nt_norm_work work(memory, shared, a, warp, lane);
  float weight[NT_SEGMENT_LANE_VALUES], bias[NT_SEGMENT_LANE_VALUES];
  work.load_vectors(weight, bias, min(work.first, work.segments - 1));
  wait();

  // The rows of a warp's first segment stay in registers until the statistics are known; more segments are read again.
  float held[NT_X_ROWS][NT_SEGMENT_LANE_VALUES];
#pragma unroll
  for (int j = 0; j < NT_X_ROWS; j++) {
    int row = work.part + j * work.parts;
    if (row < work.rows && work.first < work.end) work.load(held[j], row, work.first);
  }
  auto for_all = [&](auto visit) {
#pragma unroll
    for (int j = 0; j < NT_X_ROWS; j++) {
      int row = work.part + j * work.parts;
      if (row < work.rows && work.first < work.end) visit(held[j], row, work.first);
    }
    for (int segment = work.first + work.step; segment < work.end; segment += work.step)
      for (int row = work.part; row < work.rows; row += work.parts) {
        float v[NT_SEGMENT_LANE_VALUES];
        work.load(v, row, segment);
        visit(v, row, segment);
      }
  };
  if constexpr (NT_NORM == 2) {
    for_all([&](const float(&v)[NT_SEGMENT_LANE_VALUES], int row, int s) { work.add_up(v, row, s, false); });
    work.finish(false);
  }
  for_all([&](const float(&v)[NT_SEGMENT_LANE_VALUES], int row, int s) { work.add_up(v, row, s, true); });
  work.finish(true);
  float scale = NT_X_ROWS == 1 && NT_NORM != 2 ? work.value(0, true) : 0;
  int known = work.first;
  for_all([&](const float(&v)[NT_SEGMENT_LANE_VALUES], int row, int segment) {
    if (segment != known) work.load_vectors(weight, bias, known = segment);
    nt_row_statistics statistics = {0, scale};
    if (NT_X_ROWS > 1 || NT_NORM == 2) statistics.scale = work.row_values[row * 2 + 1];
    if (NT_NORM == 2) statistics.mean = work.row_values[row * 2];
    work.write(v, row, segment, statistics, weight, bias);
  });
  __syncthreads();
}

#endif
