// head_linear: out[r, h, i] = sum over k of x[r, h, k] w_h[i, k], summed in float32: every head has a matrix of its own.
// x: [rows, heads, k], out: [rows, heads, n]; strides in elements from row to row and from head to head.
// w: [heads n, k], head h has rows h n ...; on the CPU in panels (matmul.h), of which one may hold rows of two heads.
// transposed: w is [heads k, n] row-major, and w_h[i, k] is its element [h k + k, i].
//
// A row's result does not depend on how many rows there are.
#ifndef NEEDLETAIL_HEAD_LINEAR_H
#define NEEDLETAIL_HEAD_LINEAR_H
#include "types.h"

typedef struct {
  const void *x;
  const void *w;
  void *out;
  nt_i64 rows;
  nt_i64 x_stride;
  nt_i64 x_head_stride;
  nt_i64 out_stride;
  nt_i64 out_head_stride;
  nt_i32 heads;
  nt_i32 n;
  nt_i32 k;
  nt_i32 transposed;
  nt_i32 x_dtype;    // NT_F32, NT_BF16, NT_F16
  nt_i32 w_dtype;    // NT_F32, NT_BF16, NT_F16
  nt_i32 out_dtype;  // NT_F32, NT_BF16, NT_F16
  nt_i32 reserved;
} nt_head_linear_arguments;
NT_CHECK_SIZE(nt_head_linear_arguments, 96);

#endif
