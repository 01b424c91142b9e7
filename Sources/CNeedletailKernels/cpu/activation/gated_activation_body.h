// out = activation(gate) * up (include/elementwise.h). A piece of work is NT_ROW_CHUNK columns of one row.
#include "../../include/elementwise.h"
#include "../common/rows.h"
#include "../common/vector_math.h"
#include "../common/with_activation.h"

NT_INLINE void gated_activation_row(
  float *out, const float *gate, const float *up, nt_i64 count, const nt_i32 activation) {
  for (nt_i64 i = 0; i < count; i += NT_LANES) {
    nt_i64 left = count - i;
    nt_store_left(out + i, nt_activate(nt_load_left(gate + i, left), activation) * nt_load_left(up + i, left), left);
  }
}

void NT_KERNEL(gated_activation)(const void *arguments, const nt_task *task) {
  const nt_gated_activation_arguments *a = arguments;
  float *buffer = task->scratch;
  nt_i64 chunks = (a->width + NT_ROW_CHUNK - 1) / NT_ROW_CHUNK;
  nt_share share = nt_worker_share(a->rows * chunks, task);
  for (nt_i64 piece = share.first; piece < share.end; piece++) {
    nt_i64 row = piece / chunks, column = piece % chunks * NT_ROW_CHUNK;
    nt_i64 count = a->width - column < NT_ROW_CHUNK ? a->width - column : NT_ROW_CHUNK;
    nt_i64 from = row * a->x_stride + column, to = row * a->out_stride + column;
    const float *gate = nt_row_view(buffer, a->x, from, count, a->x_dtype);
    const float *up = nt_row_view(buffer + NT_ROW_CHUNK, a->x, from + a->width, count, a->x_dtype);
    float *out = nt_row_target(buffer + 2 * NT_ROW_CHUNK, a->out, to, a->out_dtype);
    NT_WITH_ACTIVATION(a->activation, gated_activation_row(out, gate, up, count, kind))
    nt_row_finish(a->out, to, out, count, a->out_dtype);
  }
}
