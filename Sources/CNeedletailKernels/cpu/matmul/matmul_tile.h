// The innermost loops of the matrix product: a tile of 1 ... NT_TILE_ROWS rows by the NT_PANEL columns of one panel,
// over a block of k. Lanes are output columns and x is broadcast, so each output has one accumulator that walks k in
// order: whatever the number of rows, blocks of k or lanes, the bits are the same.
//
// Two families: dot products of bfloat16 pairs (vdpbf16ps, both operands bfloat16), and float32 multiply-add, which
// widens 16-bit weights in registers. The accumulators are loaded from and stored to `sums` [rows][NT_PANEL] in
// float32, which rounds nothing, so k may be cut into blocks freely.
//
// Floor: Zen 5 starts two multiply-adds or two vdpbf16ps a cycle and loads two vectors; with latencies of 4 and 6
// cycles, 12 rows by 2 vectors hide latency and need 14 loads for 24 products. 12 rows rather than the 8 that suffice
// for this: more batches of decoding then read the weight in one pass.
#include "../common/panel.h"

// Rows of a tile (fewer where weights are widened, which takes registers), and vectors of columns it holds at once for
// `rows` rows: what the registers hold (32 of AVX-512 and NEON, 16 of AVX2 and SSE2).
#if defined(NT_AVX512)
#define NT_TILE_ROWS 12
#define NT_WIDENING_TILE_ROWS 8
#define NT_TILE_VECTORS(rows) 2
#elif defined(NT_AVX2)
#define NT_TILE_ROWS 6
#define NT_WIDENING_TILE_ROWS 6
#define NT_TILE_VECTORS(rows) ((rows) <= 2 ? 4 : 2)
#elif defined(NT_NEON)
#define NT_TILE_ROWS 6
#define NT_WIDENING_TILE_ROWS 6
#define NT_TILE_VECTORS(rows) ((rows) <= 2 ? 8 : 4)
#else
#define NT_TILE_ROWS 4
#define NT_WIDENING_TILE_ROWS 4
#define NT_TILE_VECTORS(rows) ((rows) <= 1 ? 8 : 2)
#endif

typedef struct {
  const char *x;
  nt_i64 x_stride;  // bytes from row to row
  const char *w;
  nt_i64 groups;    // of k
  const char *fetch;  // is brought into the cache for later, fetch_step bytes (at most 128) for each group
  nt_i64 fetch_step;
  float *sums;
  int first;        // the sums start at zero
} nt_tile;

typedef void (*nt_tile_function)(const nt_tile *tile);

NT_INLINE void nt_tile_load(nt_vec sum[NT_TILE_ROWS][8], const nt_tile *t, const int rows, const int vectors,
                            int column) {
  _Pragma("unroll") for (int r = 0; r < rows; r++)
    _Pragma("unroll") for (int v = 0; v < vectors; v++)
      sum[r][v] = t->first ? (nt_vec){} : nt_load(t->sums + r * NT_PANEL + column + v * NT_LANES);
}
NT_INLINE void nt_tile_store(nt_vec sum[NT_TILE_ROWS][8], const nt_tile *t, const int rows, const int vectors,
                             int column) {
  _Pragma("unroll") for (int r = 0; r < rows; r++)
    _Pragma("unroll") for (int v = 0; v < vectors; v++)
      nt_store(t->sums + r * NT_PANEL + column + v * NT_LANES, sum[r][v]);
}

#if defined(NT_AVX512BF16)
NT_INLINE void nt_tile_dot(const nt_tile *tile, const int rows) {
  const nt_tile t = *tile;
  const int vectors = NT_PANEL / 16;
  nt_vec sum[NT_TILE_ROWS][8];
  nt_tile_load(sum, &t, rows, vectors, 0);
  const char *w = t.w, *fetch = t.fetch;
  for (nt_i64 k = 0; k < t.groups; k++, w += 4 * NT_PANEL, fetch += t.fetch_step) {
    __m512bh columns[NT_PANEL / 16];
    __builtin_prefetch(fetch, 0, 3);
    __builtin_prefetch(fetch + t.fetch_step / 2, 0, 3);
    _Pragma("unroll") for (int v = 0; v < vectors; v++)
      columns[v] = (__m512bh)_mm512_loadu_si512(w + 64 * v);
    _Pragma("unroll") for (int r = 0; r < rows; r++) {
      int pair;
      memcpy(&pair, t.x + r * t.x_stride + 4 * k, 4);
      _Pragma("unroll") for (int v = 0; v < vectors; v++)
        sum[r][v] = (nt_vec)_mm512_dpbf16_ps((__m512)sum[r][v], columns[v], (__m512bh)_mm512_set1_epi32(pair));
    }
  }
  nt_tile_store(sum, &t, rows, vectors, 0);
}
#endif

// One of the two float32 values that each 32-bit lane of a pair of 16-bit weights holds: that of the lower or higher k.
NT_INLINE nt_vec nt_widen(nt_uvec pairs, const int high, const nt_i32 dtype) {
  if (dtype == NT_BF16) return (nt_vec)(high ? pairs & 0xffff0000u : pairs << 16);
  return nt_from_f16(__builtin_convertvector(high ? pairs >> 16 : pairs & 0xffffu, nt_hvec));
}

