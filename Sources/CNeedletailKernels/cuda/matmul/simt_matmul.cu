// matmul.h in plain float32 arithmetic, for any types, shapes and alignments; float32 stays float32.
//
// A block has a tile of TILE_M rows and TILE_N rows of the weight, a thread TILE_M / 16 by TILE_N / 16 of it. k
// ascends by one fused multiplication and addition at a time whatever the tile, so all configurations give the same
// bits.
//
// Definitions: NT_X, NT_W, NT_OUT (types.h), NT_TILE_M, NT_TILE_N (64 or 128), NT_GATE (an activation, or -1),
// NT_BIAS, NT_RESIDUAL (0, 1). Blocks: tiles of rows times tiles of columns of out; 256 threads.
#include "common/activation.cuh"
#include "common/conversions.cuh"
#include "common/launch.cuh"
#include "matmul/walk.cuh"

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

extern "C" __global__ void __launch_bounds__(256) simt_matmul(const __grid_constant__ nt_matmul_arguments arguments) {
  __shared__ float x_tile[CHUNK][X_PITCH];
  __shared__ float w_tile[CHUNK][W_PITCH];
  nt_let_successors_start();
  nt_wait_for_predecessors();
  const int n = arguments.n, k = arguments.k, width = GATED ? n / 2 : n;
  int tile_m, tile_n;
  if (!nt_tile_of_block(arguments.rows, width, TILE_M, TILE_WIDTH, tile_m, tile_n)) return;
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
  const float *bias = (const float *)arguments.bias, *residual = (const float *)arguments.residual;
#pragma unroll
  for (int i = 0; i < ROWS; i++) {
    const nt_i64 row = first_row + down + i * 16;
    if (row >= arguments.rows) continue;
#pragma unroll
    for (int j = 0; j < (GATED ? HALF : COLUMNS); j++) {
      const int own = GATED ? across * HALF + j : across * 4 + j % 4 + j / 4 * 64;
      const int column = tile_n * TILE_WIDTH + own;
      if (column >= width) continue;
      float value = sums[i][j];
      if constexpr (NT_BIAS) value += bias[column];
      if constexpr (GATED) {
        float second = sums[i][HALF + j];
        if constexpr (NT_BIAS) second += bias[width + column];
        value = nt_activate<NT_GATE>(value) * second;
      }
      const nt_i64 at = row * arguments.out_stride + column;
      if constexpr (NT_RESIDUAL) value += residual[at];
      ((Out *)arguments.out)[at] = (Out)nt_from_float<NT_OUT>(value);
    }
  }
}
