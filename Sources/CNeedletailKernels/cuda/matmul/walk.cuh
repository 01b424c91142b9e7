// The order in which the blocks of a grid take the tiles of a product.
#ifndef NEEDLETAIL_CUDA_MATMUL_WALK_CUH
#define NEEDLETAIL_CUDA_MATMUL_WALK_CUH
#include "matmul.h"

// Block -> tile: 8 tiles of rows are walked together for each tile of columns, so that the weight is read from memory
// once for them. False where the block has none.
__device__ __forceinline__ bool nt_tile_of_block(nt_i64 rows, int width, int tile_m, int tile_n, int &m, int &n) {
  const int row_tiles = (int)((rows + tile_m - 1) / tile_m), column_tiles = (width + tile_n - 1) / tile_n;
  const int block = blockIdx.x, together = 8 * column_tiles;
  const int first = block / together * 8;
  const int size = row_tiles - first < 8 ? row_tiles - first : 8;
  if (size <= 0) return false;
  m = first + block % together % size;
  n = block % together / size;
  return n < column_tiles;
}

#endif
