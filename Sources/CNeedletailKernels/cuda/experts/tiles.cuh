// The tiles of a product by sorted experts (experts.h): each expert's rows are cut into tiles from its first row on,
// and the tiles of all experts are numbered one after the other. What a launch has to do is found from `starts` on
// the device, so its grid can be the same whatever the tokens choose.
#ifndef NEEDLETAIL_EXPERTS_TILES_CUH
#define NEEDLETAIL_EXPERTS_TILES_CUH
#include "experts.h"

struct nt_expert_tile {
  int expert;
  int row_tile, column_tile;  // of the expert
  int first, end;             // rows of the expert
  int row_tiles;
};

struct nt_expert_tiles {
  const nt_i32 *starts;  // [experts + 1]
  nt_i32 *tiles_before;  // [experts + 1], shared memory: tiles of rows of the experts before
  int experts, columns;  // columns: tiles along the result's width
  int tile_rows;

  // Counts; all threads of the block call it.
  __device__ __forceinline__ void count() const {
    const int lane = threadIdx.x % 32;
    if (threadIdx.x < 32) {
      nt_i32 before = 0;
      for (int base = 0; base < experts; base += 32) {
        const int e = base + lane;
        const nt_i32 own = e < experts ? (starts[e + 1] - starts[e] + tile_rows - 1) / tile_rows : 0;
        nt_i32 sum = own;
#pragma unroll
        for (int distance = 1; distance < 32; distance <<= 1) {
          const nt_i32 other = __shfl_up_sync(0xffffffffu, sum, distance);
          if (lane >= distance) sum += other;
        }
        if (e < experts) tiles_before[e] = before + sum - own;
        before += __shfl_sync(0xffffffffu, sum, 31);
      }
      if (lane == 0) tiles_before[experts] = before;
    }
    __syncthreads();
  }

  __device__ __forceinline__ int total() const { return tiles_before[experts] * columns; }

  // The tile of a number below `total`. For each tile of columns up to `together` tiles of rows follow each other, so
  // that what they read stays in the second-level cache.
  __device__ __forceinline__ nt_expert_tile at(int number, int together) const {
    const int row_tile = number / columns;
    int low = 0, high = experts;  // tiles_before[low] <= row_tile < tiles_before[high]
    while (high - low > 1) {
      const int middle = (low + high) / 2;
      if (tiles_before[middle] <= row_tile) low = middle;
      else high = middle;
    }
    nt_expert_tile tile;
    tile.expert = low;
    tile.first = starts[low];
    tile.end = starts[low + 1];
    tile.row_tiles = tiles_before[low + 1] - tiles_before[low];
    const int local = number - tiles_before[low] * columns;
    const int group = local / (together * columns), rest = local % (together * columns);
    const int left = tile.row_tiles - group * together, size = left < together ? left : together;
    tile.row_tile = group * together + rest % size;
    tile.column_tile = rest / size;
    return tile;
  }
};

#endif
