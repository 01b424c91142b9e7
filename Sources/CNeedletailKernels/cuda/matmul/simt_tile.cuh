// A tile of a product in plain float32 arithmetic: see simt_matmul.cu for its shape and definitions.
#ifndef NEEDLETAIL_CUDA_SIMT_TILE_CUH
#define NEEDLETAIL_CUDA_SIMT_TILE_CUH
#include "common/activation.cuh"
#include "common/conversions.cuh"
#include "matmul.h"

enum {
  TILE_M = NT_TILE_M,
  TILE_N = NT_TILE_N,
  ROWS = TILE_M / 16,     // of a thread
  COLUMNS = TILE_N / 16,  // of a thread: groups of 4 neighbours, 64 apart
  HALF = COLUMNS / 2,
  CHUNK = 16,             // of k
  GATED = NT_GATE >= 0,
  TILE_WIDTH = GATED ? TILE_N / 2 : TILE_N,
  X_PITCH = TILE_M + 4,
  W_PITCH = TILE_N + 4,
};

template <int DTYPE> __device__ __forceinline__ float nt_read(const void *memory, nt_i64 index) {
  return nt_to_float<DTYPE>(((const typename nt_storage<DTYPE>::bits *)memory)[index]);
}

// The row of the weight that a column of the tile stands for. With a gate, the first half of each thread's columns are
// gates, the second half their values.
__device__ __forceinline__ nt_i64 nt_weight_row(int column, int tile, int n) {
  if constexpr (!GATED) {
    const nt_i64 row = (nt_i64)tile * TILE_N + column;
    return row < n ? row : -1;
  } else {
    const int thread = column % 64 / 4, own = column % 4 + column / 64 * 4;
    const nt_i64 row = (nt_i64)tile * TILE_WIDTH + thread * HALF + own % HALF;
    return row < n / 2 ? row + (own < HALF ? 0 : n / 2) : -1;
  }
}

// Multiplies a tile and writes `finish(first, second, row, column)` of its sums; `second` is what a gate multiplies.
template <class Finish>
__device__ __forceinline__ void nt_multiply_tile(
  const nt_matmul_arguments &arguments, int tile_m, int tile_n, Finish finish) {
  __shared__ float x_tile[CHUNK][X_PITCH];
  __shared__ float w_tile[CHUNK][W_PITCH];
  const int n = arguments.n, k = arguments.k, width = GATED ? n / 2 : n;
  const nt_i64 first_row = (nt_i64)tile_m * TILE_M;

  // What this thread brings: the same column of a chunk, every 16th row.
  const int own_k = threadIdx.x % CHUNK, own_row = threadIdx.x / CHUNK;
  float x_next[ROWS], w_next[COLUMNS];
  nt_i64 x_from[ROWS], w_from[COLUMNS];
#pragma unroll
  for (int i = 0; i < ROWS; i++) {
    const nt_i64 row = first_row + own_row + i * 16;
    x_from[i] = row < arguments.rows ? row * arguments.x_stride : -1;
  }
#pragma unroll
  for (int i = 0; i < COLUMNS; i++) {
    const nt_i64 row = nt_weight_row(own_row + i * 16, tile_n, n);
    w_from[i] = row >= 0 ? row * k : -1;
  }
  auto bring = [&](int chunk) {
    const int column = chunk * CHUNK + own_k;
#pragma unroll
    for (int i = 0; i < ROWS; i++) {
      x_next[i] = column < k && x_from[i] >= 0 ? nt_read<NT_X>(arguments.x, x_from[i] + column) : 0.0f;
    }
#pragma unroll
    for (int i = 0; i < COLUMNS; i++) {
      w_next[i] = column < k && w_from[i] >= 0 ? nt_read<NT_W>(arguments.w, w_from[i] + column) : 0.0f;
    }
  };

  const int across = threadIdx.x % 16, down = threadIdx.x / 16;
  float sums[ROWS][COLUMNS] = {};
  const int chunks = (k + CHUNK - 1) / CHUNK;
  bring(0);
  for (int chunk = 0; chunk < chunks; chunk++) {
#pragma unroll
    for (int i = 0; i < ROWS; i++) x_tile[own_k][own_row + i * 16] = x_next[i];
#pragma unroll
    for (int i = 0; i < COLUMNS; i++) w_tile[own_k][own_row + i * 16] = w_next[i];
    __syncthreads();
    if (chunk + 1 < chunks) bring(chunk + 1);
    // Past k nothing is added: not even zeros, which would turn -0 into 0.
    const int steps = k - chunk * CHUNK < CHUNK ? k - chunk * CHUNK : CHUNK;
    auto multiply = [&](int step) {
      float a[ROWS], b[COLUMNS];
#pragma unroll
      for (int i = 0; i < ROWS; i++) a[i] = x_tile[step][down + i * 16];
#pragma unroll
      for (int i = 0; i < COLUMNS; i += 4) {
        const float4 four = *(const float4 *)&w_tile[step][across * 4 + i * 16];
        b[i] = four.x, b[i + 1] = four.y, b[i + 2] = four.z, b[i + 3] = four.w;
      }
#pragma unroll
      for (int i = 0; i < ROWS; i++) {
#pragma unroll
        for (int j = 0; j < COLUMNS; j++) sums[i][j] = fmaf(a[i], b[j], sums[i][j]);
      }
    };
    if (steps == CHUNK) {
#pragma unroll
      for (int step = 0; step < CHUNK; step++) multiply(step);
    } else {
      for (int step = 0; step < steps; step++) multiply(step);
    }
    __syncthreads();
  }

  typedef typename nt_storage<NT_OUT>::bits Out;
#pragma unroll
  for (int i = 0; i < ROWS; i++) {
    const nt_i64 row = first_row + down + i * 16;
    if (row >= arguments.rows) continue;
#pragma unroll
    for (int j = 0; j < (GATED ? HALF : COLUMNS); j++) {
      const int own = GATED ? across * HALF + j : across * 4 + j % 4 + j / 4 * 64;
      const int column = tile_n * TILE_WIDTH + own;
      if (column >= width) continue;
      const float value = finish(sums[i][j], GATED ? sums[i][HALF + j] : 0.0f, row, column);
      ((Out *)arguments.out)[row * arguments.out_stride + column] = (Out)nt_from_float<NT_OUT>(value);
    }
  }
}

#endif
