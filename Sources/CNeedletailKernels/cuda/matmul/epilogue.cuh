// What stands behind a product: bias, gate, residual, and the way of a warp's sums to memory.
//
// A warp holds 16 rows of sums as matrix instructions leave them: registers 4 j ... 4 j + 3 of a lane are columns
// 8 j + 2 (lane % 4) and the next one of row lane / 4, then of row lane / 4 + 8. They pass through shared memory of the
// warp's own in panels of 128 bytes a row, so that lines of memory are written whole.
#ifndef NEEDLETAIL_CUDA_MATMUL_EPILOGUE_CUH
#define NEEDLETAIL_CUDA_MATMUL_EPILOGUE_CUH
#include "common/activation.cuh"
#include "common/conversions.cuh"
#include "matmul.h"

// Bytes from row to row of a panel, chosen so that no two lanes meet in a bank, and of a warp's panel.
#define NT_PANEL_PITCH(staged_bytes) ((staged_bytes) == 2 ? 144 : 160)
#define NT_PANEL_BYTES(staged_bytes) (16 * NT_PANEL_PITCH(staged_bytes))

// + bias[column], where `columns` of the matrix are left from the warp's first one.
template <int BLOCKS>
__device__ __forceinline__ void nt_add_bias(float (&sums)[BLOCKS * 4], const float *bias, int columns) {
  const int lane = threadIdx.x % 32;
#pragma unroll
  for (int j = 0; j < BLOCKS; j++) {
    const int column = j * 8 + lane % 4 * 2;
    const float first = column < columns ? bias[column] : 0.0f;
    const float second = column + 1 < columns ? bias[column + 1] : 0.0f;
    sums[j * 4] += first;
    sums[j * 4 + 1] += second;
    sums[j * 4 + 2] += first;
    sums[j * 4 + 3] += second;
  }
}

