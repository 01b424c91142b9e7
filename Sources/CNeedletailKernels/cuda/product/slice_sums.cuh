// The warps' sums over their slices of k meet in shared memory: the slices are added in fours, and these in order.
#ifndef NEEDLETAIL_PRODUCT_SLICE_SUMS_CUH
#define NEEDLETAIL_PRODUCT_SLICE_SUMS_CUH
#include "product/layout.cuh"

// Leaves a lane's sums of a unit (8 rows of x, a tile of the weight) at its place.
__device__ __forceinline__ void nt_leave_sums(float *mine, const float (&c)[4]) {
  mine[0] = c[0];
  mine[nt_unit_pitch] = c[1];
  mine[8] = c[2];
  mine[nt_unit_pitch + 8] = c[3];
}

// The block's sums of a unit of slices; `from` is the thread's place in the first's.
__device__ __forceinline__ float nt_sum_of_slices(const float *from) {
  float total = 0;
#pragma unroll
  for (int i = 0; i < nt_slices; i += nt_group_slices) {
    const float *four = from + i * nt_unit_floats;
    float sum = four[0];
#pragma unroll
    for (int j = 1; j < nt_group_slices; j++) sum += four[j * nt_unit_floats];
    total = i == 0 ? sum : total + sum;
  }
  return total;
}

#endif
