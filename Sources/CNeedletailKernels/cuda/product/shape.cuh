// What a product's code is specialised by, and how its work is divided.
//
// The weight is taken as tiles of 16 rows (gated: 8 rows of gates and the 8 rows of values that belong to them, so that
// both meet in one thread).
#ifndef NEEDLETAIL_PRODUCT_SHAPE_CUH
#define NEEDLETAIL_PRODUCT_SHAPE_CUH
#include "product.h"
#include "product/parts.cuh"
#include "product/slices.cuh"

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
// Rows that the code has room for: 8, 16; in wide_product.cu 32, 64.
#ifndef NT_ROWS
#define NT_ROWS 8
#endif
// What k is a multiple of: 32; 8; 1. With 32 and 8 rows of w and of x start at multiples of 16 bytes.
#ifndef NT_COLUMNS
#define NT_COLUMNS 32
#endif
// Blocks of a cluster that share k in wide_product.cu: 4, or 1 before Hopper.
#ifndef NT_CLUSTER
#define NT_CLUSTER 1
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
// the ring, beside the weight's.
enum { NT_KEPT, NT_STREAMED };
#ifndef NT_X_WAY
#define NT_X_WAY 0
#endif
#ifndef NT_X_ROWS
#define NT_X_ROWS NT_ROWS
#endif

// The type that both operands of the matrix instructions have.
constexpr int nt_operand = NT_WEIGHT;
// Tiles of 8 rows of x.
constexpr int nt_row_tiles = NT_ROWS / 8;
// Rows of the result that a tile gives.
constexpr int nt_tile_rows = NT_GATED ? 8 : 16;
// Each lane has 16 bytes of a row's part of a chunk, 4 lanes have all of it.
constexpr int nt_lane_columns = nt_chunk_columns / 4;
// Bytes that a warp brings of the weight for a chunk: 16 for each lane of each piece.
constexpr int nt_weight_bytes = NT_TILES * 2 * 512;

// How often so many tiles at a time go over the weight.
__device__ __forceinline__ int nt_passes(int n, int tiles) {
  return ((NT_GATED ? n / 2 : n) + nt_tile_rows * tiles - 1) / (nt_tile_rows * tiles);
}

#endif