// Writes a warp's sums to rows and columns of out.
template <int OUT, bool RESIDUAL> struct nt_rows_writer {
  typedef typename nt_storage<OUT>::bits Out;
  enum {
    STAGED_BYTES = RESIDUAL ? 4 : (int)sizeof(Out),
    PITCH = NT_PANEL_PITCH(STAGED_BYTES),
    CHUNK = 16 / STAGED_BYTES,        // columns that a lane writes at once
    PANEL_BLOCKS = 16 / STAGED_BYTES  // blocks of 8 columns of a panel
  };

  char *staging;
  Out *out;
  const float *residual;
  nt_i64 stride;
  nt_i64 own_row;  // rows and columns before these are not written
  nt_i64 rows;
  int own_column;
  int width;
  bool aligned;

  __device__ __forceinline__ nt_rows_writer(const nt_matmul_arguments &arguments, char *staging, int width)
      : staging(staging), out((Out *)arguments.out), residual((const float *)arguments.residual),
        stride(arguments.out_stride), own_row(0), rows(arguments.rows), own_column(0), width(width) {
    aligned = ((nt_u64)out | (nt_u64)residual | (nt_u64)(stride * (nt_i64)sizeof(Out))) % 16 == 0;
  }

  // The four residuals of a chunk.
  __device__ __forceinline__ float4 load(nt_i64 row, int column) const {
    float4 value = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
    if (row < own_row || row >= rows || column < own_column || column >= width) return value;
    const float *from = residual + row * stride + column;
    if (aligned && column + 4 <= width) return *(const float4 *)from;
    value.x = from[0];
    if (column + 1 < width) value.y = from[1];
    if (column + 2 < width) value.z = from[2];
    if (column + 3 < width) value.w = from[3];
    return value;
  }

  // Lane and turn -> row and first column of a chunk in a panel of COUNT blocks.
  template <int COUNT> static __device__ __forceinline__ int chunk_row(int turn) {
    return (turn * 32 + (int)(threadIdx.x % 32)) / (COUNT * 8 / CHUNK);
  }
  template <int COUNT> static __device__ __forceinline__ int chunk_column(int turn) {
    return (turn * 32 + (int)(threadIdx.x % 32)) % (COUNT * 8 / CHUNK) * CHUNK;
  }
  template <int COUNT> static constexpr int turns() { return (16 * (COUNT * 8 / CHUNK) + 31) / 32; }

  template <int COUNT>
  __device__ __forceinline__ void load_panel(float4 (&values)[4], nt_i64 row, int column) const {
    if constexpr (RESIDUAL) {
#pragma unroll
      for (int turn = 0; turn < turns<COUNT>(); turn++) {
        const int r = chunk_row<COUNT>(turn);
        if (r < 16) values[turn] = load(row + r, column + chunk_column<COUNT>(turn));
      }
    }
  }

  template <int COUNT>
  __device__ __forceinline__ void write_panel(const float *sums, const float4 (&values)[4], nt_i64 row, int column) {
    const int lane = threadIdx.x % 32;
    char *mine = staging + lane / 4 * PITCH + lane % 4 * 2 * STAGED_BYTES;
#pragma unroll
    for (int j = 0; j < COUNT; j++) {
      if constexpr (STAGED_BYTES == 4) {
        *(float2 *)(mine + j * 32) = make_float2(sums[j * 4], sums[j * 4 + 1]);
        *(float2 *)(mine + j * 32 + 8 * PITCH) = make_float2(sums[j * 4 + 2], sums[j * 4 + 3]);
      } else {
        *(nt_u32 *)(mine + j * 16) = nt_pack2<OUT>(sums[j * 4], sums[j * 4 + 1]);
        *(nt_u32 *)(mine + j * 16 + 8 * PITCH) = nt_pack2<OUT>(sums[j * 4 + 2], sums[j * 4 + 3]);
      }
    }
    __syncwarp();
#pragma unroll
    for (int turn = 0; turn < turns<COUNT>(); turn++) {
      const int r = chunk_row<COUNT>(turn), first = column + chunk_column<COUNT>(turn);
      if (r >= 16 || row + r < own_row || row + r >= rows || first < own_column || first >= width) continue;
      uint4 chunk = *(const uint4 *)(staging + r * PITCH + chunk_column<COUNT>(turn) * STAGED_BYTES);
      Out *to = out + (row + r) * stride + first;
      if constexpr (RESIDUAL) {
        chunk.x = __float_as_uint(__uint_as_float(chunk.x) + values[turn].x);
        chunk.y = __float_as_uint(__uint_as_float(chunk.y) + values[turn].y);
        chunk.z = __float_as_uint(__uint_as_float(chunk.z) + values[turn].z);
        chunk.w = __float_as_uint(__uint_as_float(chunk.w) + values[turn].w);
      }
      store(to, chunk, width - first);
    }
    __syncwarp();
  }

  __device__ __forceinline__ void store(Out *to, uint4 chunk, int columns) const {
    if constexpr (STAGED_BYTES == 4 && sizeof(Out) == 2) {
      const uint2 narrow = make_uint2(
        nt_pack2<OUT>(__uint_as_float(chunk.x), __uint_as_float(chunk.y)),
        nt_pack2<OUT>(__uint_as_float(chunk.z), __uint_as_float(chunk.w)));
      if (aligned && columns >= CHUNK) {
        *(uint2 *)to = narrow;
        return;
      }
      const nt_u32 words[2] = {narrow.x, narrow.y};
#pragma unroll
      for (int i = 0; i < CHUNK; i++) {
        if (i < columns) to[i] = (Out)(words[i / 2] >> i % 2 * 16);
      }
    } else {
      if (aligned && columns >= CHUNK) {
        *(uint4 *)to = chunk;
        return;
      }
      const nt_u32 words[4] = {chunk.x, chunk.y, chunk.z, chunk.w};
#pragma unroll
      for (int i = 0; i < CHUNK; i++) {
        if (i >= columns) continue;
        if constexpr (sizeof(Out) == 4) {
          to[i] = words[i];
        } else {
          to[i] = (Out)(words[i / 2] >> i % 2 * 16);
        }
      }
    }
  }

  // The residuals of 16 rows and BLOCKS x 8 columns, when they are brought before the sums are there.
  template <int BLOCKS> struct Residuals {
    float4 panels[RESIDUAL ? (BLOCKS + PANEL_BLOCKS - 1) / PANEL_BLOCKS : 1][4];
  };

  template <int BLOCKS>
  __device__ __forceinline__ void load(Residuals<BLOCKS> &residuals, nt_i64 row, int column) const {
    constexpr int FULL = BLOCKS / PANEL_BLOCKS, REST = BLOCKS % PANEL_BLOCKS;
    if constexpr (RESIDUAL) {
#pragma unroll
      for (int panel = 0; panel < FULL; panel++) {
        load_panel<PANEL_BLOCKS>(residuals.panels[panel], row, column + panel * PANEL_BLOCKS * 8);
      }
      if constexpr (REST > 0) load_panel<REST>(residuals.panels[FULL], row, column + FULL * PANEL_BLOCKS * 8);
    }
  }

  // 16 rows from `row` on, BLOCKS x 8 columns from `column` on, + residuals that are there.
  template <int BLOCKS>
  __device__ __forceinline__ void write(
    const float (&sums)[BLOCKS * 4], const Residuals<BLOCKS> &residuals, nt_i64 row, int column
  ) {
    constexpr int FULL = BLOCKS / PANEL_BLOCKS, REST = BLOCKS % PANEL_BLOCKS;
    const float4 none[4] = {};
#pragma unroll
    for (int panel = 0; panel < FULL; panel++) {
      write_panel<PANEL_BLOCKS>(
        sums + panel * PANEL_BLOCKS * 4, RESIDUAL ? residuals.panels[panel] : none, row,
        column + panel * PANEL_BLOCKS * 8);
    }
    if constexpr (REST > 0) {
      write_panel<REST>(
        sums + FULL * PANEL_BLOCKS * 4, RESIDUAL ? residuals.panels[FULL] : none, row,
        column + FULL * PANEL_BLOCKS * 8);
    }
  }

  // The same with residuals brought on the way, those of the next panel while one is written.
  template <int BLOCKS>
  __device__ __forceinline__ void write(const float (&sums)[BLOCKS * 4], nt_i64 row, int column) {
    constexpr int FULL = BLOCKS / PANEL_BLOCKS, REST = BLOCKS % PANEL_BLOCKS;
    float4 values[2][4];
    if constexpr (FULL > 0) load_panel<PANEL_BLOCKS>(values[0], row, column);
#pragma unroll
    for (int panel = 0; panel < FULL; panel++) {
      if (panel + 1 < FULL) {
        load_panel<PANEL_BLOCKS>(values[(panel + 1) % 2], row, column + (panel + 1) * PANEL_BLOCKS * 8);
      }
      write_panel<PANEL_BLOCKS>(
        sums + panel * PANEL_BLOCKS * 4, values[panel % 2], row, column + panel * PANEL_BLOCKS * 8);
    }
    if constexpr (REST > 0) {
      constexpr int FIRST = FULL * PANEL_BLOCKS;
      load_panel<REST>(values[0], row, column + FIRST * 8);
      write_panel<REST>(sums + FIRST * 4, values[0], row, column + FIRST * 8);
    }
  }
};

