// The matrix product of matmul.h for one instruction set; included by matmul_<isa>.c after the vectors of that set.
//
// Work is cut into items of rows x panels. Within an item the order is: block of k, panel, tile of rows; the float32
// sums of the whole item stay in the worker's scratch (second-level cache) between blocks of k.
//   Few rows (one tile): an item is one panel over the whole k, each worker has a contiguous run of panels and streams
//     it once, in address order. Floor: the weight's bytes over the memory's read rate.
//   Many rows: x's block [rows, block of k] stays in the second-level cache and is used for all panels of the item; the
//     panel's block stays in the first-level cache for all tiles of rows, each of which fetches its share of the next
//     block. Workers claim items one by one. Floor: operations over the rate of the multiply-add units.
//
// x is read in place: the tile broadcasts single elements (or pairs) of its rows. Only where x is not of the type that
// the tile reads is it first made float32, in the scratch (rows at a distance that is no power of two, since rows 4 KiB
// apart fall into the same few sets of a cache). Rows that do not follow each other (those of an expert) are brought
// together there too.
#include "../../include/cpu.h"
#include "coded_block.h"
#include "matmul_tile.h"
#include "int8_tile.h"

enum {
  block_k = 256,            // a panel's block: 16 KiB of 16-bit weights in the first-level cache
  most_rows = 256,          // of an item
  most_panels = 8,
  copied_bytes = 6 << 20,   // of the scratch, for slabs of x
  stream_ahead = 8192,      // bytes that a stream is fetched ahead
};

// The scratch of a worker.
typedef struct {
  float sums[most_panels * most_rows * NT_PANEL];
  float totals[most_panels * most_rows * NT_PANEL];  // of blocks of k, where their sums are scaled one by one
  char block[block_k * NT_PANEL * 4];                // of codes, decoded
  nt_u32 tails[most_rows][2];  // the last element of each row where it fills half of a group
  char copied[copied_bytes];
} nt_matmul_scratch;
NT_CHECK_SIZE(nt_matmul_scratch, (most_panels * NT_PANEL * 8 + 8) * most_rows + block_k * NT_PANEL * 4 + copied_bytes);
typedef char nt_matmul_scratch_fits[sizeof(nt_matmul_scratch) <= NT_SCRATCH_BYTES ? 1 : -1];

// What becomes of sums of products of codes.
typedef enum {
  sum_plain,   // nothing: decoded weights have their scales
  sum_scaled,  // each column has a factor
  sum_whole,   // likewise, and they are whole numbers
  sum_groups,  // each group of k has its factors
} nt_sum_kind;

typedef struct {
  const nt_matmul_arguments *a;
  nt_tile_family tile;
  nt_matmul_scratch *scratch;
  nt_i64 group;        // elements of k per 32 bits of the panels
  nt_i64 padded_k;
  nt_i64 panel_bytes;
  nt_i64 block;        // of k
  nt_i64 slab;         // of k, for copies of x; 0: x is read in place
  nt_i64 slab_stride;  // bytes from row to row of it
  nt_i64 slab_row, slab_k;  // what is copied now
  nt_i64 slab_head;         // of which head, in products by heads
  nt_i64 first_column;      // columns of the first panel before it are not the product's
  int dot;             // tiles read pairs of bfloat16, else float32
  int is_int8;         // tiles read codes of x
  int reads_copies;    // x is not of the type that tiles read
  int writes;          // items end in `out`; else their sums stay
  float *sums;         // of the item: [panel][row][NT_PANEL]
  const nt_i32 *row_pairs;  // row r of x is row_pairs[r] / choices, or r where this is null
  nt_i32 choices;
  const nt_coded_panels *coding;  // the weight is in codes of this type; null: it is not
  nt_i32 codes;
  nt_decoder decode;
  nt_sum_kind sum_kind;
} nt_matmul_job;

NT_INLINE nt_i64 source_row(const nt_matmul_job *job, nt_i64 row) {
  return job->row_pairs ? job->row_pairs[row] / job->choices : row;
}

// Bytes of an element of x as tiles read it.
NT_INLINE nt_i64 x_bytes(const nt_matmul_job *job) { return job->is_int8 ? 1 : job->dot ? 2 : 4; }

