// Codes of weights in the order of the CUDA kernels (nt_cpu_tile_codes): a lane's 16 bytes at a time.
#include <string.h>

#include "../../include/cpu.h"

static nt_u32 word_of_codes(const nt_u8 *row, nt_i64 k, nt_i64 chunk, int t, int i, nt_i32 code) {
  nt_u32 word = 0;
  if (code == NT_I8) {
    for (int j = 0; j < 4; j++) {
      const nt_i64 column = chunk * 64 + i * 16 + (j & 1) * 8 + t * 2 + (j >> 1);
      if (column < k) word |= (nt_u32)row[column] << 8 * j;
    }
    return word;
  }
  for (int p = 0; p < 4; p++) {
    const nt_i64 column = chunk * 128 + i * 32 + (p >> 1) * 16 + (p & 1) * 8 + t * 2;
    if (column >= k) continue;
    const nt_u32 two = row[column / 2];
    word |= (two & 15) << 4 * p | (two >> 4) << (4 * p + 16);
  }
  return word;
}

void nt_cpu_tile_codes(
  void *packed, void *packed_scales, const void *codes, const void *scales, const nt_u8 *zeros, nt_i64 n, nt_i64 k,
  nt_i32 group, nt_i32 code, nt_i32 scale_dtype) {
  const nt_i64 columns = code == NT_I8 ? 64 : 128, chunks = (k + columns - 1) / columns, blocks = (n + 15) / 16 * 2;
  const nt_i64 row_bytes = code == NT_I8 ? k : (k + 1) / 2;
  nt_u32 *words = packed;
  for (nt_i64 block = 0; block < blocks; block++)
    for (nt_i64 chunk = 0; chunk < chunks; chunk++, words += 128)
      for (int lane = 0; lane < 32; lane++) {
        const nt_i64 row = block * 8 + lane / 4;
        const nt_u8 *from = (const nt_u8 *)codes + row * row_bytes;
        for (int i = 0; i < 4; i++)
          words[lane * 4 + i] = row < n ? word_of_codes(from, k, chunk, lane % 4, i, code) : 0;
      }
  if (!packed_scales) return;
  const nt_i64 width = group == 32 || group == 64 ? group : 128, of_group = group ? group : k;
  const nt_i64 groups = (k + of_group - 1) / of_group, words_of_row = chunks * (128 / width);
  const nt_u32 counting = code != NT_U4 ? 0 : scale_dtype == NT_BF16 ? 0xc3000000u : 0xe4000000u;
  nt_u32 *to = packed_scales;
  for (nt_i64 block = 0; block < blocks; block++)
    for (nt_i64 g = 0; g < words_of_row; g++)
      for (nt_i64 row = block * 8; row < block * 8 + 8; row++, to++) {
        const nt_i64 column = g * width, at = row * groups + column / of_group;
        *to = counting;
        if (row >= n || column >= k) continue;
        if (code == NT_F4E2M1) {
          const nt_u32 exponent = ((const nt_u8 *)scales)[at];
          *to = exponent > 0 ? exponent << 7 : 0x40;
        } else {
          *to |= (nt_u32)(zeros ? zeros[at] : 8) << 16 | ((const nt_u16 *)scales)[at];
        }
      }
}
