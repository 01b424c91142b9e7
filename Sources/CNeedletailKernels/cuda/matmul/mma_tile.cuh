// A tile of a product by the matrix instructions of a warp: see mma_matmul.cu for its shape and definitions.
#ifndef NEEDLETAIL_CUDA_MMA_TILE_CUH
#define NEEDLETAIL_CUDA_MMA_TILE_CUH
#include "common/copies.cuh"
#include "common/barriers.cuh"
#include "common/mma.cuh"
#include "matmul/epilogue.cuh"

enum {
  TILE_M = NT_TILE_M,
  TILE_N = 128,
  STAGES = 4,
  GATED = NT_GATE >= 0,
  TILE_WIDTH = GATED ? TILE_N / 2 : TILE_N,
  M_TILES = TILE_M / 32,  // of 16 rows, of a warp
  X_BYTES = TILE_M * 64,
  STAGE_BYTES = X_BYTES + TILE_N * 64,
  STAGED_BYTES = NT_RESIDUAL || NT_OUT == NT_F32 ? 4 : 2,
};
static_assert(8 * NT_PANEL_BYTES(STAGED_BYTES) <= STAGES * STAGE_BYTES, "panels lie where the ring was");

// The place of a row's part of 8 elements in a tile.
__device__ __forceinline__ int nt_place(int row, int part) { return row * 64 + (part ^ (row / 2 % 4)) * 16; }

// The row of the weight that a row of the tile stands for. With a gate, each warp has 16 gates and their 16 values.
__device__ __forceinline__ nt_i64 nt_weight_row(int row, int tile, int n) {
  if constexpr (!GATED) {
    const nt_i64 result = (nt_i64)tile * TILE_N + row;
    return result < n ? result : -1;
  } else {
    const nt_i64 result = (nt_i64)tile * TILE_WIDTH + row / 32 * 16 + row % 16;
    return result < n / 2 ? result + (row % 32 < 16 ? 0 : n / 2) : -1;
  }
}

// Eight elements of a row from a column on, those past k or of a row that is not there as zeros.
__device__ __forceinline__ void nt_bring(nt_u32 to, const nt_u16 *from, nt_i64 row, nt_i64 stride, int column, int k) {
  const int there = row < 0 || column >= k ? 0 : k - column < 8 ? k - column : 8;
  if constexpr (NT_ALIGNED) {
    nt_copy_16(to, there > 0 ? from + row * stride + column : from, there * 2);
  } else {
    nt_u32 words[4] = {};
#pragma unroll
    for (int i = 0; i < 8; i++) {
      if (i < there) words[i / 2] |= (nt_u32)from[row * stride + column + i] << (i % 2 * 16);
    }
    asm volatile("st.shared.v4.b32 [%0], {%1, %2, %3, %4};" ::"r"(to), "r"(words[0]), "r"(words[1]), "r"(words[2]),
                 "r"(words[3])
                 : "memory");
  }
}

// Multiplies a tile; `finish(sums, writer, row, column)` then writes each 16 rows of a warp's sums.
template <class Finish>
__device__ __forceinline__ void nt_multiply_tile(
  const nt_matmul_arguments &arguments, char *dynamic, int tile_m, int tile_n, Finish finish) {
  const nt_u32 memory = nt_shared_address(dynamic);
  const int n = arguments.n, k = arguments.k, width = GATED ? n / 2 : n;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, down = warp / 4, across = warp % 4;

  // What this thread brings of each chunk: a part of every 64th row.
  const int own_part = threadIdx.x % 4, own_row = threadIdx.x / 4;
  nt_i64 x_rows[TILE_M / 64], w_rows[TILE_N / 64];
#pragma unroll
  for (int i = 0; i < TILE_M / 64; i++) {
    const nt_i64 row = (nt_i64)tile_m * TILE_M + own_row + i * 64;
    x_rows[i] = row < arguments.rows ? row : -1;
  }
#pragma unroll
  for (int i = 0; i < TILE_N / 64; i++) w_rows[i] = nt_weight_row(own_row + i * 64, tile_n, n);
  const int chunks = (k + 31) / 32;
  auto bring = [&](int chunk) {
    if (chunk < chunks) {
      const nt_u32 stage = memory + chunk % STAGES * STAGE_BYTES;
      const int column = chunk * 32 + own_part * 8;
#pragma unroll
      for (int i = 0; i < TILE_M / 64; i++) {
        nt_bring(stage + nt_place(own_row + i * 64, own_part), (const nt_u16 *)arguments.x, x_rows[i],
                 arguments.x_stride, column, k);
      }
#pragma unroll
      for (int i = 0; i < TILE_N / 64; i++) {
        nt_bring(stage + X_BYTES + nt_place(own_row + i * 64, own_part), (const nt_u16 *)arguments.w, w_rows[i], k,
                 column, k);
      }
    }
    asm volatile("cp.async.commit_group;" ::: "memory");
  };
  for (int chunk = 0; chunk < STAGES - 1; chunk++) bring(chunk);

  float sums[M_TILES][16] = {};
  for (int chunk = 0; chunk < chunks; chunk++) {
    asm volatile("cp.async.wait_group %0;" ::"n"(STAGES - 2) : "memory");
    __syncthreads();
    bring(chunk + STAGES - 1);
    const nt_u32 x = memory + chunk % STAGES * STAGE_BYTES, w = x + X_BYTES;
#pragma unroll
    for (int half = 0; half < 2; half++) {
      nt_u32 a[M_TILES][4], b[2][4];
#pragma unroll
      for (int i = 0; i < M_TILES; i++) {
        nt_load_matrices(a[i], x + nt_place(down * (TILE_M / 2) + i * 16 + lane % 16, half * 2 + lane / 16));
      }
#pragma unroll
      for (int j = 0; j < 2; j++) {
        nt_load_matrices(b[j], w + nt_place(across * 32 + j * 16 + lane / 16 * 8 + lane % 8, half * 2 + lane / 8 % 2));
      }
#pragma unroll
      for (int i = 0; i < M_TILES; i++) {
#pragma unroll
        for (int j = 0; j < 4; j++) {
          float(&four)[4] = *(float(*)[4])(sums[i] + j * 4);
          nt_mma_16x8x16<NT_IN>(four, a[i], b[j / 2][j % 2 * 2], b[j / 2][j % 2 * 2 + 1]);
        }
      }
    }
  }
  asm volatile("cp.async.wait_group 0;" ::: "memory");
  __syncthreads();

  nt_rows_writer<NT_OUT, NT_RESIDUAL != 0> writer(
    arguments, dynamic + warp * NT_PANEL_BYTES(STAGED_BYTES), width);
  const int column = tile_n * TILE_WIDTH + across * (TILE_WIDTH / 4);
#pragma unroll
  for (int i = 0; i < M_TILES; i++)
    finish(sums[i], writer, (nt_i64)tile_m * TILE_M + down * (TILE_M / 2) + i * 16, column);
}

#endif