// Copies x[row ..< row + rows, k ..< k + slab] to the scratch as what the tiles read, zeros behind the end of k.
static void copy_rows(nt_matmul_job *job, nt_i64 row, nt_i64 rows, nt_i64 k) {
  const nt_matmul_arguments *a = job->a;
  const nt_i64 count = a->k - k < job->slab ? a->k - k : job->slab;
  for (nt_i64 r = 0; r < rows; r++) {
    float *to = (float *)(job->scratch->copied + r * job->slab_stride);
    nt_i64 from = source_row(job, row + r) * a->x_stride + k, i = 0;
    if (job->dot || job->is_int8) {
      const nt_i64 bytes = x_bytes(job);
      memcpy(to, (const char *)a->x + from * bytes, (size_t)(count * bytes));
      memset((char *)to + count * bytes, 0, (size_t)((job->slab - count) * bytes));
      continue;
    }
    for (; i + NT_LANES <= count; i += NT_LANES) nt_store(to + i, nt_load_as(a->x, from + i, a->x_dtype));
    if (i < count) nt_store_part(to + i, nt_load_part_as(a->x, from + i, count - i, a->x_dtype), count - i);
    if (count < job->slab) memset(to + count, 0, (size_t)(job->slab - count) * 4);
  }
  job->slab_row = row;
  job->slab_k = k;
}

// out = sums + bias + residual for a tile of one panel; columns count from `first` on.
NT_INLINE void finish(const nt_matmul_arguments *a, const float *sums, nt_i64 row, nt_i64 rows, nt_i64 column,
                      nt_i64 first, const nt_i32 out_dtype) {
  const float *bias = a->bias, *residual = a->residual;
  for (nt_i64 r = 0; r < rows; r++) {
    nt_i64 start = (row + r) * a->out_stride - first, from = first > column ? first - column : 0;
    nt_i64 end = a->n - column < NT_PANEL ? a->n - column : NT_PANEL;
    for (nt_i64 c = from; c < end; c += NT_LANES) {
      nt_i64 n = column + c, left = end - c;
      nt_vec sum = nt_load(sums + r * NT_PANEL + c);
      if (left >= NT_LANES) {
        if (bias) sum += nt_load(bias + n);
        if (residual) sum += nt_load(residual + start + n);
        nt_store_as(a->out, start + n, sum, out_dtype);
      } else {
        if (bias) sum += nt_load_part(bias + n, left);
        if (residual) sum += nt_load_part(residual + start + n, left);
        nt_store_part_as(a->out, start + n, sum, left, out_dtype);
      }
    }
  }
}

static void finish_tile(const nt_matmul_job *job, const float *sums, nt_i64 row, nt_i64 rows, nt_i64 column) {
  const nt_matmul_arguments *a = job->a;
  const nt_i64 first = job->first_column;
  switch (a->out_dtype) {
    case NT_BF16: finish(a, sums, row, rows, column, first, NT_BF16); break;
    case NT_F16: finish(a, sums, row, rows, column, first, NT_F16); break;
    default: finish(a, sums, row, rows, column, first, NT_F32); break;
  }
}

// Where the tiles read x[row, k ..< k + count], and the bytes between rows.
static const char *rows_at(nt_matmul_job *job, nt_i64 row, nt_i64 rows, nt_i64 k, nt_i64 *stride) {
  const nt_matmul_arguments *a = job->a;
  if (job->slab > 0) {
    nt_i64 slab_k = k / job->slab * job->slab;
    if (job->slab_row != row || job->slab_k != slab_k) copy_rows(job, row, rows, slab_k);
    *stride = job->slab_stride;
    return job->scratch->copied + x_bytes(job) * (k - slab_k);
  }
  nt_i64 bytes = job->is_int8 ? 1 : nt_dtype_bytes(a->x_dtype);
  const char *x = (const char *)a->x + bytes * (source_row(job, row) * a->x_stride + k);
  *stride = bytes * a->x_stride;
  if (k + job->group <= a->k) return x;
  // Half a group: its other half would lie behind the row's end.
  for (nt_i64 r = 0; r < rows; r++) {
    job->scratch->tails[r][0] = job->scratch->tails[r][1] = 0;
    memcpy(job->scratch->tails[r], x + r * *stride, (size_t)bytes);
  }
  *stride = sizeof(job->scratch->tails[0]);
  return (const char *)job->scratch->tails;
}

