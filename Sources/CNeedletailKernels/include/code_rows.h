// code_rows: codes of activations and their scales, on a GPU: of rows as they are, of normalized rows (rms_norm.h), or of
// activation(gate) * value (elementwise.h).
//
//   y[r, i]: row r of x, normalized, or gated (x then holds `width` gates and as many values a row), rounded to the
//     16-bit type that would have been stored, then divided by input_scale[i] if there is one
//   scales[r] = max(largest |y| of the row, 1e-12) / largest code, or with `group` of each so many columns of it,
//     [rows, groups]; where given_scale is not null it is that, and nothing is written
//   out[r, i] = y / scale to the nearest code, ties to even, bounded: e4m3 within +-448, int8 within +-127
#ifndef NEEDLETAIL_CODE_ROWS_H
#define NEEDLETAIL_CODE_ROWS_H
#include "types.h"

typedef struct {
  const void *x;
  const float *norm_weight;  // [width] or null: 1
  const float *norm_bias;    // [width] or null: 0
  const float *input_scale;  // [width] or null
  const float *given_scale;  // [1] or null
  void *out;
  float *scales;
  nt_i64 rows;
  nt_i64 x_stride;
  nt_i64 out_stride;
  nt_i32 width;
  nt_i32 group;  // 0: the row; else 128
  float eps;
  float weight_offset;
} nt_code_rows_arguments;
NT_CHECK_SIZE(nt_code_rows_arguments, 96);

#endif
