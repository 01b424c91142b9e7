// out = a op b (include/elementwise.h).
#include "../../include/elementwise.h"
#include "../common/rows.h"

NT_INLINE void binary_row(float *out, const float *a, const float *b, nt_i64 count, const nt_i32 operation) {
  for (nt_i64 i = 0; i < count; i += NT_LANES) {
    nt_i64 left = count - i;
    nt_vec x = nt_load_left(a + i, left), y = nt_load_left(b + i, left);
    switch (operation) {
      case 0: x = x + y; break;
      case 1: x = x * y; break;
      case 2: x = x - y; break;
      default: x = x / y; break;
    }
    nt_store_left(out + i, x, left);
  }
}

void NT_KERNEL(binary)(const void *arguments, const nt_task *task) {
  const nt_binary_arguments *a = arguments;
  float *buffer = task->scratch;
  nt_i64 chunks = (a->width + NT_ROW_CHUNK - 1) / NT_ROW_CHUNK;
  nt_share share = nt_worker_share(a->rows * chunks, task);
  for (nt_i64 piece = share.first; piece < share.end; piece++) {
    nt_i64 row = piece / chunks, column = piece % chunks * NT_ROW_CHUNK;
    nt_i64 count = a->width - column < NT_ROW_CHUNK ? a->width - column : NT_ROW_CHUNK;
    nt_i64 to = row * a->out_stride + column;
    const float *x = nt_row_view(buffer, a->a, row * a->a_stride + column, count, a->a_dtype);
    const float *y = nt_row_view(buffer + NT_ROW_CHUNK, a->b, row * a->b_stride + column, count, a->b_dtype);
    float *out = nt_row_target(buffer + 2 * NT_ROW_CHUNK, a->out, to, a->out_dtype);
    switch (a->operation) {
      case 0: binary_row(out, x, y, count, 0); break;
      case 1: binary_row(out, x, y, count, 1); break;
      case 2: binary_row(out, x, y, count, 2); break;
      default: binary_row(out, x, y, count, 3); break;
    }
    nt_row_finish(a->out, to, out, count, a->out_dtype);
  }
}
