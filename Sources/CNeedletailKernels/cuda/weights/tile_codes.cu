// Codes of weights from rows to tiles (tile_codes.h). A thread makes a word of codes, or of scales.
#include "common/launch.cuh"
#include "tile_codes.h"

// Lane 4 g + t of a unit of 8 rows has row g; its word i.
__device__ __forceinline__ nt_u32 nt_word_of_codes(const nt_tile_codes_arguments &a, nt_i64 row, nt_i64 chunk, int t, int i) {
  nt_u32 word = 0;
  if (a.code == NT_I8) {
#pragma unroll
    for (int j = 0; j < 4; j++) {
      nt_i64 column = chunk * 64 + i * 16 + (j & 1) * 8 + t * 2 + (j >> 1);
      if (column < a.k) word |= (nt_u32)a.codes[row * a.k + column] << 8 * j;
    }
    return word;
  }
#pragma unroll
  for (int p = 0; p < 4; p++) {
    nt_i64 column = chunk * 128 + i * 32 + (p >> 1) * 16 + (p & 1) * 8 + t * 2;
    if (column >= a.k) continue;
    nt_u32 two = a.codes[row * (a.k / 2) + column / 2];
    word |= (two & 15) << 4 * p | (two >> 4) << (4 * p + 16);
  }
  return word;
}

__device__ __forceinline__ nt_u32 nt_word_of_scale(const nt_tile_codes_arguments &a, nt_i64 row, nt_i64 group_of_tiles) {
  nt_u32 counting = a.code != NT_U4 ? 0 : a.scale_dtype == NT_BF16 ? 0xC3000000u : 0xE4000000u;
  int width = a.group == 32 || a.group == 64 ? a.group : 128;
  nt_i64 column = group_of_tiles * width, of_group = a.group == 0 ? a.k : a.group;
  if (row >= a.n || column >= a.k) return counting;
  nt_i64 groups = (a.k + of_group - 1) / of_group, at = row * groups + column / of_group;
  if (a.code == NT_F4E2M1) {
    nt_u32 exponent = ((const nt_u8 *)a.scales)[at];
    return exponent > 0 ? exponent << 7 : 0x40;
  }
  return counting | (a.zeros ? a.zeros[at] : 8) << 16 | ((const nt_u16 *)a.scales)[at];
}

extern "C" __global__ void __launch_bounds__(256) nt_tile_codes(const __grid_constant__ nt_tile_codes_arguments a) {
  nt_let_successors_start();
  nt_wait_for_predecessors();
  nt_i64 blocks = (a.n + 15) / 16 * 2, columns = a.code == NT_I8 ? 64 : 128, chunks = (a.k + columns - 1) / columns;
  nt_i64 words = blocks * chunks * 128, groups = a.group == 32 ? 4 : a.group == 64 ? 2 : 1;
  nt_i64 scales = a.out_scales ? blocks * chunks * groups * 8 : 0;
  for (nt_i64 i = blockIdx.x * (nt_i64)blockDim.x + threadIdx.x; i < words + scales; i += (nt_i64)gridDim.x * blockDim.x) {
    if (i < words) {
      int in_unit = (int)(i % 128), lane = in_unit / 4;
      nt_i64 unit = i / 128, row = unit / chunks * 8 + lane / 4;
      a.out[i] = row < a.n ? nt_word_of_codes(a, row, unit % chunks, lane % 4, in_unit % 4) : 0;
    } else {
      nt_i64 j = i - words, group = j / 8;
      a.out_scales[j] = nt_word_of_scale(a, group / (chunks * groups) * 8 + j % 8, group % (chunks * groups));
    }
  }
}
