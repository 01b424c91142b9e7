// Caches of 8 bits: codes as operands of the tensor cores, which are of 16 bits, and new rows as codes.
//
// NT_CACHE is NT_F8E4M3 (a scale of the layer's keys and one of its values) or NT_I8 (a scale of each row). A tile of
// keys and values is then followed by 64 scales of its keys' rows and 64 of its values'; float8 has none of these.
#ifndef NEEDLETAIL_CUDA_CACHE_CODES_CUH
#define NEEDLETAIL_CUDA_CACHE_CODES_CUH
#include "common/conversions.cuh"
#ifndef NT_ARCH
#define NT_ARCH __CUDA_ARCH__
#endif

constexpr bool nt_is_coded = NT_CACHE == NT_F8E4M3 || NT_CACHE == NT_I8;
constexpr bool nt_has_row_scales = NT_CACHE == NT_I8;
// What is multiplied: codes are exact in it.
constexpr int nt_cache_operand = nt_is_coded ? NT_F16 : NT_CACHE;
constexpr int nt_cache_bytes = nt_is_coded ? 1 : NT_CACHE == NT_F32 ? 4 : 2;

// Two codes of a word as two fp16: `high` takes bytes 2 and 3 for 0 and 1.
__device__ __forceinline__ nt_u32 nt_float8_pair(nt_u32 codes, bool high) {
  nt_u32 pair;
#if NT_ARCH >= 890
  asm("{ .reg .b16 l, h; mov.b32 {l, h}, %1; cvt.rn.f16x2.e4m3x2 %0, l; }"
      : "=r"(pair)
      : "r"(high ? codes >> 16 : codes));
#else
  // The exponent of fp16 is 8 more. Codes that are not numbers do not come here: nobody writes them.
  nt_u32 bytes = __byte_perm(codes, 0, high ? 0x3424 : 0x1404);
  asm("fma.rn.f16x2 %0, %1, %2, %3;"
      : "=r"(pair)
      : "r"((bytes & 0x80008000u) | (bytes >> 1 & 0x3F803F80u)), "r"(0x5C005C00u), "r"(0x80008000u));
#endif
  return pair;
}

__device__ __forceinline__ nt_u32 nt_subtract_1152(nt_u32 pair) {
  asm("sub.rn.f16x2 %0, %0, %1;" : "+r"(pair) : "r"(0x64806480u));
  return pair;
}

// Codes 0, 1 and codes 2, 3 of a word.
__device__ __forceinline__ void nt_operands_of_codes(nt_u32 &low, nt_u32 &high, nt_u32 codes) {
  if constexpr (NT_CACHE == NT_I8) {
    codes ^= 0x80808080u;  // a byte behind 0x64 is 1024 + byte in fp16
    low = nt_subtract_1152(__byte_perm(codes, 0x64646464u, 0x4140));
    high = nt_subtract_1152(__byte_perm(codes, 0x64646464u, 0x4342));
  } else {
    low = nt_float8_pair(codes, false);
    high = nt_float8_pair(codes, true);
  }
}

// Codes 0, 2 and codes 1, 3 of a word.
__device__ __forceinline__ void nt_operands_of_alternate_codes(nt_u32 &even, nt_u32 &odd, nt_u32 codes) {
  if constexpr (NT_CACHE == NT_I8) {
    codes ^= 0x80808080u;
    even = nt_subtract_1152(__byte_perm(codes, 0x64646464u, 0x4240));
    odd = nt_subtract_1152(__byte_perm(codes, 0x64646464u, 0x4341));
  } else {
    nt_operands_of_codes(even, odd, __byte_perm(codes, 0, 0x3120));
  }
}

// value / scale as a code: rounded to nearest, ties to even; float8 saturates at 448.
__device__ __forceinline__ nt_u8 nt_code(float value, float scale) {
  float x = __fdiv_rn(value, scale);
  if constexpr (NT_CACHE == NT_I8) return (nt_u8)max(-127, min(127, __float2int_rn(x)));
#if NT_ARCH >= 890
  nt_u16 pair;
  asm("cvt.rn.satfinite.e4m3x2.f32 %0, %1, %2;" : "=h"(pair) : "f"(0.0f), "f"(x));
  return (nt_u8)pair;
#else
  nt_u32 bits = __float_as_uint(x), magnitude = bits & 0x7FFFFFFF;
  if (magnitude > 0x7F800000) return 0x7F;
  float positive = fminf(__uint_as_float(magnitude), 448.0f);
  // Normal numbers keep 3 bits behind the first; below 2^-6, multiples of 2^-9.
  nt_u32 code;
  if (positive < 0.015625f) {
    code = (nt_u32)__float2int_rn(positive * 512.0f);
  } else {
    nt_u32 p = __float_as_uint(positive);
    p += 0x7FFFF + (p >> 20 & 1);
    code = (p >> 20) - (120 << 3);
  }
  return (nt_u8)(code | bits >> 24 & 0x80);
#endif
}

// The scale of a row whose highest magnitude is `highest`.
__device__ __forceinline__ float nt_scale_of_row(float highest) {
  return highest > 0 ? __fdiv_rn(highest, 127.0f) : 1.0f;
}

__device__ __forceinline__ float nt_highest_of_warp(float value) {
#pragma unroll
  for (int distance = 16; distance > 0; distance >>= 1) value = fmaxf(value, __shfl_xor_sync(~0u, value, distance));
  return value;
}

#endif
