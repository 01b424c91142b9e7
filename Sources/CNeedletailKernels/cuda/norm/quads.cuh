// Four neighbouring elements of a row, of which only the first `left` may exist.
#ifndef NEEDLETAIL_CUDA_QUADS_CUH
#define NEEDLETAIL_CUDA_QUADS_CUH
#include "common/conversions.cuh"

// Whether memory lies at a multiple of a group's size; null does.
template <int dtype>
__device__ __forceinline__ bool nt_quad_is_aligned(const void *memory) {
  return ((nt_u64)memory & (4 * sizeof(typename nt_storage<dtype>::bits) - 1)) == 0;
}

// Elements first ..< first + 4; zeros from `left` on. aligned: memory and `first` allow one access.
template <int dtype>
__device__ __forceinline__ void nt_load_quad(
  float (&values)[4], const void *memory, nt_i64 first, int left, bool aligned) {
  typedef typename nt_storage<dtype>::bits bits;
  if (aligned && left >= 4) {
    nt_load_vector<dtype, 4>(values, memory, first);
  } else {
#pragma unroll
    for (int i = 0; i < 4; i++) values[i] = i < left ? nt_to_float<dtype>(((const bits *)memory)[first + i]) : 0.0f;
  }
}

template <int dtype>
__device__ __forceinline__ void nt_store_quad(
  void *memory, nt_i64 first, const float (&values)[4], int left, bool aligned) {
  typedef typename nt_storage<dtype>::bits bits;
  if (aligned && left >= 4) {
    nt_store_vector<dtype, 4>(memory, first, values);
  } else {
#pragma unroll
    for (int i = 0; i < 4; i++)
      if (i < left) ((bits *)memory)[first + i] = (bits)nt_from_float<dtype>(values[i]);
  }
}

#endif
