// Cosines and sines of the positions' angles (rope.h), computed in float64 and rounded once. A thread has one angle.
//
// The angle is brought to [-pi / 4, pi / 4] with pi / 2 in two parts, the first of 33 bits, so that n times it is exact
// for angles up to 1.6 million; then fdlibm's polynomials.
#include "common/launch.cuh"
#include "rope.h"

extern "C" __global__ void __launch_bounds__(128) rope_table(const __grid_constant__ nt_rope_table_arguments a) {
  nt_let_successors_start();
  nt_wait_for_predecessors();
  nt_i64 index = (nt_i64)blockIdx.x * 128 + threadIdx.x;
  nt_i64 token = index / a.half;
  int i = (int)(index - token * a.half);
  if (token >= a.tokens) return;

  double x = (double)__fmul_rn((float)a.positions[token], a.inverse_frequencies[i]);
  double n = rint(x * 6.36619772367581382433e-01);
  int quadrant = (int)(long long)n & 3;
  double r = (x - n * 1.57079632673412561417e+00) - n * 6.07710050650619224932e-11;
  double z = r * r;
  double s = z * 1.58969099521155010221e-10 - 2.50507602534068634195e-08;
  s = s * z + 2.75573137070700676789e-06;
  s = s * z - 1.98412698298579493134e-04;
  s = s * z + 8.33333333332248946124e-03;
  s = s * z - 1.66666666666666324348e-01;
  s = r + r * z * s;
  double c = z * -1.13596475577881948265e-11 + 2.08757232129817482790e-09;
  c = c * z - 2.75573143513906633035e-07;
  c = c * z + 2.48015872894767294178e-05;
  c = c * z - 1.38888888888741095749e-03;
  c = c * z + 4.16666666666666019037e-02;
  c = (1.0 - 0.5 * z) + z * z * c;
  float sine = (float)(quadrant & 1 ? c : s), cosine = (float)(quadrant & 1 ? s : c);
  if (quadrant & 2) sine = -sine;
  if (quadrant + 1 & 2) cosine = -cosine;
  float *out = a.out + token * 2 * a.half;
  out[i] = cosine * a.scale;
  out[a.half + i] = sine * a.scale;
}
