// sum = x + delta (delta may be null: sum = x); out = sum / sqrt(mean(sum^2) + eps) * (weight_offset + weight).
// x, delta, sum, out: [rows, width] row-major with strides in elements; weight: [width], null is all ones.
// sum_out may be null (not wanted) and may be x itself. Statistics in float32. `center` not zero makes it a LayerNorm:
// the mean is taken away first, and bias ([width], may be null) added last.
#ifndef NEEDLETAIL_RMS_NORM_H
#define NEEDLETAIL_RMS_NORM_H
#include "types.h"

typedef struct {
  const void *x;
  const void *delta;
  const void *weight;
  const void *bias;
  void *sum_out;
  void *out;
  nt_i64 rows;
  nt_i64 x_stride;
  nt_i64 out_stride;
  nt_i32 width;
  nt_i32 center;
  float eps;
  float weight_offset;
  nt_i32 x_dtype;
  nt_i32 delta_dtype;
  nt_i32 weight_dtype;
  nt_i32 sum_dtype;
  nt_i32 out_dtype;
  nt_i32 reserved;
} nt_rms_norm_arguments;
NT_CHECK_SIZE(nt_rms_norm_arguments, 112);

#endif
