// product: out[r, i] = epilogue(sum over k of norm(x)[r, k] w[i, k]), summed in float32; the CUDA device's products of few
// rows, with what stands before and after them in a decoder block.
//
//   row r of x is row row_indices[r], or r where row_indices is null; x: [.., k], x_stride elements from row to row
//   norm (specialised: none, rms, layer): x / sqrt(mean(x^2) + eps) * (weight_offset + norm_weight[k]) (+ norm_bias), then
//     rounded to the operands' type, exactly as rms_norm writes it; a layer norm takes the mean away first
//   w: [n, k] row-major
//   gated (specialised): w holds n / 2 rows of gates, then n / 2 rows of values; out[r, i] = activation(gate) * value
//   bias: [n] float32 or null; residual: [rows, width] float32 or null, stride as out; may be out itself
//   out: [rows, width], width = n, or n / 2 if gated; rows past `rows` are not written
//
// A row's bits do not depend on the number of rows: one order over k for 1 to 64 rows.
#ifndef NEEDLETAIL_PRODUCT_H
#define NEEDLETAIL_PRODUCT_H
#include "types.h"

typedef struct {
  const void *x;
  const nt_i32 *row_indices;
  const void *w;
  const float *norm_weight;
  const float *norm_bias;
  const float *bias;
  const float *residual;
  void *out;
  nt_i64 rows;
  nt_i64 x_stride;
  nt_i64 out_stride;
  nt_i32 n;
  nt_i32 k;
  float eps;
  float weight_offset;
} nt_product_arguments;
NT_CHECK_SIZE(nt_product_arguments, 104);

#endif
