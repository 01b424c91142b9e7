// Weights made or converted where they are used (CUDA device).
#ifndef NEEDLETAIL_DUMMY_WEIGHTS_H
#define NEEDLETAIL_DUMMY_WEIGHTS_H
#include "types.h"

// dummy_weights: out[r, c] = element first + r * source_stride + c of a tensor's stream of dummy weights, rounded to
// out_dtype (float32, bfloat16, float16). The stream is that of NeedletailCheckpoint's DummyWeights, bit by bit:
// tensor_key is mix64(FNV-1a of the tensor's name ^ mix64(seed + 0x9E3779B97F4A7C15)).
typedef struct {
  void *out;
  nt_u64 tensor_key;
  nt_i64 first;
  nt_i64 rows;
  nt_i64 columns;
  nt_i64 source_stride;  // elements from a row of the tensor to the next
  nt_i64 out_stride;     // elements from a row of out to the next
  nt_i32 out_dtype;
  nt_i32 reserved;
} nt_dummy_weights_arguments;
NT_CHECK_SIZE(nt_dummy_weights_arguments, 64);

// convert_rows: out[r, c] = x[r, c] in another storage type, or the same (float32, bfloat16, float16). With x_transposed
// x[r, c] lies at c * x_stride + r: the source is [columns, rows].
typedef struct {
  const void *x;
  void *out;
  nt_i64 rows;
  nt_i64 columns;
  nt_i64 x_stride;
  nt_i64 out_stride;
  nt_i32 x_transposed;
  nt_i32 x_dtype;
  nt_i32 out_dtype;
  nt_i32 reserved;
} nt_convert_rows_arguments;
NT_CHECK_SIZE(nt_convert_rows_arguments, 64);

#endif
