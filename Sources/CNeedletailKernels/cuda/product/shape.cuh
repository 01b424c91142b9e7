// What a product's code is specialised by, how its work is divided, and where things lie in shared memory.
//
// A block takes tiles of 16 rows of the weight (gated: 8 rows of gates and the 8 rows of values that belong to them, so
// that both meet in one thread), NT_TILES of them at a time. k is cut into chunks of 32 columns and these into 16 slices,
// one for each warp: what is added up in which order depends on k alone, never on the number of rows.
#ifndef NEEDLETAIL_PRODUCT_SHAPE_CUH
#define NEEDLETAIL_PRODUCT_SHAPE_CUH
#include "product.h"

// Storage of the weight, of x and of out: NT_BF16, NT_F16; also NT_F32 for x and out.
#ifndef NT_WEIGHT
#define NT_WEIGHT NT_BF16
#endif
#ifndef NT_X
#define NT_X NT_WEIGHT
#endif
#ifndef NT_OUT
#define NT_OUT NT_WEIGHT
#endif
// Rows that the code has room for: 8, 16, 32, 64.
#ifndef NT_ROWS
#define NT_ROWS 8
#endif
// 0: none, 1: rms, 2: layer.
#ifndef NT_NORM
#define NT_NORM 0
#endif
#ifndef NT_GATED
#define NT_GATED 0
#endif
#ifndef NT_ACTIVATION
#define NT_ACTIVATION NT_IDENTITY
#endif
#ifndef NT_BIAS
#define NT_BIAS 0
#endif
#ifndef NT_RESIDUAL
#define NT_RESIDUAL 0
#endif
#ifndef NT_GATHER
#define NT_GATHER 0
#endif
// What k is a multiple of: 32; 8; 1. With 32 and 8 rows of w and of x start at multiples of 16 bytes.
#ifndef NT_COLUMNS
#define NT_COLUMNS 32
#endif
// Tiles that a block works on at a time.
#ifndef NT_TILES
#define NT_TILES 1
#endif
// Stages of the ring.
#ifndef NT_STAGES
#define NT_STAGES 10
#endif
// Where x comes from: NT_KEPT: all of it lies in shared memory, for NT_X_ROWS rows; NT_STREAMED: piece by piece through
// the ring, beside the weight's; NT_DIRECT: from memory where it is needed.
enum { NT_KEPT, NT_STREAMED, NT_DIRECT };
#ifndef NT_X_WAY
#define NT_X_WAY 0
#endif
#ifndef NT_X_ROWS
#define NT_X_ROWS NT_ROWS
#endif

// The type that both operands of the matrix instructions have.
constexpr int nt_operand = NT_WEIGHT;
constexpr int nt_warps = 16;
constexpr int nt_threads = nt_warps * 32;
// Tiles of 8 rows of x.
constexpr int nt_row_tiles = NT_ROWS / 8;
// Rows of the result that a tile gives.
constexpr int nt_tile_rows = NT_GATED ? 8 : 16;
// Columns of a chunk: each lane has 16 bytes of a row of the weight, 4 lanes have a row's part.
constexpr int nt_chunk_columns = 32;
constexpr int nt_lane_columns = nt_chunk_columns / 4;

// Bytes of a warp's part of a stage: 16 for each lane of each piece.
constexpr int nt_weight_bytes = NT_TILES * 2 * 512;
constexpr int nt_part_bytes = nt_weight_bytes + (NT_X_WAY == NT_STREAMED ? nt_row_tiles * 512 : 0);
constexpr int nt_stage_bytes = nt_warps * nt_part_bytes;

// Sums of the warps, 8 rows of x x 16 rows of the weight: so many at a time, in two places by turns. The rows of x are 20
// floats apart, so that a warp's stores fall into different banks.
constexpr int nt_units = NT_TILES * nt_row_tiles;
constexpr int nt_round_units = nt_units < 2 ? 1 : 2;
constexpr int nt_unit_pitch = 20;
constexpr int nt_unit_floats = 8 * nt_unit_pitch;
constexpr int nt_round_floats = nt_round_units * nt_warps * nt_unit_floats;

// Offsets in shared memory. What stays of x lies last; its size depends on k.
constexpr int nt_ring_at = 0;
constexpr int nt_sums_at = nt_ring_at + NT_STAGES * nt_stage_bytes;
constexpr int nt_rows_at = nt_sums_at + 2 * nt_round_floats * 4;  // two floats for each of 8 rows
constexpr int nt_kept_at = nt_rows_at + 64;

// Bytes from row to row of x where it stays: the 8 lanes of a quarter of a warp fall into different banks.
__device__ __forceinline__ int nt_kept_pitch(int k) { return (k * 2 + 127) / 128 * 128 + 64; }

// Chunks of k, and the first of a warp's slice.
__device__ __forceinline__ int nt_chunks(int k) { return (k + nt_chunk_columns - 1) / nt_chunk_columns; }
__device__ __forceinline__ int nt_first_chunk(int k, int slice) {
  return (int)((nt_i64)nt_chunks(k) * slice / nt_warps);
}

// Passes of NT_TILES tiles that the weight has.
__device__ __forceinline__ int nt_passes(int n) {
  constexpr int rows = nt_tile_rows * NT_TILES;
  return ((NT_GATED ? n / 2 : n) + rows - 1) / rows;
}

#endif
