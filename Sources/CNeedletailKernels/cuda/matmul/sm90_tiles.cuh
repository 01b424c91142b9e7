// The shapes of sm90_matmul's tiles, and the order in which they are walked.
#ifndef NEEDLETAIL_CUDA_SM90_TILES_CUH
#define NEEDLETAIL_CUDA_SM90_TILES_CUH
#include "matmul/epilogue.cuh"

#ifndef NT_X_ROWS
#define NT_X_ROWS 0
#endif
#ifndef NT_PARTS
#define NT_PARTS 1
#endif

enum {
  CHUNK = NT_IN == NT_F8E4M3 ? 128 : 64,  // columns of k that come at a time: 128 bytes
  TILE_M = NT_TILE_M,
  TILE_N = NT_TILE_N,
  GATED = NT_GATE >= 0,
  TILE_WIDTH = GATED ? TILE_N / 2 : TILE_N,  // columns of out
  M_TILES = TILE_M / 128,                    // tiles of 64 rows of a warpgroup
  SHARED = NT_SHARE == 0 ? 1 : 2,
  CLUSTER = SHARED * NT_SPLIT,
  X_BYTES = TILE_M * 128,
  X_BOX = NT_SHARE != 2 && NT_X_ROWS > 0 && NT_X_ROWS < TILE_M ? NT_X_ROWS : TILE_M,  // rows of x that a tile gets
  W_BYTES = TILE_N * 128,
  STAGE_BYTES = X_BYTES + W_BYTES,
  COPIED_BYTES = X_BOX * 128 + W_BYTES,  // of a stage
  STAGED_BYTES = NT_RESIDUAL || NT_OUT == NT_F32 ? 4 : 2,
  STAGING_BYTES = 8 * NT_PANEL_BYTES(STAGED_BYTES),
};

static_assert(TILE_M % 128 == 0 && TILE_N % 16 == 0, "whole instructions");
static_assert(M_TILES * TILE_N <= 288, "sums in registers");
static_assert(!(GATED && NT_SPLIT * NT_PARTS > 1), "a gate needs whole sums");
static_assert(NT_PARTS == 1 || (NT_SPLIT == 1 && TILE_M == 128), "one way to sum parts, in registers");
static_assert(NT_SPLIT == 1 || TILE_N / 8 % NT_SPLIT == 0, "columns for each part of k");
static_assert(NT_SPLIT == 1 || TILE_M * TILE_N * 4 <= NT_STAGES * STAGE_BYTES, "parts lie where the ring was");

// A tile of out. Boxes that lie partly outside of a matrix come at about two thirds of the rate of others, so the last
// tiles are moved inside where they can be: they hold rows and columns that others write, too.
struct nt_tile {
  int row, column;          // where it starts
  int own_row, own_column;  // from where on it is written
};

// The tiles of a cluster: `unit`s are tiles, or pairs of them that share x or w.
struct nt_tiles {
  int width;          // columns of out
  int rows, columns;  // units along each
  int count, first, step;

  __device__ __forceinline__ nt_tiles(const nt_matmul_arguments &arguments, int cluster, int clusters)
      : width(GATED ? arguments.n / 2 : arguments.n), first(cluster), step(clusters) {
    const nt_i64 unit_rows = TILE_M * (NT_SHARE == 1 ? 2 : 1);
    const int unit_columns = TILE_WIDTH * (NT_SHARE == 2 ? 2 : 1);
    rows = (int)((arguments.rows + unit_rows - 1) / unit_rows);
    columns = (width + unit_columns - 1) / unit_columns;
    count = rows * columns;
  }

  __device__ __forceinline__ nt_tile at(int unit, nt_u32 share) const {
    const int group = unit / (NT_GROUP * columns), rest = unit % (NT_GROUP * columns);
    const int first_row = group * NT_GROUP;
    const int size = rows - first_row < NT_GROUP ? rows - first_row : NT_GROUP;
    int m = first_row + rest % size, n = rest / size;
    if (NT_SHARE == 1) m = m * 2 + (int)share;
    if (NT_SHARE == 2) n = n * 2 + (int)share;
    nt_tile tile = {m * TILE_M, n * TILE_WIDTH, m * TILE_M, n * TILE_WIDTH};
    constexpr int LAST_ROW = NT_X_ROWS > TILE_M ? NT_X_ROWS - TILE_M : 0;
    if (NT_X_ROWS > 0 && tile.row > LAST_ROW) tile.row = LAST_ROW;
    // Columns move by whole 16 bytes of out.
    if (width % 8 == 0 && width >= TILE_WIDTH && tile.column > width - TILE_WIDTH) tile.column = width - TILE_WIDTH;
    return tile;
  }
};

// Brings the residuals of a tile, `width` columns from `column` on, into the second-level cache while it is multiplied;
// by the 256 threads that will read them.
__device__ __forceinline__ void nt_prefetch_residual(
  const nt_matmul_arguments &arguments, const nt_tile &tile, int column, int width
) {
  const int limit = GATED ? arguments.n / 2 : arguments.n;
  const int lines = (width + 31) / 32;
  for (int i = threadIdx.x; i < TILE_M * lines; i += 256) {
    const nt_i64 row = tile.row + i / lines;
    const int first = column + i % lines * 32;
    if (row >= arguments.rows || first >= limit) continue;
    asm volatile("prefetch.global.L2 [%0];" ::"l"(
      (const float *)arguments.residual + row * arguments.out_stride + first));
  }
}

#endif
