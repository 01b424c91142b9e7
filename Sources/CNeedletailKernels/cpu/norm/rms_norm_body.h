// RMSNorm and LayerNorm with the residual's sum (include/rms_norm.h). A row is one worker's work.
#include "../../include/rms_norm.h"
#include "../common/rows.h"

// The sum of a row's elements, or of their squares: four sums side by side, then one order of folding.
NT_INLINE float rms_norm_total(const float *x, nt_i64 width, const int squares) {
  nt_vec totals[4] = {};
  nt_i64 i = 0;
  for (; i + 4 * NT_LANES <= width; i += 4 * NT_LANES)
    for (int j = 0; j < 4; j++) {
      nt_vec a = nt_load(x + i + j * NT_LANES);
      totals[j] = squares ? nt_fma(a, a, totals[j]) : totals[j] + a;
    }
  for (; i < width; i += NT_LANES) {
    nt_vec a = nt_load_left(x + i, width - i);
    totals[0] = squares ? nt_fma(a, a, totals[0]) : totals[0] + a;
  }
  return nt_sum((totals[0] + totals[1]) + (totals[2] + totals[3]));
}

void NT_KERNEL(rms_norm)(const void *arguments, const nt_task *task) {
  const nt_rms_norm_arguments *a = arguments;
  nt_i64 width = a->width, padded = (width + 63) / 64 * 64;
  float *sum = task->scratch, *other = sum + padded, *weight = other + padded, *bias = weight + padded;
  nt_share share = nt_worker_share(a->rows, task);
  if (share.first == share.end) return;

  // The factor and the bias are the same for all rows.
  if (a->weight) nt_row_load(weight, a->weight, 0, width, a->weight_dtype);
  for (nt_i64 i = 0; i < width; i++) weight[i] = (a->weight ? weight[i] : 1.0f) + a->weight_offset;
  if (a->bias) nt_row_load(bias, a->bias, 0, width, a->weight_dtype);

  for (nt_i64 row = share.first; row < share.end; row++) {
    nt_row_load(sum, a->x, row * a->x_stride, width, a->x_dtype);
    if (a->delta) {
      const float *delta = nt_row_view(other, a->delta, row * a->x_stride, width, a->delta_dtype);
      for (nt_i64 i = 0; i < width; i += NT_LANES)
        nt_store_left(sum + i, nt_load_left(sum + i, width - i) + nt_load_left(delta + i, width - i), width - i);
    }
    if (a->sum_out) nt_row_store(a->sum_out, row * a->x_stride, sum, width, a->sum_dtype);
    if (!a->out) continue;
    if (a->center) {
      float mean = rms_norm_total(sum, width, 0) / (float)width;
      for (nt_i64 i = 0; i < width; i += NT_LANES)
        nt_store_left(sum + i, nt_load_left(sum + i, width - i) - mean, width - i);
    }
    float variance = rms_norm_total(sum, width, 1) / (float)width;
    nt_vec scale = nt_splat(1.0f) / __builtin_elementwise_sqrt(nt_splat(variance + a->eps));
    float *out = nt_row_target(other, a->out, row * a->out_stride, a->out_dtype);
    for (nt_i64 i = 0; i < width; i += NT_LANES) {
      nt_i64 left = width - i;
      nt_vec y = nt_load_left(sum + i, left) * scale * nt_load_left(weight + i, left);
      if (a->bias) y += nt_load_left(bias + i, left);
      nt_store_left(out + i, y, left);
    }
    nt_row_finish(a->out, row * a->out_stride, out, width, a->out_dtype);
  }
}
