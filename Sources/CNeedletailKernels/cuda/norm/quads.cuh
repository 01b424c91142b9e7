// Four neighbouring elements of a row, of which only the first `left` may exist.
//
// whole: every group of four lies at a multiple of its own size, and rows are made of whole groups. Loads then depend
// on one comparison, so that many of them are under way at once.
#ifndef NEEDLETAIL_CUDA_QUADS_CUH
#define NEEDLETAIL_CUDA_QUADS_CUH
#include "common/conversions.cuh"

// Whether memory lies at a multiple of a group's size; null does.
template <int dtype>
__device__ __forceinline__ bool nt_quad_is_aligned(const void *memory) {
  return ((nt_u64)memory & (4 * sizeof(typename nt_storage<dtype>::bits) - 1)) == 0;
}

// The words of a group of four, to be converted later: loads that are under way cost few registers.
template <int dtype>
struct nt_quad {
  nt_u32 words[sizeof(typename nt_storage<dtype>::bits)];
};

// Elements first ..< first + 4 of a row of whole groups; zeros where it has none.
template <int dtype>
__device__ __forceinline__ nt_quad<dtype> nt_load_quad_words(const void *memory, nt_i64 first, int left) {
  typedef typename nt_storage<dtype>::bits bits;
  nt_quad<dtype> quad = {};
  if (left > 0) {
    if constexpr (dtype == NT_F32) {
      const uint4 v = *(const uint4 *)((const bits *)memory + first);
      quad.words[0] = v.x, quad.words[1] = v.y, quad.words[2] = v.z, quad.words[3] = v.w;
    } else {
      const uint2 v = *(const uint2 *)((const bits *)memory + first);
      quad.words[0] = v.x, quad.words[1] = v.y;
    }
  }
  return quad;
}

template <int dtype>
__device__ __forceinline__ float nt_quad_value(const nt_quad<dtype> &quad, int i) {
  if constexpr (dtype == NT_F32) return nt_to_float<dtype>(quad.words[i]);
  else return nt_to_float<dtype>(quad.words[i / 2] >> (i % 2 * 16) & 0xffff);
}

// Elements first ..< first + 4; zeros from `left` on.
template <int dtype, bool whole>
__device__ __forceinline__ void nt_load_quad(float (&values)[4], const void *memory, nt_i64 first, int left) {
  typedef typename nt_storage<dtype>::bits bits;
  if constexpr (whole) {
#pragma unroll
    for (int i = 0; i < 4; i++) values[i] = 0;
    if (left > 0) nt_load_vector<dtype, 4>(values, memory, first);
  } else {
#pragma unroll
    for (int i = 0; i < 4; i++) values[i] = i < left ? nt_to_float<dtype>(((const bits *)memory)[first + i]) : 0.0f;
  }
}

template <int dtype, bool whole>
__device__ __forceinline__ void nt_store_quad(void *memory, nt_i64 first, const float (&values)[4], int left) {
  typedef typename nt_storage<dtype>::bits bits;
  if constexpr (whole) {
    if (left > 0) nt_store_vector<dtype, 4>(memory, first, values);
  } else {
#pragma unroll
    for (int i = 0; i < 4; i++)
      if (i < left) ((bits *)memory)[first + i] = (bits)nt_from_float<dtype>(values[i]);
  }
}

#endif
