// The normalization of a row with one order of additions, whoever computes it: a block of any size, several rows at
// once, or the blocks of a cluster that share a row. Every kernel that normalizes goes through here, so that a norm
// ahead of a product and one inside it give the same bits.
//
// The order: a row is cut into segments of 256 elements. Lane l of a warp has elements 4 l ... 4 l + 3 and 128 + 4 l ...
// of a segment (what lies past the row counts as zero); nt_segment_sum adds them. The sums of the segments are then
// added by a warp: lane l takes segments l, l + 32, ..., and the lanes are added as a tree.
#ifndef NEEDLETAIL_CUDA_ROW_NORM_CUH
#define NEEDLETAIL_CUDA_ROW_NORM_CUH
#include "types.h"

#define NT_SEGMENT 256
#define NT_SEGMENT_LANE_VALUES 8

// Segments of a row.
__device__ __forceinline__ int nt_segments(int width) { return (width + NT_SEGMENT - 1) / NT_SEGMENT; }

// Where value i (0 ..< 8) of a lane lies within its segment; 0 ... 3 and 4 ... 7 are neighbours.
__device__ __forceinline__ int nt_segment_position(int lane, int i) { return (i >> 2) * 128 + lane * 4 + (i & 3); }

// The sum over a warp; every lane gets it, and every lane the same bits.
__device__ __forceinline__ float nt_warp_sum(float value) {
#pragma unroll
  for (int distance = 16; distance > 0; distance >>= 1)
    value = __fadd_rn(value, __shfl_xor_sync(0xffffffffu, value, distance));
  return value;
}

// The sum of one segment of which each lane has 8 values; for all lanes.
__device__ __forceinline__ float nt_segment_sum(const float (&v)[NT_SEGMENT_LANE_VALUES]) {
  float low = __fadd_rn(__fadd_rn(v[0], v[1]), __fadd_rn(v[2], v[3]));
  float high = __fadd_rn(__fadd_rn(v[4], v[5]), __fadd_rn(v[6], v[7]));
  return nt_warp_sum(__fadd_rn(low, high));
}

// The sum of the squares of one segment's distances from `mean` (0 for an rms norm). Values past the row must be left out
// by the caller: it gives `mean` in their place.
__device__ __forceinline__ float nt_segment_squares(const float (&v)[NT_SEGMENT_LANE_VALUES], float mean) {
  float squares[NT_SEGMENT_LANE_VALUES];
#pragma unroll
  for (int i = 0; i < NT_SEGMENT_LANE_VALUES; i++) {
    float d = __fsub_rn(v[i], mean);
    squares[i] = __fmul_rn(d, d);
  }
  return nt_segment_sum(squares);
}

// The sum of the segments' sums, by one whole warp; for all lanes. `sums` is in shared or global memory.
__device__ __forceinline__ float nt_sum_of_segments(const float *sums, int count) {
  float total = 0;
  for (int i = threadIdx.x & 31; i < count; i += 32) total = __fadd_rn(total, sums[i]);
  return nt_warp_sum(total);
}

// What a row is normalized with.
struct nt_row_statistics {
  float mean;   // 0 for an rms norm
  float scale;  // 1 / sqrt(mean of the squares + eps)
};

__device__ __forceinline__ float nt_row_mean(float sum, int width) { return __fdiv_rn(sum, (float)width); }

__device__ __forceinline__ float nt_row_scale(float squares, int width, float eps) {
  return __frcp_rn(__fsqrt_rn(__fadd_rn(__fdiv_rn(squares, (float)width), eps)));
}

// One normalized value, before it is rounded to its storage; no multiplication is fused with an addition, whatever the
// compiler thinks of it. weight: offset + weight[i], bias: bias[i] or 0.
__device__ __forceinline__ float nt_normalized(float x, nt_row_statistics row, float weight, float bias) {
  return __fadd_rn(__fmul_rn(__fmul_rn(__fsub_rn(x, row.mean), row.scale), weight), bias);
}

// The statistics of a row that a whole block works on (a multiple of 32 threads, all of which call this). `load(i)` gives
// element i as float and is called for each element once (rms) or twice (centered); `sums` is shared memory for
// nt_segments(width) floats, free again after the next __syncthreads() of the caller.
template <class Load>
__device__ __forceinline__ nt_row_statistics nt_block_row_statistics(
    Load load, int width, bool centered, float eps, float *sums) {
  int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, warps = blockDim.x >> 5, count = nt_segments(width);
  nt_row_statistics row = {0, 0};
  float v[NT_SEGMENT_LANE_VALUES];
  if (centered) {
    for (int s = warp; s < count; s += warps) {
#pragma unroll
      for (int i = 0; i < NT_SEGMENT_LANE_VALUES; i++) {
        int at = s * NT_SEGMENT + nt_segment_position(lane, i);
        v[i] = at < width ? load(at) : 0;
      }
      float sum = nt_segment_sum(v);
      if (lane == 0) sums[s] = sum;
    }
    __syncthreads();
    row.mean = nt_row_mean(nt_sum_of_segments(sums, count), width);
    __syncthreads();
  }
  for (int s = warp; s < count; s += warps) {
#pragma unroll
    for (int i = 0; i < NT_SEGMENT_LANE_VALUES; i++) {
      int at = s * NT_SEGMENT + nt_segment_position(lane, i);
      v[i] = at < width ? load(at) : row.mean;
    }
    float squares = nt_segment_squares(v, row.mean);
    if (lane == 0) sums[s] = squares;
  }
  __syncthreads();
  row.scale = nt_row_scale(nt_sum_of_segments(sums, count), width, eps);
  return row;
}

#endif
