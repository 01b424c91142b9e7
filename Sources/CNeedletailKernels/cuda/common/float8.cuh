// Codes of 8 bits: e4m3, rounded to nearest even and saturated to +-448 (sm_89 and later).
#ifndef NEEDLETAIL_CUDA_FLOAT8_CUH
#define NEEDLETAIL_CUDA_FLOAT8_CUH
#include "types.h"

#define NT_E4M3_LARGEST 448.0f

// Two codes, the first in the low byte.
__device__ __forceinline__ nt_u32 nt_e4m3_pair(float low, float high) {
  nt_u16 codes;
  asm("cvt.rn.satfinite.e4m3x2.f32 %0, %1, %2;" : "=h"(codes) : "f"(high), "f"(low));
  return codes;
}

// Four codes, the first in the lowest byte.
__device__ __forceinline__ nt_u32 nt_e4m3_four(const float *values) {
  return nt_e4m3_pair(values[0], values[1]) | nt_e4m3_pair(values[2], values[3]) << 16;
}

// What the codes of a row or a group are multiplied with, from the largest magnitude in it.
__device__ __forceinline__ float nt_e4m3_scale(float largest) {
  return __fdiv_rn(fmaxf(largest, 1e-12f), NT_E4M3_LARGEST);
}

// Division of many numbers by one: the quotients of __fdiv_rn where nothing over- or underflows (Markstein: a rounded
// reciprocal and one correction).
struct nt_divisor {
  float value, reciprocal;

  __device__ __forceinline__ nt_divisor(float value) : value(value), reciprocal(__frcp_rn(value)) {}
  __device__ __forceinline__ float divide(float x) const {
    float quotient = __fmul_rn(x, reciprocal);
    return __fmaf_rn(__fmaf_rn(-quotient, value, x), reciprocal, quotient);
  }
};

#endif
