// Codes of activations (include/coded_matmul.h): a row at a time, its largest magnitude first.
#include "../../include/coded_matmul.h"
#include "../common/codes.h"
#include "../common/rows.h"

// What is coded of a row: columns [first, first + count) over the input scale, to a buffer. Gives the largest
// magnitude, or
// not-a-number if there is one.
NT_INLINE float quantize_load(float *to, const nt_quantize_rows_arguments *a, nt_i64 row, nt_i64 first, nt_i64 count) {
  nt_row_load(to, a->x, row * a->x_stride + first, count, a->x_dtype);
  nt_vec largest = {};
  nt_ivec strange = {};
  for (nt_i64 i = 0; i < count; i += NT_LANES) {
    nt_vec y = nt_load_left(to + i, count - i);
    if (a->input_scale) {
      nt_vec scale = count - i >= NT_LANES ? nt_load(a->input_scale + first + i)
                                           : nt_load_part(a->input_scale + first + i, count - i);
      if (count - i < NT_LANES)
        for (int lane = (int)(count - i); lane < NT_LANES; lane++) scale[lane] = 1;
      y = y / scale;
      nt_store_left(to + i, y, count - i);
    }
    strange |= y != y;
    largest = nt_max(nt_abs(y), largest);
  }
  for (int lane = 0; lane < NT_LANES; lane++)
    if (strange[lane]) return __builtin_nanf("");
  return nt_maximum(largest);
}

NT_INLINE void quantize_store(const nt_quantize_rows_arguments *a, float *y, nt_i64 row, nt_i64 first, nt_i64 count,
                              float scale) {
  for (nt_i64 i = 0; a->code != NT_REAL && i < count; i += NT_LANES) {
    const nt_vec v = nt_load_left(y + i, count - i) / nt_splat(scale);
    nt_store_left(y + i, a->code == NT_I8 ? nt_round_int8(v) : nt_round_e4m3(v), count - i);
  }
  const nt_i64 index = row * a->out_stride + first;
  if (a->out_dtype != NT_I8) {
    nt_row_store(a->out, index, y, count, a->out_dtype);
    return;
  }
  for (nt_i64 i = 0; i < count; i++) ((nt_i8 *)a->out)[index + i] = (nt_i8)y[i];
}

// In pieces where a scale is of many columns: the first pass finds the largest, the second stores.
static void quantize_group(const nt_quantize_rows_arguments *a, float *buffer, nt_i64 row, nt_i64 first, nt_i64 count,
                           float *scale_out) {
  const float largest_code = a->code == NT_I8 ? 127 : 448;
  float scale = a->given_scale ? *a->given_scale : 1;
  if (a->code != NT_REAL && !a->given_scale) {
    float largest = 0;
    for (nt_i64 done = 0; done < count; done += NT_ROW_CHUNK) {
      const nt_i64 piece = count - done < NT_ROW_CHUNK ? count - done : NT_ROW_CHUNK;
      const float found = quantize_load(buffer, a, row, first + done, piece);
      if (found != found || largest != largest) largest = __builtin_nanf("");
      else if (found > largest) largest = found;
    }
    scale = (largest < 1e-12f ? 1e-12f : largest) / largest_code;
    if (scale_out) *scale_out = scale;
  }
  for (nt_i64 done = 0; done < count; done += NT_ROW_CHUNK) {
    const nt_i64 piece = count - done < NT_ROW_CHUNK ? count - done : NT_ROW_CHUNK;
    (void)quantize_load(buffer, a, row, first + done, piece);
    quantize_store(a, buffer, row, first + done, piece, scale);
  }
}

void NT_KERNEL(quantize_rows)(const void *arguments, const nt_task *task) {
  const nt_quantize_rows_arguments *a = arguments;
  const nt_i64 group = a->group > 0 ? a->group : a->width, groups = (a->width + group - 1) / group;
  float *buffer = task->scratch;
  const nt_share share = nt_worker_share(a->rows, task);
  for (nt_i64 row = share.first; row < share.end; row++) {
    for (nt_i64 g = 0; g < groups; g++) {
      const nt_i64 first = g * group, count = a->width - first < group ? a->width - first : group;
      quantize_group(a, buffer, row, first, count, a->scales ? a->scales + row * groups + g : 0);
    }
    const nt_i64 padding = a->padded_width - a->width, bytes = a->out_dtype == NT_I8 ? 1 : nt_dtype_bytes(a->out_dtype);
    if (padding > 0)
      memset((char *)a->out + (row * a->out_stride + a->width) * bytes, 0, (size_t)(padding * bytes));
  }
}
