// Codes of 8 and 4 bits as float32, lane by lane.
#ifndef NEEDLETAIL_CODES_H
#define NEEDLETAIL_CODES_H
#include "vector.h"

// Codes of a 32-bit lane.
NT_INLINE nt_i64 nt_codes_per_lane(const nt_i32 dtype) { return dtype == NT_U4 || dtype == NT_F4E2M1 ? 8 : 4; }

// Number j of each lane's codes. Not-a-number of e4m3 becomes 480: weights have none, and activations have it as scale.
NT_INLINE nt_vec nt_decode(nt_uvec lanes, const int j, const nt_i32 dtype) {
  switch (dtype) {
    case NT_I8: return __builtin_convertvector((nt_ivec)(lanes << (24 - 8 * j)) >> 24, nt_vec);
    case NT_F8E4M3: {
      // Sign and magnitude at the places that float32 has for them; the product sets the exponent's bias right, and
      // makes
      // subnormal numbers normal.
      nt_ivec bits = ((nt_ivec)(lanes << (24 - 8 * j)) >> 4) & (nt_i32)0x87f00000u;
      return (nt_vec)bits * 0x1p120f;
    }
    case NT_U4: {
#if defined(NT_AVX512)
      const __m512 numbers = _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
      return (nt_vec)_mm512_permutexvar_ps((__m512i)(lanes >> (4 * j)), numbers);
#else
      return __builtin_convertvector((nt_ivec)(lanes >> (4 * j)) & 15, nt_vec);
#endif
    }
    default: {
#if defined(NT_AVX512)
      const __m512 numbers = _mm512_setr_ps(0, .5f, 1, 1.5f, 2, 3, 4, 6, -0.f, -.5f, -1, -1.5f, -2, -3, -4, -6);
      return (nt_vec)_mm512_permutexvar_ps((__m512i)(lanes >> (4 * j)), numbers);
#else
      nt_uvec code = lanes >> (4 * j), bits = (code & 8) << 28 | (code & 7) << 22;
      return (nt_vec)bits * 0x1p126f;
#endif
    }
  }
}

// To the nearest number of e4m3, ties to even, within +-448; not-a-number stays one.
NT_INLINE nt_vec nt_round_e4m3(nt_vec a) {
  const nt_vec magnitude = nt_abs(a);
  const nt_uvec bits = (nt_uvec)magnitude;
  const nt_vec normal = (nt_vec)((bits + 0x7ffffu + ((bits >> 20) & 1)) & 0xfff00000u);
  // Below 2^-6 numbers are 2^-9 apart: a sum with 1.5 * 2^14 rounds to that.
  const nt_vec subnormal = (magnitude + 0x1.8p14f) - 0x1.8p14f;
  nt_vec rounded = magnitude < 0x1p-6f ? subnormal : normal;
  rounded = rounded > 448 ? nt_splat(448) : rounded;
  rounded = (nt_vec)((nt_uvec)rounded | ((nt_uvec)a & 0x80000000u));
  return a == a ? rounded : a;
}

// To the nearest whole number, ties to even, within +-127.
NT_INLINE nt_vec nt_round_int8(nt_vec a) {
  const nt_vec bounded = nt_max(nt_min(a, nt_splat(127)), nt_splat(-127));
  return (bounded + 0x1.8p23f) - 0x1.8p23f;
}

// The code of each number that nt_round_e4m3 has rounded.
NT_INLINE nt_uvec nt_e4m3_codes(nt_vec rounded) {
  const nt_vec magnitude = nt_abs(rounded);
  const nt_uvec normal = ((nt_uvec)magnitude >> 20) - (120u << 3);
  const nt_uvec subnormal = (nt_uvec)__builtin_convertvector(magnitude * 0x1p9f, nt_ivec);
  const nt_uvec code = magnitude < 0x1p-6f ? subnormal : normal;
  return (rounded == rounded ? code : (nt_uvec){} + 0x7fu) | ((nt_uvec)rounded >> 24 & 0x80u);
}

typedef nt_u8 nt_bvec __attribute__((ext_vector_type(NT_LANES)));

// Codes of a byte each, NT_I8 or NT_F8E4M3, as float32; the first `count` of them, the others zero.
NT_INLINE nt_vec nt_load_codes(const void *p, nt_i64 count, const nt_i32 dtype) {
  nt_bvec bytes = {};
  memcpy(&bytes, p, count >= NT_LANES ? sizeof(bytes) : (size_t)count);
  return nt_decode(__builtin_convertvector(bytes, nt_uvec), 0, dtype);
}

// y / scale as codes; the first `count`.
NT_INLINE void nt_store_codes(void *p, nt_vec y, nt_i64 count, float scale, const nt_i32 dtype) {
  const nt_vec x = y / nt_splat(scale);
  const nt_uvec codes = dtype == NT_I8 ? (nt_uvec)__builtin_convertvector(nt_round_int8(x), nt_ivec)
                                       : nt_e4m3_codes(nt_round_e4m3(x));
  const nt_bvec bytes = __builtin_convertvector(codes & 0xffu, nt_bvec);
  memcpy(p, &bytes, count >= NT_LANES ? sizeof(bytes) : (size_t)count);
}

#endif
