// The sums of the slices of k: each warp's, left in shared memory and added two by two.
#ifndef NEEDLETAIL_QUANTIZED_SM90_FP8_SLICE_SUMS_CUH
#define NEEDLETAIL_QUANTIZED_SM90_FP8_SLICE_SUMS_CUH
#include "quantized/sm90_fp8_layout.cuh"

// A lane's sums that are of use: those of its warp's slice.
constexpr int nt_useful = NT_ROWS == 16 ? 8 : 4;

// Picks them from what the instructions leave. The lanes of two rows of x hold those of all four slices: all keep them.
__device__ __forceinline__ void nt_pick(float (&useful)[nt_useful], const float (&d)[nt_columns / 2], int warp) {
  constexpr int tiles = nt_columns / 8, own = NT_ROWS == 16 ? 2 : 1;
#pragma unroll
  for (int i = 0; i < nt_useful; i++) useful[i] = d[i];
#pragma unroll
  for (int j = 1; j < tiles / own; j++)
    if (warp * NT_ROWS / (8 * own) == j)
#pragma unroll
      for (int i = 0; i < nt_useful; i++) useful[i] = d[j * own * 4 + i];
}

struct nt_slice_sums {
  float *places;
  int turn = 0;
  // What this thread adds up: row of x and of the tile.
  int x_row, tile_row;

  __device__ __forceinline__ nt_slice_sums(const nt_layout &at, char *memory)
      : places((float *)(memory + at.sums)), x_row(threadIdx.x >> 4), tile_row(threadIdx.x & 15) {}

  __device__ __forceinline__ float *sums() const { return places + turn * nt_sums_floats; }

  // Leaves the sums of a warp's slice for the threads that add them.
  __device__ __forceinline__ void leave(const float (&useful)[nt_useful]) const {
    int slice = threadIdx.x >> 5, lane = threadIdx.x & 31, g = lane >> 2, t = lane & 3, w = slice & 3;
    float *to = sums() + slice * nt_slice_floats + g;
    int row = t * 2;
    if (NT_ROWS == 2 && t != w) return;
    if (NT_ROWS == 4 && t >> 1 != (w & 1)) return;
    if (NT_ROWS < 8) row &= NT_ROWS - 1;
#pragma unroll
    for (int i = 0; i < nt_useful; i++)
      to[(row + (i >> 2) * 8 + (i & 1)) * nt_sums_pitch + (i >> 1 & 1) * 8] = useful[i];
  }

  __device__ __forceinline__ float sum_of_slices() const {
    const float *from = sums() + x_row * nt_sums_pitch + tile_row;
    float parts[nt_slices];
#pragma unroll
    for (int i = 0; i < nt_slices; i++) parts[i] = from[i * nt_slice_floats];
#pragma unroll
    for (int distance = 1; distance < nt_slices; distance *= 2)
#pragma unroll
      for (int i = 0; i < nt_slices; i += 2 * distance) parts[i] += parts[i + distance];
    return parts[0];
  }

  // The sum of a tile, when all have left theirs; all multiplying threads call it, and those that want the sum get it. A
  // place is written again two tiles later, when all threads have passed a barrier since it was read.
  __device__ __forceinline__ float take(bool wants) {
    nt_named_barrier(1, nt_warps * 32);
    float sum = wants ? sum_of_slices() : 0;
    turn ^= 1;
    return sum;
  }
};

#endif
