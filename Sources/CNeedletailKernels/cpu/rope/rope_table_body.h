// Cosines and sines of the positions' angles (include/rope.h), computed in float64 and rounded once.
//
// The angle is brought to [-pi / 4, pi / 4] with pi / 2 in two parts, the first of 33 bits, so that n times it is exact
// for angles up to 1.6 million; then fdlibm's polynomials.
#include "../../include/rope.h"
#include "../common/rows.h"

typedef double rope_doubles __attribute__((vector_size(8 * NT_LANES)));
typedef nt_i64 rope_integers __attribute__((vector_size(8 * NT_LANES)));

NT_INLINE void rope_sine_cosine(nt_vec angles, nt_vec *sine, nt_vec *cosine) {
  const double shift = 0x1.8p52;  // adding it rounds to an integer, which the low bits then hold
  rope_doubles x = __builtin_convertvector(angles, rope_doubles);
  rope_doubles shifted = x * 6.36619772367581382433e-01 + shift;
  rope_integers quadrant = (rope_integers)shifted;
  rope_doubles n = shifted - shift;
  rope_doubles r = (x - n * 1.57079632673412561417e+00) - n * 6.07710050650619224932e-11;
  rope_doubles z = r * r;
  rope_doubles s = z * 1.58969099521155010221e-10 - 2.50507602534068634195e-08;
  s = s * z + 2.75573137070700676789e-06;
  s = s * z - 1.98412698298579493134e-04;
  s = s * z + 8.33333333332248946124e-03;
  s = s * z - 1.66666666666666324348e-01;
  s = r + r * z * s;
  rope_doubles c = z * -1.13596475577881948265e-11 + 2.08757232129817482790e-09;
  c = c * z - 2.75573143513906633035e-07;
  c = c * z + 2.48015872894767294178e-05;
  c = c * z - 1.38888888888741095749e-03;
  c = c * z + 4.16666666666666019037e-02;
  c = (1.0 - 0.5 * z) + z * z * c;
  rope_integers odd = -(quadrant & 1);
  rope_integers sines = ((rope_integers)c & odd) | ((rope_integers)s & ~odd);
  rope_integers cosines = ((rope_integers)s & odd) | ((rope_integers)c & ~odd);
  sines ^= (quadrant & 2) << 62;
  cosines ^= ((quadrant + 1) & 2) << 62;
  *sine = __builtin_convertvector((rope_doubles)sines, nt_vec);
  *cosine = __builtin_convertvector((rope_doubles)cosines, nt_vec);
}

void NT_KERNEL(rope_table)(const void *arguments, const nt_task *task) {
  const nt_rope_table_arguments *a = arguments;
  nt_share share = nt_worker_share(a->tokens, task);
  for (nt_i64 t = share.first; t < share.end; t++) {
    float *cosines = a->out + t * 2 * a->half, *sines = cosines + a->half;
    float position = (float)a->positions[t];
    for (nt_i64 i = 0; i < a->half; i += NT_LANES) {
      nt_i64 left = a->half - i;
      nt_vec sine, cosine;
      rope_sine_cosine(nt_load_left(a->inverse_frequencies + i, left) * position, &sine, &cosine);
      nt_store_left(cosines + i, cosine * a->scale, left);
      nt_store_left(sines + i, sine * a->scale, left);
    }
  }
}
