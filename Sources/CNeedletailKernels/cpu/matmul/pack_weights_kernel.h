// Packs rows of a row-major weight into panels (matmul.h), converting on the way; included by pack_weights_<isa>.c.
//
// Blocks of NT_LANES rows by NT_LANES groups of 32 bits are transposed in registers. A block reads a cache line (or
// part of one) of each row and writes whole lines, so the cost is one pass over source and panels.
#include "../../include/cpu.h"
#include "../common/panel.h"

// Interleaves a and b: the lower or the upper halves.
NT_INLINE nt_uvec nt_zip(nt_uvec a, nt_uvec b, const int upper) {
#if NT_LANES == 16
  return upper ? __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
               : __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
#elif NT_LANES == 8
  return upper ? __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15)
               : __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
#else
  return upper ? __builtin_shufflevector(a, b, 2, 6, 3, 7) : __builtin_shufflevector(a, b, 0, 4, 1, 5);
#endif
}

// log2(NT_LANES) rounds of interleaving the first half of the vectors with the second are a transposition.
NT_INLINE void transpose(nt_uvec block[NT_LANES]) {
  _Pragma("unroll") for (int round = 1; round < NT_LANES; round *= 2) {
    nt_uvec old[NT_LANES];
    _Pragma("unroll") for (int i = 0; i < NT_LANES; i++) old[i] = block[i];
    _Pragma("unroll") for (int i = 0; i < NT_LANES / 2; i++) {
      block[2 * i] = nt_zip(old[i], old[i + NT_LANES / 2], 0);
      block[2 * i + 1] = nt_zip(old[i], old[i + NT_LANES / 2], 1);
    }
  }
}

// NT_LANES groups of a row from element `index` on, of which `count` elements are there; the others are zero.
NT_INLINE nt_uvec load_groups(const void *source, nt_i64 index, nt_i64 count, const nt_i32 from, const nt_i32 to) {
  const nt_i64 wanted = to == NT_F32 ? NT_LANES : 2 * NT_LANES;
  if (to == NT_F32) {
    return (nt_uvec)(count >= wanted ? nt_load_as(source, index, from) : nt_load_part_as(source, index, count, from));
  }
  nt_uvec groups = {};
  if (from == to) {
    const nt_u16 *p = (const nt_u16 *)source + index;
    memcpy(&groups, p, count >= wanted ? sizeof(groups) : (size_t)count * 2);
    return groups;
  }
  nt_hvec halves[2] = {};
  _Pragma("unroll") for (int i = 0; i < 2; i++) {
    nt_i64 left = count - i * NT_LANES;
    if (left <= 0) break;
    nt_vec a = left >= NT_LANES ? nt_load_as(source, index + i * NT_LANES, from)
                                : nt_load_part_as(source, index + i * NT_LANES, left, from);
    halves[i] = to == NT_BF16 ? nt_to_bf16_exact(a) : nt_to_f16(a);
  }
  memcpy(&groups, halves, sizeof(groups));
  return groups;
}

NT_INLINE void store_lanes(nt_u32 *p, nt_uvec a, const int streaming) {
#if defined(NT_AVX512)
  if (streaming) return _mm512_stream_si512((void *)p, (__m512i)a);
#elif defined(NT_AVX2)
  if (streaming) return _mm256_stream_si256((void *)p, (__m256i)a);
#endif
  (void)streaming;
  memcpy(p, &a, sizeof(a));
}

// A whole panel: `rows` rows, then zeros.
NT_INLINE void pack_panel(nt_u32 *panel, const void *source, nt_i64 rows, nt_i64 k, nt_i64 row_stride,
                          const nt_i32 from, const nt_i32 to) {
  const nt_i64 group = to == NT_F32 ? 1 : 2, step = group * NT_LANES, groups = (k + group - 1) / group;
  const int streaming = (nt_u64)panel % 64 == 0;
  for (nt_i64 start = 0; start < k; start += step, panel += NT_LANES * NT_PANEL) {
    const nt_i64 left = k - start, lines = groups - start / group < NT_LANES ? groups - start / group : NT_LANES;
    for (nt_i64 first = 0; first < NT_PANEL; first += NT_LANES) {
      nt_uvec block[NT_LANES];
      if (left >= step && first + NT_LANES <= rows) {
        const nt_i64 index = first * row_stride + start;
        _Pragma("unroll") for (int i = 0; i < NT_LANES; i++)
          block[i] = load_groups(source, index + i * row_stride, step, from, to);
      } else {
        for (int i = 0; i < NT_LANES; i++)
          block[i] = first + i < rows
                       ? load_groups(source, (first + i) * row_stride + start, left, from, to)
                       : (nt_uvec){};
      }
      transpose(block);
      if (lines == NT_LANES) {
        _Pragma("unroll") for (int i = 0; i < NT_LANES; i++)
          store_lanes(panel + i * NT_PANEL + first, block[i], streaming);
      } else {
        for (nt_i64 i = 0; i < lines; i++) store_lanes(panel + i * NT_PANEL + first, block[i], streaming);
      }
    }
  }
}

