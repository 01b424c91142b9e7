// out = activation(x) * scale + offset, or a soft cap, kept between bounds (include/elementwise.h).
#include "../../include/elementwise.h"
#include "../common/rows.h"
#include "../common/vector_math.h"
#include "../common/with_activation.h"

NT_INLINE void unary_row(
  float *out, const float *x, nt_i64 count, float scale, float offset, const nt_i32 activation) {
  for (nt_i64 i = 0; i < count; i += NT_LANES) {
    nt_i64 left = count - i;
    nt_vec y = nt_activate(nt_load_left(x + i, left), activation);
    nt_store_left(out + i, nt_fma(y, nt_splat(scale), nt_splat(offset)), left);
  }
}
NT_INLINE void unary_row_softcap(float *out, const float *x, nt_i64 count, float scale, float cap) {
  for (nt_i64 i = 0; i < count; i += NT_LANES) {
    nt_i64 left = count - i;
    nt_store_left(out + i, nt_tanh(nt_load_left(x + i, left) * scale / cap) * cap, left);
  }
}

// A NaN stays one.
NT_INLINE void unary_row_clamp(float *row, nt_i64 count, float low, float high) {
  for (nt_i64 i = 0; i < count; i += NT_LANES) {
    nt_i64 left = count - i;
    nt_vec x = nt_load_left(row + i, left), below = nt_splat(low), above = nt_splat(high);
    x = x < below ? below : x;
    nt_store_left(row + i, x > above ? above : x, left);
  }
}

void NT_KERNEL(unary)(const void *arguments, const nt_task *task) {
  const nt_unary_arguments *a = arguments;
  float *buffer = task->scratch;
  nt_i64 chunks = (a->width + NT_ROW_CHUNK - 1) / NT_ROW_CHUNK;
  int copies = a->activation == NT_IDENTITY && a->scale == 1 && a->offset == 0 && !(a->softcap > 0) && !(a->low < a->high);
  nt_share share = nt_worker_share(a->rows * chunks, task);
  for (nt_i64 piece = share.first; piece < share.end; piece++) {
    nt_i64 row = piece / chunks, column = piece % chunks * NT_ROW_CHUNK;
    nt_i64 count = a->width - column < NT_ROW_CHUNK ? a->width - column : NT_ROW_CHUNK;
    nt_i64 from = row * a->x_stride + column, to = row * a->out_stride + column;
    if (copies && a->x_dtype == a->out_dtype) {
      nt_i64 bytes = nt_dtype_bytes(a->x_dtype);
      memmove((char *)a->out + to * bytes, (const char *)a->x + from * bytes, (size_t)(count * bytes));
      continue;
    }
    const float *x = nt_row_view(buffer, a->x, from, count, a->x_dtype);
    float *out = nt_row_target(buffer + NT_ROW_CHUNK, a->out, to, a->out_dtype);
    if (a->softcap > 0) unary_row_softcap(out, x, count, a->scale, a->softcap);
    else NT_WITH_ACTIVATION(a->activation, unary_row(out, x, count, a->scale, a->offset, kind))
    if (a->low < a->high) unary_row_clamp(out, count, a->low, a->high);
    nt_row_finish(a->out, to, out, count, a->out_dtype);
  }
}
