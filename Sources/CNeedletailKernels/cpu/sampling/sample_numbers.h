// The numbers behind a draw: a counter generator, probabilities in fixed point, a logarithm. All the same on every
// machine.
#ifndef NEEDLETAIL_SAMPLE_NUMBERS_H
#define NEEDLETAIL_SAMPLE_NUMBERS_H
#include "../common/vector.h"

// Philox4x32-10 (Salmon et al., 2011) with key = seed and counter = (position, 0): its first 64 bits.
static nt_u64 sample_random(nt_u64 seed, nt_u64 position) {
  nt_u32 key[2] = {(nt_u32)seed, (nt_u32)(seed >> 32)};
  nt_u32 x[4] = {(nt_u32)position, (nt_u32)(position >> 32), 0, 0};
  for (int round = 0; round < 10; round++) {
    nt_u64 a = (nt_u64)0xD2511F53u * x[0], b = (nt_u64)0xCD9E8D57u * x[2];
    nt_u32 next[4] = {(nt_u32)(b >> 32) ^ x[1] ^ key[0], (nt_u32)b, (nt_u32)(a >> 32) ^ x[3] ^ key[1], (nt_u32)a};
    memcpy(x, next, sizeof(x));
    key[0] += 0x9E3779B9u;
    key[1] += 0xBB67AE85u;
  }
  return (nt_u64)x[1] << 32 | x[0];
}

// Masses are multiples of 2^-40 of the largest weight, which is 1: sums of integers have no order, so that neither the
// vector's width nor the way a list was made can change a draw. Adding 2^12 leaves the multiple in a double's low bits.
#define SAMPLE_MASS_SHIFT 0x1p12
#define SAMPLE_MASS_ONE 0x1p40
#define SAMPLE_LOG_MASS_ONE 27.725887222397812  // ln(2^40)

typedef double sample_doubles __attribute__((vector_size(8 * NT_LANES)));
typedef nt_i64 sample_masses __attribute__((vector_size(8 * NT_LANES)));

NT_INLINE nt_i64 sample_mass(float weight) {
  double shifted = (double)weight + SAMPLE_MASS_SHIFT, zero = SAMPLE_MASS_SHIFT;
  nt_i64 bits, base;
  memcpy(&bits, &shifted, 8);
  memcpy(&base, &zero, 8);
  return bits - base;
}
NT_INLINE void sample_add_masses(sample_masses *sums, nt_vec weights) {
  sample_doubles zero = (sample_doubles){} + SAMPLE_MASS_SHIFT;
  *sums += (sample_masses)(__builtin_convertvector(weights, sample_doubles) + zero) - (sample_masses)zero;
}

// ln x of a positive normal number: x = 2^e m, ln m = 2 artanh((m - 1) / (m + 1)) as a series.
static double sample_log(double x) {
  nt_i64 bits;
  memcpy(&bits, &x, 8);
  nt_i64 exponent = (bits >> 52) - 1023;
  bits = (bits & 0xfffffffffffffLL) | 0x3ff0000000000000LL;
  memcpy(&x, &bits, 8);
  if (x > 1.4142135623730951) {
    x *= 0.5;
    exponent += 1;
  }
  double s = (x - 1) / (x + 1), square = s * s, sum = 0;
  for (int i = 23; i >= 1; i -= 2) sum = sum * square + 1.0 / i;
  return (double)exponent * 0.69314718055994531 + 2 * s * sum;
}

// Unsigned keys in the order of the numbers; both zeros have one key.
NT_INLINE nt_u32 sample_key(float value) {
  nt_u32 bits;
  value += 0.0f;
  memcpy(&bits, &value, 4);
  return bits ^ (bits >> 31 ? 0xffffffffu : 0x80000000u);
}

#endif
