// exp, tanh, sigmoid, erf and the activations over vectors (vector.h), within about 2 units in the last place.
//
// All from exp: n = round(x / ln 2), 2^n times a polynomial of the rest. erf is N. Juffa's pair of polynomials.
#ifndef NEEDLETAIL_VECTOR_MATH_H
#define NEEDLETAIL_VECTOR_MATH_H
#include "vector.h"

NT_INLINE nt_vec nt_exp(nt_vec x) {
  // Beyond these the result is infinity or zero; a comparison that is false for not-a-number lets that through.
  x = x > 89.0f ? nt_splat(89.0f) : x;
  x = x < -104.5f ? nt_splat(-104.5f) : x;
  const float shift = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer
  nt_vec shifted = nt_fma(x, nt_splat(1.44269504088896341f), nt_splat(shift));
  nt_vec n = shifted - shift;
  nt_vec r = nt_fma(n, nt_splat(-0.693359375f), x);
  r = nt_fma(n, nt_splat(2.12194440e-4f), r);
  nt_vec p = nt_splat(1.9875691500e-4f);
  p = nt_fma(p, r, nt_splat(1.3981999507e-3f));
  p = nt_fma(p, r, nt_splat(8.3334519073e-3f));
  p = nt_fma(p, r, nt_splat(4.1665795894e-2f));
  p = nt_fma(p, r, nt_splat(1.6666665459e-1f));
  p = nt_fma(p, r, nt_splat(5.0000001201e-1f));
  p = nt_fma(p * r, r, r) + 1.0f;
#if defined(NT_AVX512)
  return (nt_vec)_mm512_scalef_ps((__m512)p, (__m512)n);
#else
  // 2^n in two factors: n may be below the exponents of normal numbers.
  nt_ivec exponent = nt_bits(shifted) - nt_bits(nt_splat(shift));
  nt_ivec half = exponent >> 1;
  return p * (nt_vec)((half + 127) << 23) * (nt_vec)((exponent - half + 127) << 23);
#endif
}

NT_INLINE nt_vec nt_sigmoid(nt_vec x) { return 1.0f / (1.0f + nt_exp(-x)); }

NT_INLINE nt_vec nt_copy_sign(nt_vec magnitude, nt_vec sign) {
  return (nt_vec)((nt_bits(magnitude) & 0x7fffffff) | (nt_bits(sign) & (nt_i32)0x80000000));
}

NT_INLINE nt_vec nt_tanh(nt_vec x) {
  nt_vec magnitude = nt_abs(x), s = x * x;
  nt_vec p = nt_splat(-5.70498872745e-3f);
  p = nt_fma(p, s, nt_splat(2.06390887954e-2f));
  p = nt_fma(p, s, nt_splat(-5.37397155531e-2f));
  p = nt_fma(p, s, nt_splat(1.33314422036e-1f));
  p = nt_fma(p, s, nt_splat(-3.33332819422e-1f));
  nt_vec small = nt_fma(p * s, x, x);
  nt_vec large = nt_copy_sign(1.0f - 2.0f / (nt_exp(magnitude + magnitude) + 1.0f), x);
  return magnitude < 0.625f ? small : large;
}

NT_INLINE nt_vec nt_erf(nt_vec x) {
  nt_vec t = nt_abs(x), s = x * x;
  nt_vec r = nt_fma(nt_splat(-1.72853470e-5f), t, nt_splat(3.83197126e-4f));
  nt_vec u = nt_fma(nt_splat(-3.88396438e-3f), t, nt_splat(2.42546219e-2f));
  r = nt_fma(r, s, u);
  r = nt_fma(r, t, nt_splat(-1.06777877e-1f));
  r = nt_fma(r, t, nt_splat(-6.34846687e-1f));
  r = nt_fma(r, t, nt_splat(-1.28717512e-1f));
  r = nt_fma(r, t, -t);
  nt_vec large = nt_copy_sign(1.0f - nt_exp(r), x);
  large = t > 4.0f ? nt_copy_sign(nt_splat(1.0f), x) : large;
  nt_vec p = nt_splat(-5.96761703e-4f);
  p = nt_fma(p, s, nt_splat(4.99119423e-3f));
  p = nt_fma(p, s, nt_splat(-2.67681349e-2f));
  p = nt_fma(p, s, nt_splat(1.12819925e-1f));
  p = nt_fma(p, s, nt_splat(-3.76125336e-1f));
  p = nt_fma(p, s, nt_splat(1.28379166e-1f));
  nt_vec small = nt_fma(p, x, x);
  return t > 0.927734375f ? large : small;
}

// The functions of types.h. With a constant `activation` the switch is gone.
NT_INLINE nt_vec nt_activate(nt_vec x, nt_i32 activation) {
  switch (activation) {
    case NT_SILU: return x / (1.0f + nt_exp(-x));
    case NT_GELU: return 0.5f * x * (1.0f + nt_erf(x * 0.70710678118654752f));
    case NT_GELU_TANH:
      return 0.5f * x * (1.0f + nt_tanh(0.79788456080286536f * nt_fma(x * x * x, nt_splat(0.044715f), x)));
    case NT_RELU: return x < 0.0f ? nt_splat(0.0f) : x;
    case NT_RELU_SQUARED: x = x < 0.0f ? nt_splat(0.0f) : x; return x * x;
    case NT_SIGMOID: return nt_sigmoid(x);
    case NT_TANH: return nt_tanh(x);
    case NT_QUICK_GELU: return x / (1.0f + nt_exp(-1.702f * x));
    default: return x;
  }
}

#endif