// Bias, gate, residual of a warp's 16 rows of sums, then out. `column` is the first of out's `width` columns that they
// stand for; gated, the first half of the sums are gates, the second half their values, and `gated` makes one of both.
template <int BLOCKS, bool GATED, bool BIAS, class Writer, class Gated>
__device__ __forceinline__ void nt_finish_gated(
  float (&sums)[BLOCKS * 4], Writer &writer, const float *bias, int width, nt_i64 row, int column, Gated gated
) {
  if constexpr (GATED) {
    constexpr int HALF = BLOCKS * 2;
    float values[HALF], gates[HALF];
#pragma unroll
    for (int i = 0; i < HALF; i++) {
      gates[i] = sums[i];
      values[i] = sums[HALF + i];
    }
    if constexpr (BIAS) {
      nt_add_bias<BLOCKS / 2>(gates, bias + column, width - column);
      nt_add_bias<BLOCKS / 2>(values, bias + width + column, width - column);
    }
#pragma unroll
    for (int i = 0; i < HALF; i++) values[i] = gated(gates[i], values[i]);
    writer.template write<BLOCKS / 2>(values, row, column);
  } else {
    if constexpr (BIAS) nt_add_bias<BLOCKS>(sums, bias + column, width - column);
    writer.template write<BLOCKS>(sums, row, column);
  }
}

// The same with an activation of the gate.
template <int BLOCKS, int GATE, bool BIAS, class Writer>
__device__ __forceinline__ void nt_finish(
  float (&sums)[BLOCKS * 4], Writer &writer, const float *bias, int width, nt_i64 row, int column
) {
  nt_finish_gated<BLOCKS, (GATE >= 0), BIAS>(sums, writer, bias, width, row, column, [](float gate, float value) {
    return value * nt_activate<GATE>(gate);
  });
}

#endif
