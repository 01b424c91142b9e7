// out[r, n] = sum over k of x[r, k] w[n, k], + bias[n], + residual[r, n]; summed in float32.
// x: [rows, k], row-major, x_stride elements from row to row. w: panels as described below. bias: [n] or null, float32.
// residual: [rows, n] float32 or null, stride as out. out: [rows, n], out_stride elements from row to row.
//
// A row's result does not depend on how many rows there are: the order over k is one order, whatever the row count.
//
// Weights are prepared once (nt_cpu_pack_weights) as panels of NT_PANEL columns of the output: panel p holds rows
// p * NT_PANEL ... of w, padded with zeros; within a panel k ascends, and for each group of G neighbouring k the
// NT_PANEL columns follow each other with their G values side by side: [panel][k / G][NT_PANEL][G], where G is 1 for
// float32, 2 for the 16-bit types (what vdpbf16ps takes), 4 for the 8-bit ones. k is padded to a multiple of G.
#ifndef NEEDLETAIL_MATMUL_H
#define NEEDLETAIL_MATMUL_H
#include "types.h"

#define NT_PANEL 32

typedef struct {
  const void *x;
  const void *w;
  const void *bias;
  const void *residual;
  void *out;
  nt_i64 rows;
  nt_i64 x_stride;
  nt_i64 out_stride;
  nt_i32 n;
  nt_i32 k;
  nt_i32 x_dtype;    // NT_F32, NT_BF16, NT_F16
  nt_i32 w_dtype;    // NT_F32, NT_BF16, NT_F16
  nt_i32 out_dtype;  // NT_F32, NT_BF16, NT_F16
  nt_i32 reserved;
  nt_u32 *counters;  // GPUs: words that are zero before and after each launch
} nt_matmul_arguments;
NT_CHECK_SIZE(nt_matmul_arguments, 96);

#endif