#include "coded_item.h"

static void run_item(nt_matmul_job *job, nt_i64 row, nt_i64 rows, nt_i64 panel, nt_i64 panels) {
  const nt_matmul_arguments *a = job->a;
  if (job->coding) {
    run_coded_item(job, row, rows, panel, panels);
    return;
  }
  const char *w = (const char *)a->w + panel * job->panel_bytes;
  const nt_i64 tiles = (rows + job->tile.rows - 1) / job->tile.rows, group_bytes = 4 * NT_PANEL;
  // Whole groups in blocks; in place, half a group at the end is a block of its own.
  const nt_i64 main_k = job->slab > 0 ? job->padded_k : a->k / job->group * job->group;
  for (nt_i64 k = 0; k < job->padded_k;) {
    nt_i64 end = k == main_k ? job->padded_k : k + job->block < main_k ? k + job->block : main_k;
    nt_i64 x_stride, offset = k / job->group * group_bytes, block_bytes = (end - k) / job->group * group_bytes;
    const char *x = rows_at(job, row, rows, k, &x_stride);
    for (nt_i64 p = 0; p < panels; p++) {
      const char *block = w + p * job->panel_bytes + offset;
      const char *next = p + 1 < panels ? block + job->panel_bytes : w + offset + block_bytes;
      nt_tile tile = {
        .x_stride = x_stride, .w = block, .groups = (end - k) / job->group, .first = k == 0,
        .fetch_step = (group_bytes + tiles - 1) / tiles,
      };
      for (nt_i64 t = 0, r = 0; t < tiles; t++) {
        nt_i64 count = (rows - r + tiles - t - 1) / (tiles - t);
        tile.x = x + r * x_stride;
        tile.sums = job->sums + (p * rows + r) * NT_PANEL;
        tile.fetch = tiles == 1 ? block + stream_ahead : next + t * (block_bytes / tiles);
        job->tile.functions[count - 1](&tile);
        if (end == job->padded_k && job->writes) finish_tile(job, tile.sums, row + r, count, (panel + p) * NT_PANEL);
        r += count;
      }
    }
    k = end;
  }
}

NT_INLINE nt_matmul_job begin_matmul(const nt_matmul_arguments *a, const nt_task *task) {
#if defined(NT_AVX512BF16)
  const int dot = a->x_dtype == NT_BF16 && a->w_dtype == NT_BF16;
#else
  const int dot = 0;
#endif
  nt_matmul_job job = {
    .a = a, .tile = nt_find_tile_family(a->w_dtype, dot), .scratch = task->scratch,
    .group = nt_panel_group(a->w_dtype), .block = block_k, .slab_row = -1, .dot = dot,
    .reads_copies = !dot && a->x_dtype != NT_F32, .writes = 1,
  };
  job.sums = job.scratch->sums;
  job.padded_k = nt_panel_padded_k(a->k, job.group);
  job.panel_bytes = job.padded_k / job.group * 4 * NT_PANEL;
  return job;
}

// The same for a weight in codes; `product` is changed to what the tiles compute.
NT_INLINE nt_matmul_job begin_coded_matmul(nt_matmul_arguments *product, const nt_coded_panels *coding,
                                           const nt_task *task) {
  const nt_i32 codes = product->w_dtype, x_dtype = product->x_dtype;
  const nt_i64 per = nt_codes_per_lane(codes), panel_bytes = (product->k + per - 1) / per * 4 * NT_PANEL;
  nt_decoder pairs = x_dtype == NT_BF16 ? find_decoder(codes, coding, 1) : 0;
  product->w_dtype = pairs ? NT_BF16 : NT_F32;
  if (x_dtype == NT_I8) {
    product->x_dtype = NT_F32;
    product->k = (nt_i32)nt_panel_padded_k(product->k, 4);
  }
  nt_matmul_job job = begin_matmul(product, task);
  job.coding = coding;
  job.codes = codes;
  job.decode = pairs ? pairs : find_decoder(codes, coding, 0);
  job.panel_bytes = panel_bytes;
  job.sum_kind = codes == NT_I8         ? (coding->x_scales ? sum_whole : sum_scaled)
                 : codes == NT_F8E4M3   ? (coding->group ? sum_groups : sum_scaled)
                 : coding->row_scales   ? sum_scaled
                                        : sum_plain;
#if defined(NT_AVX512)
  if (x_dtype == NT_I8) {
    job.is_int8 = 1;
    job.group = 4;
    job.tile = (nt_tile_family){nt_int8_tiles, NT_TILE_ROWS};
  }
#endif
  return job;
}

