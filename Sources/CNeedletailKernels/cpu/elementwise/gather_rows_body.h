// Rows of a table by index (include/elementwise.h), also out of a weight in panels (include/matmul.h).
#include "../../include/elementwise.h"
#include "../../include/matmul.h"
#include "../common/rows.h"

// Columns [first, first + count) of row `row` of a weight in panels, in order; first is even. A panel's row is made of
// 32-bit groups (one float32 or two 16-bit values), NT_PANEL of them apart.
NT_INLINE const void *gather_from_panels(
  nt_u32 *buffer, const nt_gather_rows_arguments *a, nt_i64 row, nt_i64 first, nt_i64 count) {
  nt_i64 group = 4 / nt_dtype_bytes(a->x_dtype), groups = (a->width + group - 1) / group;
  const nt_u32 *panel = (const nt_u32 *)a->x + row / NT_PANEL * groups * NT_PANEL + row % NT_PANEL;
  const nt_u32 *from = panel + first / group * NT_PANEL;
  nt_i64 taken = (count + group - 1) / group;
  for (nt_i64 i = 0; i < taken; i++) {
    __builtin_prefetch(from + (i + 64 < taken ? i + 64 : taken - 1) * NT_PANEL);
    buffer[i] = from[i * NT_PANEL];
  }
  return buffer;
}

void NT_KERNEL(gather_rows)(const void *arguments, const nt_task *task) {
  const nt_gather_rows_arguments *a = arguments;
  float *buffer = task->scratch, *result = buffer + NT_ROW_CHUNK;
  nt_i64 chunks = (a->width + NT_ROW_CHUNK - 1) / NT_ROW_CHUNK;
  nt_share share = nt_worker_share(a->rows * chunks, task);
  for (nt_i64 piece = share.first; piece < share.end; piece++) {
    nt_i64 row = piece / chunks, column = piece % chunks * NT_ROW_CHUNK;
    nt_i64 count = a->width - column < NT_ROW_CHUNK ? a->width - column : NT_ROW_CHUNK;
    nt_i64 to = row * a->out_stride + column, index = a->indices[row];
    float *out = nt_row_target(result, a->out, to, a->out_dtype);
    if (index < 0 || index >= a->x_rows) {
      memset(out, 0, (size_t)count * sizeof(float));
    } else {
      const void *x = a->x;
      nt_i64 from = index * a->x_stride + column;
      if (a->x_panels) {
        x = gather_from_panels((nt_u32 *)(result + NT_ROW_CHUNK), a, index, column, count);
        from = 0;
      }
      nt_row_load(out, x, from, count, a->x_dtype);
      if (a->scale != 1)
        for (nt_i64 i = 0; i < count; i += NT_LANES)
          nt_store_left(out + i, nt_load_left(out + i, count - i) * a->scale, count - i);
    }
    nt_row_finish(a->out, to, out, count, a->out_dtype);
  }
}

void NT_KERNEL(gather_coded_rows)(const void *arguments, const nt_task *task) {
  const nt_gather_coded_rows_arguments *all = arguments;
  const nt_gather_rows_arguments *a = &all->rows;
  float *result = task->scratch;
  nt_i64 chunks = (a->width + NT_ROW_CHUNK - 1) / NT_ROW_CHUNK, lanes = (a->width + 3) / 4;
  nt_share share = nt_worker_share(a->rows * chunks, task);
  for (nt_i64 piece = share.first; piece < share.end; piece++) {
    nt_i64 row = piece / chunks, column = piece % chunks * NT_ROW_CHUNK;
    nt_i64 count = a->width - column < NT_ROW_CHUNK ? a->width - column : NT_ROW_CHUNK;
    nt_i64 to = row * a->out_stride + column, index = a->indices[row];
    float *out = nt_row_target(result, a->out, to, a->out_dtype);
    const int inside = index >= 0 && index < a->x_rows;
    const float scale = inside ? all->scales.scales[index] : 0;
    for (nt_i64 i = 0; i < count; i++) {
      // A lane of a panel holds four columns.
      const nt_i64 k = column + i, place = ((index / NT_PANEL * lanes + k / 4) * NT_PANEL + index % NT_PANEL) * 4 + k % 4;
      const nt_i8 code = inside ? ((const nt_i8 *)a->x)[a->x_panels ? place : index * a->x_stride + k] : 0;
      out[i] = scale * code * a->scale;
    }
    nt_row_finish(a->out, to, out, count, a->out_dtype);
  }
}
