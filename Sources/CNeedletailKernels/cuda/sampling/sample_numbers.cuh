// The numbers behind a draw, the same bits as on the CPU device (cpu/sampling): a counter generator, exp, probabilities
// in fixed point, a logarithm, keys in the order of numbers.
#ifndef NEEDLETAIL_CUDA_SAMPLE_NUMBERS_CUH
#define NEEDLETAIL_CUDA_SAMPLE_NUMBERS_CUH
#include "types.h"

#define SAMPLE_NONE __uint_as_float(0xff800000u)  // -infinity
#define SAMPLE_LARGEST 0x1.fffffep127f
#define SAMPLE_LOG_MASS_ONE 27.725887222397812  // ln(2^40)

// Not a number is -infinity, infinity the largest number.
__device__ __forceinline__ float sample_clean(float x) {
  return x == x ? (x < SAMPLE_LARGEST ? x : SAMPLE_LARGEST) : SAMPLE_NONE;
}

// Unsigned keys in the order of the numbers; both zeros have one key.
__device__ __forceinline__ nt_u32 sample_key(float value) {
  const nt_u32 bits = __float_as_uint(__fadd_rn(value, 0.0f));
  return bits ^ (bits >> 31 ? 0xffffffffu : 0x80000000u);
}

__device__ __forceinline__ float sample_key_value(nt_u32 key) {
  return __uint_as_float(key ^ (key >> 31 ? 0x80000000u : 0xffffffffu));
}

// Philox4x32-10 (Salmon et al., 2011) with key = seed and counter = (position, 0): its first 64 bits.
__device__ __forceinline__ nt_u64 sample_random(nt_u64 seed, nt_u64 position) {
  nt_u32 key0 = (nt_u32)seed, key1 = (nt_u32)(seed >> 32);
  nt_u32 x0 = (nt_u32)position, x1 = (nt_u32)(position >> 32), x2 = 0, x3 = 0;
  for (int round = 0; round < 10; round++) {
    const nt_u64 a = (nt_u64)0xD2511F53u * x0, b = (nt_u64)0xCD9E8D57u * x2;
    x0 = (nt_u32)(b >> 32) ^ x1 ^ key0;
    x1 = (nt_u32)b;
    x2 = (nt_u32)(a >> 32) ^ x3 ^ key1;
    x3 = (nt_u32)a;
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  return (nt_u64)x1 << 32 | x0;
}

// exp of numbers up to 0: operation by operation that of cpu/common/vector_math.h, but numbers below -60, whose exp has
// no mass, give that of -60.
__device__ __forceinline__ float sample_exp(float x) {
  x = x < -60.0f ? -60.0f : x;
  const float shift = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer
  const float shifted = __fmaf_rn(x, 1.44269504088896341f, shift), n = __fsub_rn(shifted, shift);
  float r = __fmaf_rn(n, -0.693359375f, x);
  r = __fmaf_rn(n, 2.12194440e-4f, r);
  float p = 1.9875691500e-4f;
  p = __fmaf_rn(p, r, 1.3981999507e-3f);
  p = __fmaf_rn(p, r, 8.3334519073e-3f);
  p = __fmaf_rn(p, r, 4.1665795894e-2f);
  p = __fmaf_rn(p, r, 1.6666665459e-1f);
  p = __fmaf_rn(p, r, 5.0000001201e-1f);
  p = __fadd_rn(__fmaf_rn(__fmul_rn(p, r), r, r), 1.0f);
  // The shift's own bits leave the word.
  return __uint_as_float(__float_as_uint(p) + (__float_as_uint(shifted) << 23));
}

// A weight (0 ... 1) as a multiple of 2^-40, rounded to nearest, ties to even: sums of integers have no order. It is
// had as a multiple of 2^-20 and what that leaves of it, both by adding a number whose last bit is the unit.
struct sample_mass {
  nt_u32 high;
  int low;
  __device__ __forceinline__ void add(float weight) {
    const float shifted = __fadd_rn(weight, 8.0f), rest = __fsub_rn(weight, __fsub_rn(shifted, 8.0f));
    high += __float_as_uint(shifted) - 0x41000000u;
    low += __float_as_int(__fmaf_rn(rest, 0x1p40f, 12582912.0f)) - 0x4b400000;
  }
  __device__ __forceinline__ nt_u64 value() const { return ((nt_u64)high << 20) + (nt_i64)low; }
};

// How values are turned into masses: weight = exp((value - maximum) * scale).
struct sample_weighing {
  float maximum, scale;
  __device__ __forceinline__ float weight(float value) const {
    return sample_exp(__fmul_rn(__fsub_rn(value, maximum), scale));
  }
  __device__ __forceinline__ nt_u64 mass(float value) const {
    sample_mass mass = {0, 0};
    mass.add(weight(value));
    return mass.value();
  }
};

// ln x of a positive normal number: x = 2^e m, ln m = 2 artanh((m - 1) / (m + 1)) as a series.
__device__ __forceinline__ double sample_log(double x) {
  nt_i64 bits = __double_as_longlong(x), exponent = (bits >> 52) - 1023;
  x = __longlong_as_double((bits & 0xfffffffffffffLL) | 0x3ff0000000000000LL);
  if (x > 1.4142135623730951) {
    x *= 0.5;
    exponent += 1;
  }
  const double s = (x - 1) / (x + 1), square = s * s;
  double sum = 0;
  for (int i = 23; i >= 1; i -= 2) sum = sum * square + 1.0 / i;
  return (double)exponent * 0.69314718055994531 + 2 * s * sum;
}

// The mass that top-p keeps at least, rounded up.
__device__ __forceinline__ nt_u64 sample_goal(float top_p, nt_u64 total) {
  const double exact = (double)top_p * (double)total;
  const nt_u64 goal = exact > 1 ? (nt_u64)exact : 1;
  return (double)goal < exact ? goal + 1 : goal;
}

// Where among `total` the draw falls.
__device__ __forceinline__ nt_u64 sample_place(nt_u64 seed, nt_u64 position, nt_u64 total) {
  return __umul64hi(sample_random(seed, position), total);
}

#endif
