// From the sums of a tile of sm90_experts.cu to rows of the result: weight, bias, gate, rounding, the way to memory.
// A lane's sums are of one column and many rows; they pass through shared memory, so that lines are written whole.
#ifndef NEEDLETAIL_EXPERTS_SM90_COLUMNS_CUH
#define NEEDLETAIL_EXPERTS_SM90_COLUMNS_CUH
#include "common/conversions.cuh"
#include "experts/ending.cuh"
#include "experts/sm90_sums.cuh"

struct nt_columns_writer {
  typedef nt_storage<NT_OUT>::bits bits;
  const nt_grouped_matmul_arguments &a;
  nt_u32 panels;
  int width, turn = 0;

  __device__ __forceinline__ nt_columns_writer(const nt_grouped_matmul_arguments &a, nt_u32 shared, int width)
      : a(a), panels(shared + nt_panels_at + threadIdx.x / 128 * 2 * nt_panel_bytes), width(width) {}

  // The weight of the token of row `row` of a tile.
  __device__ __forceinline__ float weight(const nt_rows_tile &tile, int row) const {
    return NT_WEIGHTED && tile.row + row < tile.end ? a.weights[a.pairs[tile.row + row]] : 0.0f;
  }

  // Four 8 x 8 matrices, transposed; lane l gives the address of row l % 8 of matrix l / 8.
  static __device__ __forceinline__ void store_transposed(nt_u32 address, const nt_u32 (&r)[4]) {
    asm volatile("stmatrix.sync.aligned.m8n8.x4.trans.shared.b16 [%0], {%1, %2, %3, %4};" ::"r"(address), "r"(r[0]),
                 "r"(r[1]), "r"(r[2]), "r"(r[3])
                 : "memory");
  }

  static __device__ __forceinline__ uint4 loaded(nt_u32 address) {
    uint4 words;
    asm volatile("ld.shared.v4.u32 {%0, %1, %2, %3}, [%4];"
                 : "=r"(words.x), "=r"(words.y), "=r"(words.z), "=r"(words.w)
                 : "r"(address)
                 : "memory");
    return words;
  }

  // Writes 64 columns from `column` on of the panel of rows from `first` on; the four warps of a group call it.
  __device__ __forceinline__ void write(
    const float (&values)[nt_panel_rows / 2], const nt_rows_tile &tile, int first, int column) {
    const int warp = threadIdx.x / 32 % 4, lane = threadIdx.x % 32, left = tile.end - tile.row - first;
    bits *out = (bits *)a.out + (tile.row + first) * a.out_stride + column;
    if constexpr (NT_OUT == NT_F32) {
      const int own = warp * 16 + lane / 4;
#pragma unroll
      for (int i = 0; i < nt_panel_rows / 2; i++) {
        const int row = i / 4 * 8 + lane % 4 * 2 + i % 2, to = own + i % 4 / 2 * 8;
        if (row < left && column + to < width) out[row * a.out_stride + to] = bits(nt_from_float<NT_OUT>(values[i]));
      }
    } else {
      const nt_u32 panel = panels + turn * nt_panel_bytes;
      turn ^= 1;
#pragma unroll
      for (int i = 0; i < nt_panel_rows / 2; i += 8) {
        nt_u32 words[4];
#pragma unroll
        for (int j = 0; j < 4; j++) words[j] = nt_pack2<NT_OUT>(values[i + j * 2], values[i + j * 2 + 1]);
        const int row = i * 2 + lane / 16 * 8 + lane % 8, part = warp * 2 + lane / 8 % 2;
        store_transposed(panel + row * 128 + (part ^ row % 8) * 16, words);
      }
      // A place is written again two panels later, when all have passed the next one's barrier.
      nt_named_barrier(1 + threadIdx.x / 128, 128);
      const int part = threadIdx.x % 8;
#pragma unroll
      for (int i = 0; i < nt_panel_rows; i += 16) {
        const int row = i + threadIdx.x % 128 / 8;
        if (row >= left || column + part * 8 >= width) continue;
        *(uint4 *)(out + row * a.out_stride + part * 8) = loaded(panel + row * 128 + (part ^ row % 8) * 16);
      }
    }
  }

  // Ends and writes the sums of a tile.
  __device__ __forceinline__ void finish(const nt_tile_sums &sums, const nt_rows_tile &tile) {
    const int group = threadIdx.x / 128, warp = threadIdx.x / 32 % 4, lane = threadIdx.x % 32;
    const int column = tile.column + group * (nt_is_gated ? 64 : 128);
    float bias[2][2];
#pragma unroll
    for (int m = 0; m < 2; m++)
#pragma unroll
      for (int half = 0; half < 2; half++) {
        const int own = column + (nt_is_gated ? 0 : m * 64) + warp * 16 + lane / 4 + half * 8;
        bias[m][half] = NT_BIAS && own < width ? a.bias[(nt_i64)tile.expert * a.n + own + nt_is_gated * m * width] : 0;
      }
#pragma unroll
    for (int first = 0; first < NT_ROWS; first += nt_panel_rows) {
      if (tile.row + first >= tile.end) break;
      float values[2][nt_panel_rows / 2];
#pragma unroll
      for (int i = 0; i < nt_panel_rows / 2; i++) {
        const int half = i % 4 / 2, at = first / 2 + i;
        const float factor = weight(tile, first + i / 4 * 8 + lane % 4 * 2 + i % 2);
        values[0][i] = nt_weighted(sums[0][at], factor, bias[0][half]);
        values[1][i] = nt_weighted(sums[1][at], factor, bias[1][half]);
        if constexpr (nt_is_gated) values[0][i] = nt_gated<NT_GATE>(a, values[0][i], values[1][i]);
      }
      write(values[0], tile, first, column);
      if constexpr (!nt_is_gated) write(values[1], tile, first, column + 64);
    }
  }
};

#endif
