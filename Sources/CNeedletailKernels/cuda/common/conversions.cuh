// Elements of the storage types of types.h as float32, one at a time or as vectors of up to 8.
#ifndef NEEDLETAIL_CUDA_CONVERSIONS_CUH
#define NEEDLETAIL_CUDA_CONVERSIONS_CUH
#include "types.h"

// Bytes of an element.
template <int dtype>
struct nt_storage {
  typedef nt_u16 bits;
};
template <>
struct nt_storage<NT_F32> {
  typedef nt_u32 bits;
};

template <int dtype>
__device__ __forceinline__ float nt_to_float(nt_u32 bits) {
  float value;
  if (dtype == NT_F32) return __uint_as_float(bits);
  if (dtype == NT_BF16) return __uint_as_float(bits << 16);
  asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"((nt_u16)bits));
  return value;
}

// Rounded to nearest, ties to even.
template <int dtype>
__device__ __forceinline__ nt_u32 nt_from_float(float value) {
  nt_u16 bits;
  if (dtype == NT_F32) return __float_as_uint(value);
  if (dtype == NT_BF16) asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(bits) : "f"(value));
  else asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(value));
  return bits;
}

// Two elements of a 16-bit type in a word, the first in the low half.
template <int dtype>
__device__ __forceinline__ nt_u32 nt_pack2(float low, float high) {
  nt_u32 bits;
  if (dtype == NT_BF16) asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(bits) : "f"(high), "f"(low));
  else asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(bits) : "f"(high), "f"(low));
  return bits;
}

// `width` elements from element `first` on, which lies at a multiple of the vector's size (at most 16 bytes).
template <int dtype, int width>
__device__ __forceinline__ void nt_load_vector(float (&values)[width], const void *memory, nt_i64 first) {
  typedef typename nt_storage<dtype>::bits bits;
  const bits *from = (const bits *)memory + first;
  constexpr int bytes = width * sizeof(bits);
  if constexpr (bytes % 4 != 0) {
    for (int i = 0; i < width; i++) values[i] = nt_to_float<dtype>(from[i]);
  } else {
    nt_u32 words[bytes / 4];
    if constexpr (bytes % 16 == 0) {
#pragma unroll
      for (int i = 0; i < bytes / 16; i++) {
        uint4 v = ((const uint4 *)from)[i];
        words[4 * i] = v.x, words[4 * i + 1] = v.y, words[4 * i + 2] = v.z, words[4 * i + 3] = v.w;
      }
    } else if constexpr (bytes % 8 == 0) {
      uint2 v = *(const uint2 *)from;
      words[0] = v.x, words[1] = v.y;
    } else {
      words[0] = *(const nt_u32 *)from;
    }
#pragma unroll
    for (int i = 0; i < width; i++)
      values[i] = dtype == NT_F32 ? nt_to_float<dtype>(words[i % (bytes / 4)])
                                  : nt_to_float<dtype>(words[i / 2] >> (i % 2 * 16) & 0xffff);
  }
}

template <int dtype, int width>
__device__ __forceinline__ void nt_store_vector(void *memory, nt_i64 first, const float (&values)[width]) {
  typedef typename nt_storage<dtype>::bits bits;
  bits *to = (bits *)memory + first;
  constexpr int bytes = width * sizeof(bits);
  if constexpr (bytes % 4 != 0) {
    for (int i = 0; i < width; i++) to[i] = (bits)nt_from_float<dtype>(values[i]);
  } else {
    nt_u32 words[bytes / 4];
#pragma unroll
    for (int i = 0; i < bytes / 4; i++) {
      if constexpr (dtype == NT_F32) words[i] = nt_from_float<dtype>(values[i]);
      else words[i] = nt_pack2<dtype>(values[2 * i], values[2 * i + 1]);
    }
    if constexpr (bytes % 16 == 0) {
#pragma unroll
      for (int i = 0; i < bytes / 16; i++)
        ((uint4 *)to)[i] = make_uint4(words[4 * i], words[4 * i + 1], words[4 * i + 2], words[4 * i + 3]);
    } else if constexpr (bytes % 8 == 0) {
      *(uint2 *)to = make_uint2(words[0], words[1]);
    } else {
      *(nt_u32 *)to = words[0];
    }
  }
}

#endif
