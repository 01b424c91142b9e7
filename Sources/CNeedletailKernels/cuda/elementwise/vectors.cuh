// Eight neighbouring elements of a row, of which only the first `left` may exist: 16 bytes an access for 16-bit types.
#ifndef NEEDLETAIL_CUDA_VECTORS_CUH
#define NEEDLETAIL_CUDA_VECTORS_CUH
#include "common/conversions.cuh"

#define NT_VECTOR 8

// Whether rows at `memory` with this stride have their vectors at multiples of 16 bytes.
template <int dtype>
__device__ __forceinline__ bool nt_vectors_are_aligned(const void *memory, nt_i64 stride) {
  return (((nt_u64)memory | (nt_u64)stride * sizeof(typename nt_storage<dtype>::bits)) & 15) == 0;
}

// Elements first ..< first + 8; zeros from `left` on.
template <int dtype>
__device__ __forceinline__ void nt_load_part(
  float (&values)[NT_VECTOR], const void *memory, nt_i64 first, int left, bool aligned) {
  typedef typename nt_storage<dtype>::bits bits;
  if (aligned && left >= NT_VECTOR) {
    nt_load_vector<dtype, NT_VECTOR>(values, memory, first);
  } else {
#pragma unroll
    for (int i = 0; i < NT_VECTOR; i++)
      values[i] = i < left ? nt_to_float<dtype>(((const bits *)memory)[first + i]) : 0.0f;
  }
}

template <int dtype>
__device__ __forceinline__ void nt_store_part(
  void *memory, nt_i64 first, const float (&values)[NT_VECTOR], int left, bool aligned) {
  typedef typename nt_storage<dtype>::bits bits;
  if (aligned && left >= NT_VECTOR) {
    nt_store_vector<dtype, NT_VECTOR>(memory, first, values);
  } else {
#pragma unroll
    for (int i = 0; i < NT_VECTOR; i++)
      if (i < left) ((bits *)memory)[first + i] = (bits)nt_from_float<dtype>(values[i]);
  }
}

#endif
