// The two matrix products of attention over one tile, on a few rows at a time in registers.
//
// A row's sums run over the head's elements (scores) or the tile's positions (values) in ascending order, one
// multiply-add each, whatever the number of rows: a query has the same bits alone and among others.
#ifndef NEEDLETAIL_ATTENTION_PRODUCTS_H
#define NEEDLETAIL_ATTENTION_PRODUCTS_H
#include "../../include/attention.h"
#include "../common/vector.h"

// Rows and vectors of columns held in registers: as many as the machine's registers take.
#define ATTENTION_ROWS 6
#if defined(NT_AVX512) || defined(NT_NEON)
#define ATTENTION_COLUMNS 4
#else
#define ATTENTION_COLUMNS 2
#endif
#define ATTENTION_UNROLL _Pragma("clang loop unroll(full)")

// The cache lines of a tile that is wanted soon. Blocks lie scattered, which the machine cannot foresee; asked for a
// few at a time within the products, their reading overlaps with the arithmetic.
#define ATTENTION_MAX_LINES 2048
typedef struct {
  nt_i64 count;
  nt_i64 next;  // the first not asked for yet
  const char *lines[ATTENTION_MAX_LINES];
} attention_ahead;

NT_INLINE void attention_list_lines(attention_ahead *ahead, const char *from, nt_i64 bytes) {
  nt_i64 lines = (bytes + 63) / 64, room = ATTENTION_MAX_LINES - ahead->count;
  if (lines > room) lines = room;
  for (nt_i64 i = 0; i < lines; i++) ahead->lines[ahead->count + i] = from + i * 64;
  ahead->count += lines;
}

// out[r][c] = sum over i < depth of left[r * left_stride + i] * right[i * right_stride + c], for rows x columns
// vectors. Accumulated onto alpha[r] * out[r][c] where alpha is not null. prefetches: two of the lines ahead are asked
// for with each i.
NT_INLINE void attention_product_tile(
  const int rows, const int columns, float *out, nt_i64 out_stride, const float *left, nt_i64 left_stride,
  const float *right, nt_i64 right_stride, nt_i64 depth, const float *alpha, const int prefetches,
  const char *const *ahead) {
  nt_vec sums[ATTENTION_ROWS][ATTENTION_COLUMNS];
  ATTENTION_UNROLL for (int r = 0; r < rows; r++)
    ATTENTION_UNROLL for (int c = 0; c < columns; c++) sums[r][c] = (nt_vec){};
  for (nt_i64 i = 0; i < depth; i++) {
    if (prefetches) {
      __builtin_prefetch(ahead[2 * i]);
      __builtin_prefetch(ahead[2 * i + 1]);
    }
    nt_vec b[ATTENTION_COLUMNS];
    ATTENTION_UNROLL for (int c = 0; c < columns; c++) b[c] = nt_load(right + i * right_stride + c * NT_LANES);
    ATTENTION_UNROLL for (int r = 0; r < rows; r++) {
      nt_vec x = nt_splat(left[r * left_stride + i]);
      ATTENTION_UNROLL for (int c = 0; c < columns; c++) sums[r][c] = nt_fma(x, b[c], sums[r][c]);
    }
  }
  ATTENTION_UNROLL for (int r = 0; r < rows; r++)
    ATTENTION_UNROLL for (int c = 0; c < columns; c++) {
      float *to = out + r * out_stride + c * NT_LANES;
      nt_store(to, alpha ? nt_fma(nt_load(to), nt_splat(alpha[r]), sums[r][c]) : sums[r][c]);
    }
}

NT_INLINE void attention_product_rows(
  const int rows, float *out, nt_i64 out_stride, const float *left, nt_i64 left_stride, const float *right,
  nt_i64 right_stride, nt_i64 width, nt_i64 depth, const float *alpha, attention_ahead *ahead) {
  nt_i64 c = 0;
  for (; c + ATTENTION_COLUMNS * NT_LANES <= width; c += ATTENTION_COLUMNS * NT_LANES) {
    if (ahead && ahead->next + 2 * depth <= ahead->count) {
      attention_product_tile(
        rows, ATTENTION_COLUMNS, out + c, out_stride, left, left_stride, right + c, right_stride, depth, alpha, 1,
        ahead->lines + ahead->next);
      ahead->next += 2 * depth;
    } else {
      attention_product_tile(
        rows, ATTENTION_COLUMNS, out + c, out_stride, left, left_stride, right + c, right_stride, depth, alpha, 0, 0);
    }
  }
  for (; c < width; c += NT_LANES)
    attention_product_tile(
      rows, 1, out + c, out_stride, left, left_stride, right + c, right_stride, depth, alpha, 0, 0);
}

// The product for any number of rows; width is a multiple of NT_LANES.
static void attention_product(
  nt_i64 rows, float *out, nt_i64 out_stride, const float *left, nt_i64 left_stride, const float *right,
  nt_i64 right_stride, nt_i64 width, nt_i64 depth, const float *alpha, attention_ahead *ahead) {
#define ATTENTION_CASE(count) \
  attention_product_rows( \
    count, out + r * out_stride, out_stride, left + r * left_stride, left_stride, right, right_stride, width, depth, \
    alpha ? alpha + r : 0, ahead)
  nt_i64 r = 0;
  // Seven to eight rows as four and the rest, so that no pass is left with one row only.
  for (; rows - r >= ATTENTION_ROWS; r += rows - r == 7 || rows - r == 8 ? 4 : ATTENTION_ROWS) {
    if (rows - r == 7 || rows - r == 8) ATTENTION_CASE(4);
    else ATTENTION_CASE(ATTENTION_ROWS);
  }
  switch (rows - r) {
    case 1: ATTENTION_CASE(1); break;
    case 2: ATTENTION_CASE(2); break;
    case 3: ATTENTION_CASE(3); break;
    case 4: ATTENTION_CASE(4); break;
    case 5: ATTENTION_CASE(5); break;
    default: break;
  }
#undef ATTENTION_CASE
}

#endif
