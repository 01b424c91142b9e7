// Each row's experts by weight, in the order of the choices (include/experts.h). A piece of work is NT_ROW_CHUNK columns
// of one row.
#include "../../include/experts.h"
#include "../common/rows.h"

void NT_KERNEL(combine_experts)(const void *arguments, const nt_task *task) {
  const nt_combine_experts_arguments *a = arguments;
  float *buffer = task->scratch;
  nt_i64 chunks = (a->width + NT_ROW_CHUNK - 1) / NT_ROW_CHUNK;
  nt_share share = nt_worker_share(a->rows * chunks, task);
  for (nt_i64 piece = share.first; piece < share.end; piece++) {
    nt_i64 row = piece / chunks, column = piece % chunks * NT_ROW_CHUNK;
    nt_i64 count = a->width - column < NT_ROW_CHUNK ? a->width - column : NT_ROW_CHUNK;
    nt_i64 to = row * a->out_stride + column;
    float *out = nt_row_target(buffer, a->out, to, a->out_dtype);
    for (nt_i64 pair = row * a->choices, c = 0; c < a->choices; c++, pair++) {
      const nt_i64 place = a->places ? a->places[pair] : pair;
      const float *x = nt_row_view(buffer + NT_ROW_CHUNK, a->x, place * a->x_stride + column, count, a->x_dtype);
      const nt_vec weight = nt_splat(a->weights ? a->weights[pair] : 1);
      for (nt_i64 i = 0; i < count; i += NT_LANES) {
        nt_i64 left = count - i;
        nt_vec y = nt_load_left(x + i, left);
        y = c == 0 ? weight * y : nt_fma(weight, y, nt_load_left(out + i, left));
        nt_store_left(out + i, y, left);
      }
    }
    for (nt_i64 i = 0; a->residual && i < count; i += NT_LANES)
      nt_store_left(
        out + i, nt_load_left(out + i, count - i) + nt_load_left(a->residual + to + i, count - i), count - i);
    nt_row_finish(a->out, to, out, count, a->out_dtype);
  }
}
