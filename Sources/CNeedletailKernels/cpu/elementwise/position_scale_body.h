// Rows times a factor of their position (include/elementwise.h).
#include <math.h>

#include "../../include/elementwise.h"
#include "../common/rows.h"

void NT_KERNEL(position_scale)(const void *arguments, const nt_task *task) {
  const nt_position_scale_arguments *a = arguments;
  float *buffer = task->scratch;
  nt_i64 chunks = (a->width + NT_ROW_CHUNK - 1) / NT_ROW_CHUNK;
  nt_share share = nt_worker_share(a->rows * chunks, task);
  for (nt_i64 piece = share.first; piece < share.end; piece++) {
    nt_i64 row = piece / chunks, column = piece % chunks * NT_ROW_CHUNK;
    nt_i64 count = a->width - column < NT_ROW_CHUNK ? a->width - column : NT_ROW_CHUNK;
    nt_i64 from = row * a->x_stride + column, to = row * a->out_stride + column;
    const float factor = 1 + a->factor * log1pf((float)((a->positions[row] + 1) / a->period));
    const float *x = nt_row_view(buffer, a->x, from, count, a->x_dtype);
    float *out = nt_row_target(buffer + NT_ROW_CHUNK, a->out, to, a->out_dtype);
    for (nt_i64 i = 0; i < count; i += NT_LANES)
      nt_store_left(out + i, nt_load_left(x + i, count - i) * factor, count - i);
    nt_row_finish(a->out, to, out, count, a->out_dtype);
  }
}
