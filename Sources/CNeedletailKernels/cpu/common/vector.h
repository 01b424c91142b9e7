// One vector of NT_LANES float32 with the few operations that all kernels are written in; included by isa_*.h.
//
// Arithmetic is the compiler's vector extension (a * b, a < b ? c : d, ...); only what it cannot say well is spelled
// per instruction set: multiply-add, loads of a part of a vector, conversions, reductions. Everything is static inline
// and takes its instruction set from the attribute that isa_*.h opened.
#ifndef NEEDLETAIL_VECTOR_H
#define NEEDLETAIL_VECTOR_H
#include <string.h>

#include "../../include/types.h"

// NT_KERNEL(matmul) is nt_matmul_avx512, say.
#define NT_JOIN_(a, b) a##b
#define NT_JOIN(a, b) NT_JOIN_(a, b)
#define NT_KERNEL(name) NT_JOIN(nt_##name##_, NT_SUFFIX)
#define NT_INLINE static inline __attribute__((always_inline, unused))

typedef float nt_vec __attribute__((ext_vector_type(NT_LANES)));
typedef nt_i32 nt_ivec __attribute__((ext_vector_type(NT_LANES)));   // also the result of comparing two nt_vec: 0 or -1
typedef nt_u32 nt_uvec __attribute__((ext_vector_type(NT_LANES)));
typedef nt_u16 nt_hvec __attribute__((ext_vector_type(NT_LANES)));   // the bits of NT_LANES bf16 or f16

NT_INLINE nt_vec nt_splat(float value) { return value - (nt_vec){}; }
NT_INLINE nt_ivec nt_bits(nt_vec a) { return (nt_ivec)a; }
NT_INLINE nt_vec nt_select(nt_ivec mask, nt_vec a, nt_vec b) { return mask ? a : b; }
NT_INLINE nt_vec nt_abs(nt_vec a) { return (nt_vec)((nt_ivec)a & 0x7fffffff); }
// Where an operand is not a number the second one is taken.
NT_INLINE nt_vec nt_min(nt_vec a, nt_vec b) { return a < b ? a : b; }
NT_INLINE nt_vec nt_max(nt_vec a, nt_vec b) { return a > b ? a : b; }

// a * b + c, one rounding where the machine has that.
NT_INLINE nt_vec nt_fma(nt_vec a, nt_vec b, nt_vec c) {
#if defined(NT_AVX512)
  return (nt_vec)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(NT_AVX2)
  return (nt_vec)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif defined(NT_NEON)
  return (nt_vec)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#else
  return a * b + c;
#endif
}

// Sums and maxima over the lanes, halves folded onto each other: one order for a given NT_LANES.
NT_INLINE float nt_sum(nt_vec a) {
  float lanes[NT_LANES];
  memcpy(lanes, &a, sizeof(a));
  for (int half = NT_LANES / 2; half > 0; half /= 2)
    for (int i = 0; i < half; i++) lanes[i] += lanes[i + half];
  return lanes[0];
}
NT_INLINE float nt_maximum(nt_vec a) {
  float lanes[NT_LANES];
  memcpy(lanes, &a, sizeof(a));
  for (int half = NT_LANES / 2; half > 0; half /= 2)
    for (int i = 0; i < half; i++) lanes[i] = lanes[i] > lanes[i + half] ? lanes[i] : lanes[i + half];
  return lanes[0];
}

// Loads and stores of float32; the `part` ones touch the first `count` (0 ... NT_LANES) elements only, the rest is
// zero.
NT_INLINE nt_vec nt_load(const float *p) {
  nt_vec a;
  memcpy(&a, p, sizeof(a));
  return a;
}
NT_INLINE void nt_store(float *p, nt_vec a) { memcpy(p, &a, sizeof(a)); }

NT_INLINE nt_vec nt_load_part(const float *p, nt_i64 count) {
#if defined(NT_AVX512)
  return (nt_vec)_mm512_maskz_loadu_ps((__mmask16)((1u << count) - 1), p);
#else
  nt_vec a = {};
  memcpy(&a, p, (size_t)count * 4);
  return a;
#endif
}
NT_INLINE void nt_store_part(float *p, nt_vec a, nt_i64 count) {
#if defined(NT_AVX512)
  _mm512_mask_storeu_ps(p, (__mmask16)((1u << count) - 1), (__m512)a);
#else
  memcpy(p, &a, (size_t)count * 4);
#endif
}
NT_INLINE nt_hvec nt_load_bits16(const nt_u16 *p) {
  nt_hvec a;
  memcpy(&a, p, sizeof(a));
  return a;
}
NT_INLINE nt_hvec nt_load_bits16_part(const nt_u16 *p, nt_i64 count) {
#if defined(NT_AVX512)
  return (nt_hvec)_mm256_maskz_loadu_epi16((__mmask16)((1u << count) - 1), p);
#else
  nt_hvec a = {};
  memcpy(&a, p, (size_t)count * 2);
  return a;
#endif
}
NT_INLINE void nt_store_bits16(nt_u16 *p, nt_hvec a) { memcpy(p, &a, sizeof(a)); }
NT_INLINE void nt_store_bits16_part(nt_u16 *p, nt_hvec a, nt_i64 count) {
#if defined(NT_AVX512)
  _mm256_mask_storeu_epi16(p, (__mmask16)((1u << count) - 1), (__m256i)a);
#else
  memcpy(p, &a, (size_t)count * 2);
#endif
}

// Conversions. To 16 bits: round to nearest even, not-a-number stays one, too large becomes infinity.
NT_INLINE nt_vec nt_from_bf16(nt_hvec a) { return (nt_vec)(__builtin_convertvector(a, nt_uvec) << 16); }