// Rows [row, end) of a panel of which other rows belong to somebody else: lane by lane.
NT_INLINE void pack_rows(nt_u32 *panel, const void *source, nt_i64 row, nt_i64 end, nt_i64 k, nt_i64 row_stride,
                         const nt_i32 from, const nt_i32 to) {
  const nt_i64 group = to == NT_F32 ? 1 : 2, groups = (k + group - 1) / group;
  for (nt_i64 r = row; r < end; r++) {
    for (nt_i64 g = 0; g < groups; g += NT_LANES) {
      nt_uvec lanes = load_groups(source, (r - row) * row_stride + g * group, k - g * group, from, to);
      nt_u32 values[NT_LANES];
      memcpy(values, &lanes, sizeof(lanes));
      for (nt_i64 i = 0; i < NT_LANES && g + i < groups; i++) panel[(g + i) * NT_PANEL + r % NT_PANEL] = values[i];
    }
  }
}

NT_INLINE void pack_all(nt_u32 *packed, const char *source, nt_i64 first, nt_i64 count, nt_i64 n, nt_i64 k,
                        nt_i64 row_stride, const nt_i32 from, const nt_i32 to) {
  const nt_i64 group = nt_panel_group(to), panel_lanes = nt_panel_padded_k(k, group) / group * NT_PANEL;
  const nt_i64 row_bytes = nt_dtype_bytes(from) * row_stride, last = first + count;
  for (nt_i64 row = first; row < last;) {
    const nt_i64 start = row / NT_PANEL * NT_PANEL, end = start + NT_PANEL < last ? start + NT_PANEL : last;
    nt_u32 *panel = packed + start / NT_PANEL * panel_lanes;
    const char *rows = source + (row - first) * row_bytes;
    if (row == start && (end == start + NT_PANEL || end == n)) {
      pack_panel(panel, rows, end - row, k, row_stride, from, to);
    } else {
      pack_rows(panel, rows, row, end, k, row_stride, from, to);
      for (nt_i64 r = n; end == n && r < start + NT_PANEL; r++)
        for (nt_i64 i = r - start; i < panel_lanes; i += NT_PANEL) panel[i] = 0;
    }
    row = end;
  }
#if defined(NT_AVX2) || defined(NT_AVX512)
  _mm_sfence();  // streaming stores are seen by other threads in order from here on
#endif
}

void NT_KERNEL(pack_weights)(void *packed, const void *source, nt_i64 first, nt_i64 count, nt_i64 n, nt_i64 k,
                             nt_i64 row_stride, nt_i32 from, nt_i32 to);
void NT_KERNEL(pack_weights)(void *packed, const void *source, nt_i64 first, nt_i64 count, nt_i64 n, nt_i64 k,
                             nt_i64 row_stride, nt_i32 from, nt_i32 to) {
#define NT_PACK(FROM, TO) \
  if (from == FROM && to == TO) return pack_all(packed, source, first, count, n, k, row_stride, FROM, TO);
  NT_PACK(NT_BF16, NT_BF16)
  NT_PACK(NT_F16, NT_F16)
  NT_PACK(NT_F32, NT_F32)
  NT_PACK(NT_F32, NT_BF16)
  NT_PACK(NT_F32, NT_F16)
  NT_PACK(NT_BF16, NT_F32)
  NT_PACK(NT_F16, NT_F32)
  NT_PACK(NT_BF16, NT_F16)
  NT_PACK(NT_F16, NT_BF16)
#undef NT_PACK
}