NT_INLINE void nt_tile_multiply(const nt_tile *tile, const int rows, const nt_i32 dtype) {
  const nt_tile t = *tile;
  const int vectors = NT_TILE_VECTORS(rows), halves = dtype == NT_F32 ? 1 : 2;
  for (int column = 0; column < NT_PANEL; column += vectors * NT_LANES) {
    nt_vec sum[NT_TILE_ROWS][8];
    nt_tile_load(sum, &t, rows, vectors, column);
    const char *w = t.w + 4 * column, *fetch = t.fetch;
    for (nt_i64 k = 0; k < t.groups; k++, w += 4 * NT_PANEL, fetch += t.fetch_step) {
      __builtin_prefetch(fetch, 0, 3);
      __builtin_prefetch(fetch + t.fetch_step / 2, 0, 3);
      _Pragma("unroll") for (int half = 0; half < halves; half++) {
        // Keeps the compiler from loading all of both halves first, for which there are no registers.
        __asm__ volatile("" ::: "memory");
        nt_vec columns[8];
        _Pragma("unroll") for (int v = 0; v < vectors; v++) {
          nt_uvec bits;
          memcpy(&bits, w + 4 * NT_LANES * v, sizeof(bits));
          columns[v] = dtype == NT_F32 ? (nt_vec)bits : nt_widen(bits, half, dtype);
        }
        _Pragma("unroll") for (int r = 0; r < rows; r++) {
          float x;
          memcpy(&x, t.x + r * t.x_stride + 4 * (halves * k + half), 4);
          _Pragma("unroll") for (int v = 0; v < vectors; v++) sum[r][v] = nt_fma(nt_splat(x), columns[v], sum[r][v]);
        }
      }
    }
    nt_tile_store(sum, &t, rows, vectors, column);
  }
}

#define NT_ROWS_4(DO) DO(1) DO(2) DO(3) DO(4)
#define NT_ROWS_6(DO) NT_ROWS_4(DO) DO(5) DO(6)
#define NT_ROWS_8(DO) NT_ROWS_6(DO) DO(7) DO(8)
#define NT_ROWS_12(DO) NT_ROWS_8(DO) DO(9) DO(10) DO(11) DO(12)
#define NT_FOR_ROWS(DO) NT_JOIN(NT_ROWS_, NT_TILE_ROWS)(DO)
#define NT_FOR_WIDENING_ROWS(DO) NT_JOIN(NT_ROWS_, NT_WIDENING_TILE_ROWS)(DO)

#define NT_F32_TILE(ROWS) \
  static void nt_tile_f32_##ROWS(const nt_tile *t) { nt_tile_multiply(t, ROWS, NT_F32); }
#define NT_WIDENING_TILES(ROWS)                                                              \
  static void nt_tile_bf16_##ROWS(const nt_tile *t) { nt_tile_multiply(t, ROWS, NT_BF16); } \
  static void nt_tile_f16_##ROWS(const nt_tile *t) { nt_tile_multiply(t, ROWS, NT_F16); }
NT_FOR_ROWS(NT_F32_TILE)
NT_FOR_WIDENING_ROWS(NT_WIDENING_TILES)
#if defined(NT_AVX512BF16)
#define NT_DOT_TILE(ROWS) \
  static void nt_tile_dot_##ROWS(const nt_tile *t) { nt_tile_dot(t, ROWS); }
NT_FOR_ROWS(NT_DOT_TILE)
#endif

// The tile functions of a family, for 1 ... rows rows.
typedef struct {
  const nt_tile_function *functions;
  nt_i64 rows;
} nt_tile_family;

static nt_tile_family nt_find_tile_family(nt_i32 w_dtype, int dot) {
#define NT_F32_ENTRY(ROWS) nt_tile_f32_##ROWS,
#define NT_BF16_ENTRY(ROWS) nt_tile_bf16_##ROWS,
#define NT_F16_ENTRY(ROWS) nt_tile_f16_##ROWS,
#define NT_DOT_ENTRY(ROWS) nt_tile_dot_##ROWS,
  static const nt_tile_function f32[] = {NT_FOR_ROWS(NT_F32_ENTRY)};
  static const nt_tile_function bf16[] = {NT_FOR_WIDENING_ROWS(NT_BF16_ENTRY)};
  static const nt_tile_function f16[] = {NT_FOR_WIDENING_ROWS(NT_F16_ENTRY)};
#if defined(NT_AVX512BF16)
  static const nt_tile_function dots[] = {NT_FOR_ROWS(NT_DOT_ENTRY)};
  if (dot) return (nt_tile_family){dots, NT_TILE_ROWS};
#else
  (void)dot;
#endif
  if (w_dtype == NT_F32) return (nt_tile_family){f32, NT_TILE_ROWS};
  return (nt_tile_family){w_dtype == NT_BF16 ? bf16 : f16, NT_WIDENING_TILE_ROWS};
}
