// Kernels that touch each element once. Rows are row-major with strides in elements.
#ifndef NEEDLETAIL_ELEMENTWISE_H
#define NEEDLETAIL_ELEMENTWISE_H
#include "types.h"

// gated_activation: out[r, i] = activation(x[r, i]) * x[r, width + i]; x: [rows, 2 width], gate then up.
typedef struct {
  const void *x;
  void *out;
  nt_i64 rows;
  nt_i64 x_stride;
  nt_i64 out_stride;
  nt_i32 width;
  nt_i32 activation;
  nt_i32 x_dtype;
  nt_i32 out_dtype;
} nt_gated_activation_arguments;
NT_CHECK_SIZE(nt_gated_activation_arguments, 56);

// unary: out = activation(x) * scale + offset; softcap > 0: out = softcap * tanh(x * scale / softcap).
// low < high: out is then kept between them. With NT_IDENTITY it copies, converts and cuts rows out of wider ones
// (strides).
typedef struct {
  const void *x;
  void *out;
  nt_i64 rows;
  nt_i64 x_stride;
  nt_i64 out_stride;
  nt_i32 width;
  nt_i32 activation;
  float scale;
  float offset;
  float softcap;
  float low;
  float high;
  nt_i32 x_dtype;
  nt_i32 out_dtype;
  nt_i32 reserved;
} nt_unary_arguments;
NT_CHECK_SIZE(nt_unary_arguments, 80);

// position_scale: out[r, :] = x[r, :] * (1 + factor * log(1 + (positions[r] + 1) / period)), where the division gives
// whole
// numbers.
typedef struct {
  const void *x;
  const nt_i32 *positions;  // [rows]
  void *out;
  nt_i64 rows;
  nt_i64 x_stride;
  nt_i64 out_stride;
  nt_i32 width;
  nt_i32 period;
  float factor;
  nt_i32 x_dtype;
  nt_i32 out_dtype;
  nt_i32 reserved;
} nt_position_scale_arguments;
NT_CHECK_SIZE(nt_position_scale_arguments, 72);

// binary: out = a op b. b_stride 0 repeats one row of b for all rows (a bias). operation: 0 add, 1 multiply, 2
// subtract,
// 3 divide.
typedef struct {
  const void *a;
  const void *b;
  void *out;
  nt_i64 rows;
  nt_i64 a_stride;
  nt_i64 b_stride;
  nt_i64 out_stride;
  nt_i32 width;
  nt_i32 operation;
  nt_i32 a_dtype;
  nt_i32 b_dtype;
  nt_i32 out_dtype;
  nt_i32 reserved;
} nt_binary_arguments;
NT_CHECK_SIZE(nt_binary_arguments, 80);

// gather_rows: out[i, :] = x[indices[i], :] ; indices in 0 ..< x_rows, an index outside gives zeros. Where `carried` is
// not null, index -1 - r stands for carried[r]: a token that the step before has just chosen (CUDA device only).
// With x_panels not zero x is a weight in panels (matmul.h) of x_rows rows and width columns: an embedding that is also
// the output projection is stored once. out is multiplied by scale.
typedef struct {
  const void *x;
  const nt_i32 *indices;
  const nt_i32 *carried;
  void *out;
  nt_i64 rows;
  nt_i64 x_rows;
  nt_i64 x_stride;
  nt_i64 out_stride;
  nt_i32 width;
  nt_i32 x_panels;
  float scale;
  nt_i32 x_dtype;
  nt_i32 out_dtype;
  nt_i32 reserved;
} nt_gather_rows_arguments;
NT_CHECK_SIZE(nt_gather_rows_arguments, 88);

// gather_coded_rows: rows of a table of codes (NT_I8, row-major or in panels), each times its scale.
typedef struct {
  const float *scales;  // [x_rows]
} nt_row_scales;
typedef struct {
  nt_gather_rows_arguments rows;
  nt_row_scales scales;
} nt_gather_coded_rows_arguments;
NT_CHECK_SIZE(nt_gather_coded_rows_arguments, 96);

#endif
