// The norm ahead of a product: each block normalizes all rows itself. The order of additions is that of
// common/row_norm.cuh, so that the operands are the bits that rms_norm writes.
#ifndef NEEDLETAIL_PRODUCT_NORMALIZED_CUH
#define NEEDLETAIL_PRODUCT_NORMALIZED_CUH
#include "common/row_norm.cuh"
#include "product/activations.cuh"

// Segments that a warp has in registers from the sums until the statistics are known.
constexpr int nt_held_segments = NT_X_ROWS > 1 ? 8 : 2;

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

// The norm's part of the work of a warp: pairs begin ..< end of a segment and a row, all rows of one segment after the
// other, so that the segments of the norm's vectors are few.
struct nt_norm_work {
  const nt_product_arguments &a;
  int lane, warp, rows, segments, begin, end;
  float *row_values;  // mean and scale of each row
  float *sums;        // [row][segment], behind x
  nt_u32 kept;

  __device__ __forceinline__ nt_norm_work(
    char *memory, nt_u32 shared, const nt_product_arguments &a, int warp, int lane)
      : a(a), lane(lane), warp(warp), rows((int)a.rows), segments(nt_segments(a.k)),
        row_values((float *)(memory + nt_rows_at)),
        sums((float *)(memory + nt_kept_at + NT_X_ROWS * nt_kept_pitch(a.k))), kept(shared + nt_kept_at) {
    begin = warp * rows * segments / nt_warps;
    end = (warp + 1) * rows * segments / nt_warps;
  }

  __device__ __forceinline__ void load(float (&v)[NT_SEGMENT_LANE_VALUES], int pair) const {
    nt_load_segment<NT_X>(v, nt_x_row(a, pair % rows), pair / rows, a.k, lane);
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

  __device__ __forceinline__ void add_up(const float (&v)[NT_SEGMENT_LANE_VALUES], int pair, bool squares) const {
    int r = pair % rows, segment = pair / rows;
    float sum;
    if (NT_NORM == 2 && squares) {
      float mean = row_values[r * 2], d[NT_SEGMENT_LANE_VALUES];
#pragma unroll
      for (int i = 0; i < NT_SEGMENT_LANE_VALUES; i++)
        d[i] = segment * NT_SEGMENT + nt_segment_position(lane, i) < a.k ? v[i] : mean;
      sum = nt_segment_squares(d, mean);
    } else {
      sum = squares ? nt_segment_squares(v, 0) : nt_segment_sum(v);
    }
    if (lane == 0) sums[r * segments + segment] = sum;
  }

  // A value of each row from the sums of its segments; afterwards for all threads of the block.
  __device__ __forceinline__ void finish(bool squares) const {
    __syncthreads();
    if (warp < rows) {
      float sum = nt_sum_of_segments(sums + warp * segments, segments);
      if (lane == 0)
        row_values[warp * 2 + squares] = squares ? nt_row_scale(sum, a.k, a.eps) : nt_row_mean(sum, a.k);
    }
    __syncthreads();
  }

  __device__ __forceinline__ void write(
    const float (&v)[NT_SEGMENT_LANE_VALUES], int pair, const float (&weight)[NT_SEGMENT_LANE_VALUES],
    const float (&bias)[NT_SEGMENT_LANE_VALUES]) const {
    int r = pair % rows, segment = pair / rows;
    nt_row_statistics statistics = {NT_NORM == 2 ? row_values[r * 2] : 0, row_values[r * 2 + 1]};
#pragma unroll
    for (int half = 0; half < 2; half++) {
      int at = segment * NT_SEGMENT + half * 128 + lane * 4;
      float y[4];
#pragma unroll
      for (int i = 0; i < 4; i++) {
        int j = half * 4 + i;
        y[i] = at + i < a.k ? nt_normalized(v[j], statistics, weight[j], bias[j]) : 0;
      }
      if (at < nt_chunks(a.k) * nt_chunk_columns)
        asm volatile("st.shared.v2.u32 [%0], {%1, %2};" ::"r"(kept + r * nt_kept_pitch(a.k) + at * 2),
                     "r"(nt_pack2<nt_operand>(y[0], y[1])), "r"(nt_pack2<nt_operand>(y[2], y[3]))
                     : "memory");
    }
  }
};

// Normalizes all rows into shared memory; all threads of the block call it. It waits for the kernels ahead itself, since
// the norm's vectors, which are weights, can be on their way before.
template <class Wait>
__device__ __forceinline__ void nt_keep_normalized_x(
  char *memory, nt_u32 shared, const nt_product_arguments &a, int warp, int lane, Wait wait) {
  nt_norm_work work(memory, shared, a, warp, lane);
  int known = work.begin / work.rows;
  float weight[NT_SEGMENT_LANE_VALUES], bias[NT_SEGMENT_LANE_VALUES];
  work.load_vectors(weight, bias, known);
  wait();

  float held[nt_held_segments][NT_SEGMENT_LANE_VALUES];
#pragma unroll
  for (int j = 0; j < nt_held_segments; j++)
    if (work.begin + j < work.end) work.load(held[j], work.begin + j);
  auto for_all = [&](auto visit) {
#pragma unroll
    for (int j = 0; j < nt_held_segments; j++)
      if (work.begin + j < work.end) visit(held[j], work.begin + j);
    for (int pair = work.begin + nt_held_segments; pair < work.end; pair++) {
      float v[NT_SEGMENT_LANE_VALUES];
      work.load(v, pair);
      visit(v, pair);
    }
  };
  if constexpr (NT_NORM == 2) {
    for_all([&](const float(&v)[NT_SEGMENT_LANE_VALUES], int pair) { work.add_up(v, pair, false); });
    work.finish(false);
  }
  for_all([&](const float(&v)[NT_SEGMENT_LANE_VALUES], int pair) { work.add_up(v, pair, true); });
  work.finish(true);
  for_all([&](const float(&v)[NT_SEGMENT_LANE_VALUES], int pair) {
    if (pair / work.rows != known) {
      known = pair / work.rows;
      work.load_vectors(weight, bias, known);
    }
    work.write(v, pair, weight, bias);
  });
  __syncthreads();
}

#endif
