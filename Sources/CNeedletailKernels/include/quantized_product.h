// quantized product: out[r, i] = epilogue(sum over k of x'[r, k] w'[i, k]) for weights coded in 8 or 4 bits, and activations
// that are coded too or not. What stands before and after it is as in product.h; the order is input scale, norm, coding of x,
// product, bias, gate, residual.
//
//   w: codes; row-major [n, k] for 8 bits, [n, k / 2] for 4 (even columns in the low halves), or the order that the kernel
//     asks for
//   w_scales: [n / rows_per_scale, k / group] (float32, or 16 bits for 4-bit codes); w' = scale * code, or scale * (code -
//     zero) for 4-bit integers
//   w_zeros: [n, k / group], a byte each, or null: 8 for 4-bit integers, 0 for all others
//   x: activations, or their codes if x_scales is given and x is stored in 8 bits
//   x_scales: null (x has none, or it is found in the kernel), [1], [rows] or [rows, k / group]
//   input_scale: [k] or null; x is divided by it first
#ifndef NEEDLETAIL_QUANTIZED_PRODUCT_H
#define NEEDLETAIL_QUANTIZED_PRODUCT_H
#include "types.h"

typedef struct {
  const void *x;
  const float *x_scales;
  const nt_i32 *row_indices;
  const void *w;
  const void *w_scales;
  const nt_u8 *w_zeros;
  const float *input_scale;
  const float *norm_weight;
  const float *norm_bias;
  const float *bias;
  const float *residual;
  void *out;
  nt_u32 *counters;  // GPUs: words that are zero before and after each launch
  nt_i64 rows;
  nt_i64 x_stride;
  nt_i64 out_stride;
  nt_i32 n;
  nt_i32 k;
  nt_i32 group;           // columns that share a scale; 0: the whole row
  nt_i32 rows_per_scale;  // 1, or 128 for blocks
  float eps;
  float weight_offset;
  nt_i32 x_dtype;    // storage of x, of w and of out (types.h)
  nt_i32 w_dtype;
  nt_i32 out_dtype;
  nt_i32 reserved;
} nt_quantized_product_arguments;
NT_CHECK_SIZE(nt_quantized_product_arguments, 168);

#endif
