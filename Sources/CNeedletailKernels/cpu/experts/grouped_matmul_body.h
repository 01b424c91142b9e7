// Products of each expert's rows with its own matrix (include/experts.h); included after matmul_kernel.h, whose items,
// tiles and scratch it uses.
//
// An item is some rows of one expert by some columns of its output: where gated, panels of gates and the panels of what
// they multiply, side by side in the scratch. Experts nobody has chosen have no items, so that their weights are not
// read. All experts' rows are one matrix in panels: where an expert's do not start at a panel's start, the first and
// last panels are its neighbours' too, and the columns of those are left out.
#include "../../include/experts.h"
#include "../common/rows.h"
#include "../common/vector_math.h"
#include "../common/with_activation.h"

// Columns [first, first + count) of rows of the whole matrix, and the panels they lie in.
typedef struct {
  nt_i64 first, count;
  nt_i64 panel, panels;
} nt_columns;

NT_INLINE nt_columns columns_at(nt_i64 first, nt_i64 count) {
  const nt_i64 panel = first / NT_PANEL;
  return (nt_columns){first, count, panel, (first + count + NT_PANEL - 1) / NT_PANEL - panel};
}

// Sums of a row of an item to the front of a buffer, times the factor, plus the bias (of the whole matrix).
NT_INLINE void take_columns(float *to, const float *sums, nt_columns c, nt_i64 row, nt_i64 rows, const float *factor,
                            const float *bias) {
  for (nt_i64 done = 0, lane = c.first % NT_PANEL, p = 0; done < c.count; p++, lane = 0) {
    const nt_i64 left = c.count - done, count = NT_PANEL - lane < left ? NT_PANEL - lane : left;
    memcpy(to + done, sums + (p * rows + row) * NT_PANEL + lane, (size_t)count * sizeof(float));
    done += count;
  }
  for (nt_i64 i = 0; (factor || bias) && i < c.count; i += NT_LANES) {
    const nt_i64 left = c.count - i;
    nt_vec x = nt_load_left(to + i, left);
    if (factor) x = x * *factor;
    if (bias) x = x + nt_load_left(bias + c.first + i, left);
    nt_store_left(to + i, x, left);
  }
}

NT_INLINE void gate_columns(float *gate, const float *up, nt_i64 count, float limit, float offset,
                            const nt_i32 activation) {
  for (nt_i64 i = 0; i < count; i += NT_LANES) {
    const nt_i64 left = count - i;
    const nt_vec g = nt_min(nt_load_left(gate + i, left), nt_splat(limit));
    const nt_vec u = nt_max(nt_min(nt_load_left(up + i, left), nt_splat(limit)), nt_splat(-limit));
    nt_store_left(gate + i, nt_activate(g, activation) * (u + offset), left);
  }
}

// One item: places [place, place + rows) of an expert, `count` columns of its output from `column` on.
static void run_expert(nt_matmul_job *job, const nt_grouped_matmul_arguments *a, nt_i32 expert, nt_i64 place,
                       nt_i64 rows, nt_i64 column, nt_i64 count) {
  const nt_i64 width = a->gated ? a->n / 2 : a->n, start = (nt_i64)expert * a->n + column;
  const nt_columns first = columns_at(start, count), second = columns_at(start + width, count);
  float *sums = job->scratch->sums, *more = sums + first.panels * rows * NT_PANEL;
  job->block = rows <= job->tile.rows && (job->slab == 0 || job->slab == job->padded_k) ? job->padded_k : block_k;
  job->sums = sums;
  run_item(job, place, rows, first.panel, first.panels);
  job->sums = more;
  if (a->gated) run_item(job, place, rows, second.panel, second.panels);
  for (nt_i64 r = 0; r < rows; r++) {
    float gate[most_panels * NT_PANEL], up[most_panels * NT_PANEL];
    const float *factor = a->weights ? a->weights + a->pairs[place + r] : 0;
    take_columns(gate, sums, first, r, rows, factor, a->bias);
    if (a->gated) {
      take_columns(up, more, second, r, rows, factor, a->bias);
      NT_WITH_ACTIVATION(a->activation, gate_columns(gate, up, count, a->limit, a->up_offset, kind))
    }
    nt_row_store(a->out, (place + r) * a->out_stride + column, gate, count, a->out_dtype);
  }
}

