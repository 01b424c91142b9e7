// Packing of weights into panels: the entry points, for the widest instruction set of the machine.
#include <string.h>

#include "../../include/cpu.h"
#include "../common/panel.h"

typedef void pack_function(
  void *packed, const void *source, nt_i64 first, nt_i64 count, nt_i64 n, nt_i64 k, nt_i64 row_stride, nt_i32 from,
  nt_i32 to);
pack_function nt_pack_weights_plain, nt_pack_weights_neon, nt_pack_weights_avx2, nt_pack_weights_avx512;

nt_u64 nt_cpu_packed_bytes(nt_i64 n, nt_i64 k, nt_i32 dtype) {
  nt_i64 group = nt_panel_group(dtype);
  return (nt_u64)((n + NT_PANEL - 1) / NT_PANEL * NT_PANEL * (nt_panel_padded_k(k, group) / group * 4));
}

void nt_cpu_pack_weights(
  void *packed, const void *source, nt_i64 first, nt_i64 count, nt_i64 n, nt_i64 k, nt_i64 row_stride,
  nt_i32 source_dtype, nt_i32 dtype) {
#if defined(__x86_64__)
  pack_function *pack = nt_cpu_has_isa(NT_ISA_AVX512) ? nt_pack_weights_avx512
                        : nt_cpu_has_isa(NT_ISA_AVX2) ? nt_pack_weights_avx2
                                                      : nt_pack_weights_plain;
#elif defined(__aarch64__)
  pack_function *pack = nt_pack_weights_neon;
#else
  pack_function *pack = nt_pack_weights_plain;
#endif
  pack(packed, source, first, count, n, k, row_stride, source_dtype, dtype);
}

void nt_cpu_pack_columns(
  void *packed, const void *source, nt_i64 first, nt_i64 count, nt_i64 n, nt_i64 columns, nt_i64 element_bytes) {
  char *to = packed;
  const char *from = source;
  for (nt_i64 row = first; row < first + count; row++) {
    char *panel = to + (row / NT_PANEL * columns * NT_PANEL + row % NT_PANEL) * element_bytes;
    for (nt_i64 c = 0; c < columns; c++)
      memcpy(panel + c * NT_PANEL * element_bytes, from + ((row - first) * columns + c) * element_bytes,
             (size_t)element_bytes);
  }
  if (first + count < n) return;
  for (nt_i64 row = n; row % NT_PANEL != 0; row++) {
    char *panel = to + (row / NT_PANEL * columns * NT_PANEL + row % NT_PANEL) * element_bytes;
    for (nt_i64 c = 0; c < columns; c++) memset(panel + c * NT_PANEL * element_bytes, 0, (size_t)element_bytes);
  }
}