// Items are to copy their rows of x: gives the rows of one. All of k at once, even if the item gets fewer rows for
// it: a
// slab of k is copied again for each item.
NT_INLINE nt_i64 copy_slabs(nt_matmul_job *job, nt_i64 item_rows) {
  const nt_i64 bytes = x_bytes(job);
  while (item_rows > 64 && item_rows * (bytes * job->padded_k + 128) > copied_bytes) item_rows = (item_rows + 1) / 2;
  const nt_i64 room = (copied_bytes / item_rows - 128) / bytes / block_k * block_k;
  job->slab = job->padded_k < room ? job->padded_k : room;
  job->slab_stride = (bytes * job->slab + 63) / 64 * 64;
  if (job->slab_stride % 128 == 0) job->slab_stride += 64;
  return item_rows;
}

// How many rows the items of a product have at most.
NT_INLINE nt_i64 most_item_rows(nt_matmul_job *job, nt_i64 rows) {
  const nt_i64 row_items = (rows + most_rows - 1) / most_rows, item_rows = (rows + row_items - 1) / row_items;
  return job->reads_copies ? copy_slabs(job, item_rows) : item_rows;
}

// How a product is computed, and how many rows its items have at most.
NT_INLINE nt_matmul_job matmul_job(const nt_matmul_arguments *a, const nt_task *task, nt_i64 *most) {
  nt_matmul_job job = begin_matmul(a, task);
  *most = most_item_rows(&job, a->rows);
  return job;
}

static void run_matmul(nt_matmul_job *job, nt_i64 item_rows, const nt_task *task) {
  const nt_matmul_arguments *a = job->a;
  const nt_i64 panels = (a->n + NT_PANEL - 1) / NT_PANEL;
  if (a->rows <= job->tile.rows) {
    if (job->slab == 0 || job->slab == job->padded_k) job->block = job->padded_k;
    nt_i64 first = panels * task->worker / task->workers, end = panels * (task->worker + 1) / task->workers;
    for (nt_i64 p = first; p < end; p++) run_item(job, 0, a->rows, p, 1);
    return;
  }

  // Items as large as they may be, then smaller until each worker has some to choose from.
  nt_i64 item_panels = a->rows > 64 ? most_panels : 1, wanted = 6 * (nt_i64)task->workers;
  nt_i64 row_items, panel_items;
  for (;;) {
    row_items = (a->rows + item_rows - 1) / item_rows;
    panel_items = (panels + item_panels - 1) / item_panels;
    if (task->workers == 1 || row_items * panel_items >= wanted) break;
    if (item_panels > 1) item_panels /= 2;
    else if (item_rows >= 8 * job->tile.rows) item_rows = (item_rows + 1) / 2;
    else break;
  }
  for (;;) {
    nt_i64 item = (nt_i64)__atomic_fetch_add(task->counter, 1, __ATOMIC_RELAXED);
    if (item >= row_items * panel_items) return;
    nt_i64 row = item / panel_items * item_rows, panel = item % panel_items * item_panels;
    run_item(
      job, row, a->rows - row < item_rows ? a->rows - row : item_rows, panel,
      panels - panel < item_panels ? panels - panel : item_panels);
  }
}

void NT_KERNEL(matmul)(const void *arguments, const nt_task *task) {
  const nt_matmul_arguments *a = arguments;
  if (a->rows <= 0 || a->n <= 0) return;
  nt_i64 item_rows;
  nt_matmul_job job = matmul_job(a, task, &item_rows);
  run_matmul(&job, item_rows, task);
}

void NT_KERNEL(coded_matmul)(const void *arguments, const nt_task *task) {
  const nt_coded_matmul_arguments *a = arguments;
  if (a->product.rows <= 0 || a->product.n <= 0) return;
  nt_matmul_arguments product = a->product;
  nt_matmul_job job = begin_coded_matmul(&product, &a->coding, task);
  run_matmul(&job, most_item_rows(&job, product.rows), task);
}