static void run_grouped(nt_matmul_job *job, const nt_grouped_matmul_arguments *a, const nt_task *task) {
  job->row_pairs = a->gathers ? a->pairs : 0;
  job->choices = a->choices;
  job->writes = 0;

  // An item has at most half of the scratch's rows where it has twice the columns.
  nt_i64 longest = 0, row_items = 0;
  for (nt_i32 e = 0; e < a->experts; e++) {
    const nt_i64 rows = a->starts[e + 1] - a->starts[e];
    longest = rows > longest ? rows : longest;
  }
  nt_i64 item_rows = longest < most_rows ? longest : most_rows;
  if (job->reads_copies || (a->gathers && longest > 1)) item_rows = copy_slabs(job, item_rows);
  for (nt_i32 e = 0; e < a->experts; e++) row_items += (a->starts[e + 1] - a->starts[e] + item_rows - 1) / item_rows;

  const nt_i64 width = a->gated ? a->n / 2 : a->n;
  const nt_i64 misfits = width % NT_PANEL != 0;
  nt_i64 item_panels = (a->gated ? most_panels / 2 : most_panels) - misfits, column_items;
  for (;;) {
    column_items = (width + item_panels * NT_PANEL - 1) / (item_panels * NT_PANEL);
    if (task->workers == 1 || item_panels == 1 || row_items * column_items >= 6 * (nt_i64)task->workers) break;
    item_panels = (item_panels + 1) / 2;
  }

  // Each worker walks over the experts once: the items it claims come in ascending order.
  nt_i32 expert = 0;
  nt_i64 before = 0;
  for (;;) {
    const nt_i64 item = (nt_i64)__atomic_fetch_add(task->counter, 1, __ATOMIC_RELAXED);
    if (item >= row_items * column_items) return;
    nt_i64 rows, blocks;
    for (;; expert++) {
      rows = a->starts[expert + 1] - a->starts[expert];
      blocks = (rows + item_rows - 1) / item_rows;
      if (item - before < blocks * column_items) break;
      before += blocks * column_items;
    }
    const nt_i64 block = (item - before) / column_items, column = (item - before) % column_items * item_panels * NT_PANEL;
    const nt_i64 first = rows * block / blocks, end = rows * (block + 1) / blocks;
    const nt_i64 count = width - column < item_panels * NT_PANEL ? width - column : item_panels * NT_PANEL;
    run_expert(job, a, expert, a->starts[expert] + first, end - first, column, count);
  }
}

NT_INLINE nt_matmul_arguments grouped_product(const nt_grouped_matmul_arguments *a) {
  return (nt_matmul_arguments){
    .x = a->x, .w = a->w, .rows = a->rows * a->choices, .x_stride = a->x_stride, .k = a->k, .x_dtype = a->x_dtype,
    .w_dtype = a->w_dtype,
  };
}

void NT_KERNEL(grouped_matmul)(const void *arguments, const nt_task *task) {
  const nt_grouped_matmul_arguments *a = arguments;
  if (a->rows <= 0 || a->n <= 0) return;
  const nt_matmul_arguments product = grouped_product(a);
  nt_matmul_job job = begin_matmul(&product, task);
  run_grouped(&job, a, task);
}

void NT_KERNEL(coded_grouped_matmul)(const void *arguments, const nt_task *task) {
  const nt_coded_grouped_matmul_arguments *a = arguments;
  if (a->product.rows <= 0 || a->product.n <= 0) return;
  nt_matmul_arguments product = grouped_product(&a->product);
  nt_matmul_job job = begin_coded_matmul(&product, &a->coding, task);
  run_grouped(&job, &a->product, task);
}
