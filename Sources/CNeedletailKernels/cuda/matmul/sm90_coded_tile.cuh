// The tiles of sm90_coded_matmul.cu: how they are walked, where they lie in shared memory, how a warpgroup multiplies them.
#ifndef NEEDLETAIL_CUDA_SM90_CODED_TILE_CUH
#define NEEDLETAIL_CUDA_SM90_CODED_TILE_CUH
#include "common/barriers.cuh"
#include "product/coded_weights.cuh"
#include "product/sm90_register_wgmma.cuh"

// Columns of the result that a tile gives.
constexpr int nt_tile_width = NT_GATED ? 64 : 128;
// Shared memory: the ring of x, [64 columns][row][128 bytes, swizzled]; that of codes, [8 rows] and then their scales; the
// way of the sums out; barriers.
constexpr int nt_x_bytes = NT_TILE_ROWS * 128;
constexpr int nt_codes_bytes = 16 * (512 + nt_groups * 32);
constexpr int nt_codes_at = NT_X_STAGES * nt_x_bytes;
constexpr int nt_staging_at = nt_codes_at + NT_STAGES * nt_codes_bytes;
// A warpgroup's panel: 32 rows of x, its columns of the result and 4 that spread the rows over the banks.
constexpr int nt_panel_pitch = nt_tile_width / 2 + 4;
constexpr int nt_panel_bytes = 32 * nt_panel_pitch * 4;
constexpr int nt_codes_full = nt_staging_at + 2 * nt_panel_bytes;
constexpr int nt_codes_free = nt_codes_full + NT_STAGES * 8;
constexpr int nt_x_full = nt_codes_free + NT_STAGES * 8;
constexpr int nt_x_free = nt_x_full + NT_X_STAGES * 8;

template <int COUNT> struct nt_ring {
  int index = 0;
  nt_u32 parity = 0;
  __device__ __forceinline__ void next() {
    if (++index == COUNT) index = 0, parity ^= 1;
  }
};

// The tiles of a block: NT_WALK tiles of x are walked together for each tile of the weight, so that what they read stays in
// the second-level cache.
struct nt_coded_walk {
  int rows, columns, unit;  // tiles along each
  int row, column;          // where the tile starts

  __device__ __forceinline__ nt_coded_walk(const nt_quantized_product_arguments &a)
      : rows((int)((a.rows + NT_TILE_ROWS - 1) / NT_TILE_ROWS)),
        columns(((NT_GATED ? a.n / 2 : a.n) + nt_tile_width - 1) / nt_tile_width), unit(blockIdx.x) {
    find();
  }
  __device__ __forceinline__ bool is_there() const { return unit < rows * columns; }
  __device__ __forceinline__ void find() {
    int first = unit / (NT_WALK * columns) * NT_WALK, rest = unit % (NT_WALK * columns);
    int size = rows - first < NT_WALK ? rows - first : NT_WALK;
    if (size <= 0) return;
    row = (first + rest % size) * NT_TILE_ROWS;
    column = rest / size * nt_tile_width;
  }
  __device__ __forceinline__ void next() {
    unit += gridDim.x;
    find();
  }
};

// A warp's part of multiplying: 16 rows of the weight with all rows of a tile of x, sums [column of wgmma's result].
struct nt_coded_multiplier {
  nt_u32 shared;
  int chunks, warp, lane;
  nt_ring<NT_STAGES> codes = {};
  nt_ring<NT_X_STAGES> x = {};

  __device__ __forceinline__ void load(nt_coded_operands &operands) const {
    // Blocks of the upper and the lower rows.
    constexpr int other = NT_GATED ? 8 : 1;
    nt_u32 stage = shared + nt_codes_at + codes.index * nt_codes_bytes, block = warp * (NT_GATED ? 1 : 2);
    nt_load_piece(operands.upper, stage + block * 512 + lane * 16);
    nt_load_piece(operands.lower, stage + (block + other) * 512 + lane * 16);
    nt_u32 scales = stage + 16 * 512 + block * nt_groups * 32 + (lane >> 2) * 4;
#pragma unroll
    for (int i = 0; i < nt_groups; i++)
#pragma unroll
      for (int half = 0; half < 2; half++)
        asm volatile("ld.shared.u32 %0, [%1];"
                     : "=r"(operands.scales[i][half])
                     : "r"(scales + (half * other * nt_groups + i) * 32)
                     : "memory");
  }

  __device__ __forceinline__ void release(nt_u32 barrier) const {
    __syncwarp();
    if (lane == 0) nt_barrier_arrive(barrier);
  }

  __device__ __forceinline__ void multiply(float (&sums)[NT_TILE_ROWS / 2]) {
    constexpr int words = 4 / nt_coded_operands::steps_of_word;  // of 64 columns
    int before = -1;
    nt_wgmma_hold(sums);
    for (int chunk = 0; chunk < chunks; chunk++, codes.next()) {
      nt_coded_operands operands;
      nt_barrier_wait(shared + nt_codes_full + codes.index * 8, codes.parity);
      load(operands);
      release(shared + nt_codes_free + codes.index * 8);
#pragma unroll
      for (int part = 0; part < nt_chunk_columns / 64; part++, x.next()) {
        nt_u64 rows = nt_wgmma_tile(shared + x.index * nt_x_bytes);
#pragma unroll
        for (int i = 0; i < words; i++) {
          nt_u32 decoded[nt_coded_operands::steps_of_word][4];
          operands.decode(decoded, part * words + i);
          if (i == 0) nt_barrier_wait(shared + nt_x_full + x.index * 8, x.parity);
          nt_wgmma_fence();
#pragma unroll
          for (int s = 0; s < nt_coded_operands::steps_of_word; s++)
            nt_register_wgmma<NT_TILE_ROWS, nt_operand>::run(
              sums, decoded[s], rows + (i * nt_coded_operands::steps_of_word + s) * 2);
        }
        nt_wgmma_commit();
        nt_wgmma_wait<1>();
        if (before >= 0) release(shared + nt_x_free + before * 8);
        before = x.index;
      }
    }
    nt_wgmma_wait<0>();
    nt_wgmma_hold(sums);
    release(shared + nt_x_free + before * 8);
  }
};

#endif
