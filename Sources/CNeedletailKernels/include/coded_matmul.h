// Products by weights in codes of 8 or 4 bits on the CPU, and the coding of what they multiply. Sums are float32;
// those of int8 by int8 are whole numbers of 32 bits. A row's result does not depend on how many rows there are.
#ifndef NEEDLETAIL_CODED_MATMUL_H
#define NEEDLETAIL_CODED_MATMUL_H
#include "experts.h"
#include "matmul.h"
#include "types.h"

// What turns codes into weights. Codes lie in panels as in matmul.h: [panel][k / G][NT_PANEL][G] with G 4 for a byte a
// code and 8 for two a byte (the lower k in the lower half); k is padded to a multiple of G.
//   NT_I8, NT_F8E4M3: w = scale * code; without `group` the scale is the factor of whole sums, else of each group's
//   NT_U4: w = scale * (code - zero), rounded to scale_dtype; with row_scales w = row scale * e4m3(scale * (code - zero))
//   NT_F4E2M1: w = 2^(scale - 127) * code
typedef struct {
  const void *scales;       // [panel][groups of a row][NT_PANEL] of scale_dtype
  const nt_u8 *zeros;       // likewise, or null: 8
  const float *row_scales;  // [panel][NT_PANEL] or null
  // x in codes: x_scales is not null, and x holds codes (NT_I8, where the kernel takes them) or their values (NT_BF16,
  // NT_F32), to be multiplied with x_scales[r * x_scale_stride + g], where g is the group of k, 0 without groups.
  // Rows of
  // NT_I8 are padded with zeros to a multiple of 4.
  const float *x_scales;
  nt_i64 x_scale_stride;
  nt_i32 group;             // columns that share a scale; 0: the whole row
  nt_i32 scale_dtype;       // NT_F32, NT_BF16, NT_F16, NT_F8E8M0
} nt_coded_panels;
NT_CHECK_SIZE(nt_coded_panels, 48);

typedef struct {
  nt_matmul_arguments product;  // w_dtype NT_I8, NT_F8E4M3, NT_U4, NT_F4E2M1
  nt_coded_panels coding;
} nt_coded_matmul_arguments;
NT_CHECK_SIZE(nt_coded_matmul_arguments, 144);

// grouped_matmul with such weights; x_scales counts the rows of x.
typedef struct {
  nt_grouped_matmul_arguments product;
  nt_coded_panels coding;
} nt_coded_grouped_matmul_arguments;
NT_CHECK_SIZE(nt_coded_grouped_matmul_arguments, 192);

// quantize_rows: y = x / input_scale (where there is one), then codes of y, or y itself where `code` is NT_REAL.
//   scale = given_scale[0], or max(largest |y|, 1e-12) / largest code over each row, or each `group` columns of it
//   NT_I8: y / scale to the nearest whole number, ties to even, within +-127
//   NT_F8E4M3: y / scale to the nearest e4m3, ties to even, within +-448
// out holds codes (NT_I8) or their values (NT_BF16, NT_F32), zeros in columns [width, padded_width).
typedef struct {
  const void *x;
  const float *input_scale;  // [width] or null
  const float *given_scale;  // [1] or null
  void *out;
  float *scales;             // [rows, groups of a row]; null where the scale is given or nothing is coded
  nt_i64 rows;
  nt_i64 x_stride;
  nt_i64 out_stride;
  nt_i32 width;
  nt_i32 padded_width;
  nt_i32 group;  // 0: the row
  nt_i32 code;   // NT_I8, NT_F8E4M3, NT_REAL
  nt_i32 x_dtype;
  nt_i32 out_dtype;
} nt_quantize_rows_arguments;
NT_CHECK_SIZE(nt_quantize_rows_arguments, 88);

// code_weights: codes of a weight by rounding to the nearest (WeightCoding has the order); scales over groups of a
// row, or of
// rows_per_scale rows.
typedef struct {
  const float *w;      // [rows, k]
  void *codes;         // [rows, row_bytes]
  void *scales;        // [rows / rows_per_scale, groups of a row]
  nt_u8 *zeros;        // likewise; null: there are none
  nt_i32 *strange_rows;  // becomes 1 if a number is not finite
  nt_i64 rows;
  nt_i64 row_bytes;
  nt_i32 k;
  nt_i32 group;        // 0: the row
  nt_i32 rows_per_scale;
  nt_i32 code;         // NT_I8, NT_F8E4M3, NT_U4, NT_F4E2M1
  nt_i32 scale_dtype;
  nt_i32 reserved;
} nt_code_weights_arguments;
NT_CHECK_SIZE(nt_code_weights_arguments, 80);

#endif