// Exact also for subnormal numbers, which the machine's own conversion takes as zero.
NT_INLINE nt_hvec nt_to_bf16_exact(nt_vec a) {
  nt_uvec bits = (nt_uvec)a;
  nt_uvec rounded = (bits + 0x7fffu + ((bits >> 16) & 1)) >> 16;
  nt_uvec quiet = (bits >> 16) | 0x40u;
  return __builtin_convertvector(a == a ? rounded : quiet, nt_hvec);
}
NT_INLINE nt_hvec nt_to_bf16(nt_vec a) {
#if defined(NT_AVX512BF16)
  return (nt_hvec)_mm512_cvtneps_pbh((__m512)a);
#else
  return nt_to_bf16_exact(a);
#endif
}

NT_INLINE nt_vec nt_from_f16(nt_hvec a) {
#if defined(NT_AVX512)
  return (nt_vec)_mm512_cvtph_ps((__m256i)a);
#elif defined(NT_AVX2)
  return (nt_vec)_mm256_cvtph_ps((__m128i)a);
#elif defined(NT_NEON)
  return (nt_vec)vcvt_f32_f16((float16x4_t)a);
#else
  nt_uvec bits = __builtin_convertvector(a, nt_uvec);
  nt_uvec magnitude = (bits & 0x7fffu) << 13;
  // Exponents are brought from bias 15 to 127 by a product, which makes subnormal numbers right as well.
  nt_uvec finite = (nt_uvec)((nt_vec)magnitude * 0x1p112f);
  nt_uvec special = magnitude | 0x7f800000u;
  return (nt_vec)((magnitude >= 0x0f800000u ? special : finite) | ((bits & 0x8000u) << 16));
#endif
}
NT_INLINE nt_hvec nt_to_f16(nt_vec a) {
#if defined(NT_AVX512)
  return (nt_hvec)_mm512_cvtps_ph((__m512)a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#elif defined(NT_AVX2)
  return (nt_hvec)_mm256_cvtps_ph((__m256)a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#elif defined(NT_NEON)
  return (nt_hvec)vcvt_f16_f32((float32x4_t)a);
#else
  nt_uvec bits = (nt_uvec)a, sign = (bits >> 16) & 0x8000u, magnitude = bits & 0x7fffffffu;
  // Normal results: the exponent's bias, and 13 bits rounded off to nearest even.
  nt_uvec normal = (magnitude - (112u << 23) + 0xfffu + ((magnitude >> 13) & 1)) >> 13;
  // Subnormal results: adding 0.5 shifts the bits to their place with the machine's own rounding.
  nt_uvec subnormal = (nt_uvec)((nt_vec)magnitude + 0.5f) - 0x3f000000u;
  nt_uvec small = magnitude < (113u << 23) ? subnormal : normal;
  nt_uvec large = magnitude > 0x7f800000u ? (nt_uvec){} + 0x7e00u : (nt_uvec){} + 0x7c00u;
  return __builtin_convertvector((magnitude >= 0x477ff000u ? large : small) | sign, nt_hvec);
#endif
}

// Elements [index, index + NT_LANES) of an array of NT_F32, NT_BF16 or NT_F16. With a dtype that is a constant where
// this is inlined, the switch is gone.
NT_INLINE nt_vec nt_load_as(const void *p, nt_i64 index, nt_i32 dtype) {
  switch (dtype) {
    case NT_BF16: return nt_from_bf16(nt_load_bits16((const nt_u16 *)p + index));
    case NT_F16: return nt_from_f16(nt_load_bits16((const nt_u16 *)p + index));
    default: return nt_load((const float *)p + index);
  }
}
NT_INLINE nt_vec nt_load_part_as(const void *p, nt_i64 index, nt_i64 count, nt_i32 dtype) {
  switch (dtype) {
    case NT_BF16: return nt_from_bf16(nt_load_bits16_part((const nt_u16 *)p + index, count));
    case NT_F16: return nt_from_f16(nt_load_bits16_part((const nt_u16 *)p + index, count));
    default: return nt_load_part((const float *)p + index, count);
  }
}
NT_INLINE void nt_store_as(void *p, nt_i64 index, nt_vec a, nt_i32 dtype) {
  switch (dtype) {
    case NT_BF16: nt_store_bits16((nt_u16 *)p + index, nt_to_bf16(a)); break;
    case NT_F16: nt_store_bits16((nt_u16 *)p + index, nt_to_f16(a)); break;
    default: nt_store((float *)p + index, a); break;
  }
}
NT_INLINE void nt_store_part_as(void *p, nt_i64 index, nt_vec a, nt_i64 count, nt_i32 dtype) {
  switch (dtype) {
    case NT_BF16: nt_store_bits16_part((nt_u16 *)p + index, nt_to_bf16(a), count); break;
    case NT_F16: nt_store_bits16_part((nt_u16 *)p + index, nt_to_f16(a), count); break;
    default: nt_store_part((float *)p + index, a, count); break;
  }
}
// One element.
NT_INLINE float nt_load_one_as(const void *p, nt_i64 index, nt_i32 dtype) {
  if (dtype == NT_F32) return ((const float *)p)[index];
  return nt_load_part_as(p, index, 1, dtype)[0];
}
NT_INLINE void nt_store_one_as(void *p, nt_i64 index, float value, nt_i32 dtype) {
  if (dtype == NT_F32) ((float *)p)[index] = value;
  else nt_store_part_as(p, index, nt_splat(value), 1, dtype);
}
NT_INLINE nt_i64 nt_dtype_bytes(nt_i32 dtype) {
  return dtype == NT_F32 ? 4 : dtype == NT_I8 || dtype == NT_F8E4M3 ? 1 : 2;
}

#endif
