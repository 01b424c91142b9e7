// Products by heads (include/head_linear.h) for one instruction set; included after matmul_kernel.h, whose items
// compute those of weights in panels: a head's rows are an item's columns.
//
// A transposed weight lies as the values of attention do: its rows are inputs, and the loops that sum values by weight
// sum them. They are made float32 in pieces that stay in the first-level cache.
#include "../../include/head_linear.h"
#include "../attention/attention_products.h"
#include "../common/rows.h"

enum {
  head_columns = ATTENTION_COLUMNS * NT_LANES,
  head_block_k = 256,  // inputs of a piece of a transposed weight
  head_rows = 96,      // rows of an item of it
};

// One head's product as one of matmul.h.
static nt_matmul_arguments head_product(const nt_head_linear_arguments *a, nt_i64 head, nt_i64 panel_bytes,
                                        nt_i64 *first_column) {
  const nt_i64 row = head * a->n;
  *first_column = row % NT_PANEL;
  return (nt_matmul_arguments){
    .x = (const char *)a->x + nt_dtype_bytes(a->x_dtype) * head * a->x_head_stride,
    .w = (const char *)a->w + row / NT_PANEL * panel_bytes,
    .out = (char *)a->out + nt_dtype_bytes(a->out_dtype) * head * a->out_head_stride,
    .rows = a->rows, .x_stride = a->x_stride, .out_stride = a->out_stride, .n = (nt_i32)(*first_column + a->n),
    .k = a->k, .x_dtype = a->x_dtype, .w_dtype = a->w_dtype, .out_dtype = a->out_dtype,
  };
}

static void head_linear_panels(const nt_head_linear_arguments *a, const nt_task *task) {
  nt_i64 item_rows, first_column;
  nt_matmul_arguments product = head_product(a, 0, 0, &first_column);
  nt_matmul_job job = matmul_job(&product, task, &item_rows);
  const int is_small = a->rows <= job.tile.rows;
  if (is_small && (job.slab == 0 || job.slab == job.padded_k)) job.block = job.padded_k;
  // A head whose rows begin inside a panel may have one panel more.
  const nt_i64 most = (a->n + NT_PANEL - 1) / NT_PANEL + (a->n % NT_PANEL != 0), step = is_small ? 1 : most_panels;
  const nt_i64 row_items = (a->rows + item_rows - 1) / item_rows, panel_items = (most + step - 1) / step;
  const nt_i64 items = a->heads * row_items * panel_items;
  nt_share share = nt_worker_share(items, task);
  for (nt_i64 next = share.first;; next++) {
    // Few rows: each worker streams a contiguous part of the weight. Many: whoever is free takes the next item.
    nt_i64 item = is_small ? next : (nt_i64)__atomic_fetch_add(task->counter, 1, __ATOMIC_RELAXED);
    if (item >= (is_small ? share.end : items)) return;
    nt_i64 head = item / (row_items * panel_items), row = item / panel_items % row_items * item_rows;
    nt_i64 panel = item % panel_items * step;
    product = head_product(a, head, job.panel_bytes, &job.first_column);
    nt_i64 panels = (product.n + NT_PANEL - 1) / NT_PANEL - panel;
    if (panels <= 0) continue;
    if (job.slab_head != head) job.slab_row = -1;
    job.slab_head = head;
    run_item(&job, row, a->rows - row < item_rows ? a->rows - row : item_rows, panel, panels < step ? panels : step);
  }
}

// out[row ..< row + rows, head, column ..< column + count] of a transposed weight.
static void head_linear_piece(const nt_head_linear_arguments *a, float *scratch, nt_i64 head, nt_i64 row, nt_i64 rows,
                              nt_i64 column) {
  const nt_i64 count = a->n - column < head_columns ? a->n - column : head_columns;
  const nt_i64 width = (count + NT_LANES - 1) / NT_LANES * NT_LANES;
  float *sums = scratch, *weights = sums + head_rows * head_columns, *queries = weights + head_block_k * head_columns;
  float ones[head_rows];
  for (nt_i64 r = 0; r < rows; r++) ones[r] = 1;
  for (nt_i64 k = 0; k < a->k; k += head_block_k) {
    const nt_i64 depth = a->k - k < head_block_k ? a->k - k : head_block_k;
    for (nt_i64 i = 0; i < depth; i++) {
      float *to = weights + i * head_columns;
      if (count < width) nt_store(to + width - NT_LANES, (nt_vec){});
      nt_row_load(to, a->w, (head * a->k + k + i) * a->n + column, count, a->w_dtype);
    }
    const float *left = queries;
    nt_i64 left_stride = head_block_k;
    if (a->x_dtype == NT_F32) {
      left = (const float *)a->x + row * a->x_stride + head * a->x_head_stride + k;
      left_stride = a->x_stride;
    } else {
      for (nt_i64 r = 0; r < rows; r++)
        nt_row_load(
          queries + r * head_block_k, a->x, (row + r) * a->x_stride + head * a->x_head_stride + k, depth, a->x_dtype);
    }
    attention_product(
      rows, sums, head_columns, left, left_stride, weights, head_columns, width, depth, k == 0 ? 0 : ones, 0);
  }
  for (nt_i64 r = 0; r < rows; r++)
    nt_row_store(
      a->out, (row + r) * a->out_stride + head * a->out_head_stride + column, sums + r * head_columns, count,
      a->out_dtype);
}

static void head_linear_transposed(const nt_head_linear_arguments *a, const nt_task *task) {
  const nt_i64 columns = (a->n + head_columns - 1) / head_columns, blocks = (a->rows + head_rows - 1) / head_rows;
  for (;;) {
    nt_i64 item = (nt_i64)__atomic_fetch_add(task->counter, 1, __ATOMIC_RELAXED);
    if (item >= a->heads * columns * blocks) return;
    nt_i64 head = item / (columns * blocks), row = item % blocks * head_rows;
    head_linear_piece(
      a, task->scratch, head, row, a->rows - row < head_rows ? a->rows - row : head_rows,
      item / blocks % columns * head_columns);
  }
}

void NT_KERNEL(head_linear)(const void *arguments, const nt_task *task) {
  const nt_head_linear_arguments *a = arguments;
  if (a->rows <= 0) return;
  if (a->transposed) head_linear_transposed(a, task);
  else head_linear_panels(a, task);
}
