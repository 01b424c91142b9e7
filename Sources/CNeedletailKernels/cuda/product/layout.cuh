// Where things lie in the shared memory of product.cu.
#ifndef NEEDLETAIL_PRODUCT_LAYOUT_CUH
#define NEEDLETAIL_PRODUCT_LAYOUT_CUH
#include "product/shape.cuh"

// A warp for each slice of k.
constexpr int nt_warps = nt_slices;
constexpr int nt_threads = nt_warps * 32;
// Bytes of a warp's part of a stage: the weight, its scales, x.
constexpr int nt_scale_bytes = NT_TILES * 8 * nt_row_scale_bytes;
constexpr int nt_x_tile_bytes = 8 * nt_chunk_columns * 2;
constexpr int nt_part_bytes =
  nt_weight_bytes + nt_scale_bytes + (NT_X_WAY == NT_STREAMED ? nt_row_tiles * nt_x_tile_bytes : 0);
constexpr int nt_stage_bytes = nt_warps * nt_part_bytes;

// Sums of the warps, 8 rows of x x 16 rows of the weight: so many at a time, in two places by turns. The rows of x are 20
// floats apart, so that a warp's stores fall into different banks.
constexpr int nt_units = NT_TILES * nt_row_tiles;
#ifndef NT_ROUND
#define NT_ROUND 2
#endif
constexpr int nt_round_units = nt_units < NT_ROUND ? nt_units : NT_ROUND;
constexpr int nt_unit_pitch = 20;
constexpr int nt_unit_floats = 8 * nt_unit_pitch;
constexpr int nt_round_floats = nt_round_units * nt_warps * nt_unit_floats;

// Offsets. What stays of x lies last; its size depends on k.
constexpr int nt_ring_at = 0;
constexpr int nt_sums_at = nt_ring_at + NT_STAGES * nt_stage_bytes;
constexpr int nt_rows_at = nt_sums_at + 2 * nt_round_floats * 4;  // two floats for each of 8 rows
constexpr int nt_kept_at = nt_rows_at + 64;

// Bytes from row to row of x where it stays: the 8 lanes of a quarter of a warp fall into different banks.
__device__ __forceinline__ int nt_kept_pitch(int k) {
  return (nt_chunks(k) * nt_chunk_columns * 2 + 127) / 128 * 128 + 64;
}

// Where column c of a row of x that stays is. With codes, a lane's four words of two matrix instructions lie together:
// columns 2 t, 2 t + 1 and 2 t + 8, 2 t + 9 of 16 for both.
__device__ __forceinline__ int nt_kept_place(int c) {
  if (NT_CODE == 0) return c * 2;
  return (c & ~31) * 2 + (c >> 1 & 3) * 16 + (c >> 4 & 1) * 8 + (c >> 3 & 1) * 4 + (c & 1) * 2;
}

#endif
