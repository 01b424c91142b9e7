// Tiles of int8 by int8 with AVX-512's dot products of four bytes (vpdpbusd): lanes are output columns, four
// neighbouring k of x are broadcast. The instruction takes unsigned by signed bytes, so x is given 128 more, and 128
// times the sum of the weights is taken off at the end. Sums are 32-bit whole numbers, in place of the float32 ones.
#if defined(NT_AVX512)
NT_INLINE void nt_tile_int8(const nt_tile *tile, const int rows) {
  const nt_tile t = *tile;
  const int vectors = NT_PANEL / 16;
  __m512i sum[NT_TILE_ROWS][NT_PANEL / 16], weights[NT_PANEL / 16];
  _Pragma("unroll") for (int v = 0; v < vectors; v++) weights[v] = _mm512_setzero_si512();
  _Pragma("unroll") for (int r = 0; r < rows; r++)
    _Pragma("unroll") for (int v = 0; v < vectors; v++)
      sum[r][v] = t.first ? _mm512_setzero_si512() : _mm512_loadu_si512(t.sums + r * NT_PANEL + 16 * v);
  const char *w = t.w, *fetch = t.fetch;
  for (nt_i64 k = 0; k < t.groups; k++, w += 4 * NT_PANEL, fetch += t.fetch_step) {
    __m512i columns[NT_PANEL / 16];
    __builtin_prefetch(fetch, 0, 3);
    __builtin_prefetch(fetch + t.fetch_step / 2, 0, 3);
    _Pragma("unroll") for (int v = 0; v < vectors; v++) {
      columns[v] = _mm512_loadu_si512(w + 64 * v);
      weights[v] = _mm512_dpbusd_epi32(weights[v], _mm512_set1_epi8(1), columns[v]);
    }
    _Pragma("unroll") for (int r = 0; r < rows; r++) {
      nt_u32 four;
      memcpy(&four, t.x + r * t.x_stride + 4 * k, 4);
      const __m512i x = _mm512_set1_epi32((int)(four ^ 0x80808080u));
      _Pragma("unroll") for (int v = 0; v < vectors; v++) sum[r][v] = _mm512_dpbusd_epi32(sum[r][v], x, columns[v]);
    }
  }
  _Pragma("unroll") for (int r = 0; r < rows; r++)
    _Pragma("unroll") for (int v = 0; v < vectors; v++)
      _mm512_storeu_si512(
        t.sums + r * NT_PANEL + 16 * v, _mm512_sub_epi32(sum[r][v], _mm512_slli_epi32(weights[v], 7)));
}

#define NT_INT8_TILE(ROWS) \
  static void nt_tile_int8_##ROWS(const nt_tile *t) { nt_tile_int8(t, ROWS); }
#define NT_INT8_ENTRY(ROWS) nt_tile_int8_##ROWS,
NT_FOR_ROWS(NT_INT8_TILE)
static const nt_tile_function nt_int8_tiles[] = {NT_FOR_ROWS(NT_INT8_ENTRY)};
#endif
