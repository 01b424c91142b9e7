// The ring of tiles of keys and values in shared memory: how it lies there and how it is filled.
//
// A tile is 64 positions of one block and kv head; in shared memory it has columns of 128 bytes (64 elements, or 128), each
// [64 positions][128 bytes] with the 16-byte parts of row r permuted by r % 8, so that a warp reads eight rows of one
// part without bank conflicts. Where all of its positions are seen, it is copied by columns, else by boxes of 16
// positions by one column, and only those that hold positions that are seen.
#ifndef NEEDLETAIL_CUDA_DECODE_TILES_CUH
#define NEEDLETAIL_CUDA_DECODE_TILES_CUH
#include "attention/cache_codes.cuh"
#include "attention/decode_work.cuh"
#include "common/barriers.cuh"
#include "common/copies.cuh"

constexpr int nt_column_elements = 128 / nt_cache_bytes;
constexpr int nt_key_columns = (NT_HEAD_DIM + nt_column_elements - 1) / nt_column_elements;
constexpr int nt_value_columns = (NT_VALUE_DIM + nt_column_elements - 1) / nt_column_elements;
constexpr int nt_column_bytes = nt_tile * 128, nt_box_bytes = 16 * 128;
constexpr int nt_key_bytes = nt_key_columns * nt_column_bytes, nt_value_bytes = nt_value_columns * nt_column_bytes;
constexpr int nt_stage_bytes = nt_key_bytes + nt_value_bytes;

// Where the 16-byte part `part` of row `row` is in a tile.
__device__ __forceinline__ nt_u32 nt_tile_place(int row, int part) {
  return part / 8 * nt_column_bytes + row * 128 + ((part ^ row) & 7) * 16;
}

// The boxes of a tile with positions that are seen: first ... end.
struct nt_boxes {
  int first;
  int end;

  __device__ __forceinline__ nt_boxes(const nt_decode_item &item, int tile) {
    int start = tile * nt_tile, behind = item.context - start;
    first = item.first_seen > start ? (item.first_seen - start) / 16 : 0;
    end = behind < nt_tile ? (behind + 15) / 16 : nt_tile / 16;
  }
};

// A place in a ring of `count`; the parity of its barriers changes with every round.
template <int count>
struct nt_place {
  int index = 0;
  nt_u32 parity = 0;

  __device__ __forceinline__ void advance() {
    if (++index == count) {
      index = 0;
      parity ^= 1;
    }
  }
};

#if NT_ARCH >= 900
constexpr int nt_filled_arrivals = 1;

// Starts copying a tile's scales of its keys' or its values' rows, by a warp.
__device__ __forceinline__ void nt_fill_scales(nt_u32 target, const void *scales, nt_u32 filled) {
  if (threadIdx.x % 32 != 0) return;
  asm volatile(
    "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::"r"(target),
    "l"(scales), "n"(nt_tile * 4), "r"(filled)
    : "memory");
}

// Starts the copies of one tile, by a warp: boxes of NT_WHOLE rows of a whole tile, of 16 rows of others. x: element of
// the head, y: position in the block, z: block * kv heads + kv head.
template <int columns>
__device__ __forceinline__ void nt_fill_tile(
  const nt_tensor_map *whole, const nt_tensor_map *part, nt_boxes boxes, nt_i64 z, nt_u32 target, nt_u32 filled) {
  if (threadIdx.x % 32 != 0) return;
  int count = boxes.end - boxes.first;
  nt_barrier_expect(filled, count * columns * nt_box_bytes + (nt_has_row_scales ? nt_tile * 4 : 0));
  if (count == 4) {
#pragma unroll
    for (int i = 0; i < nt_tile / NT_WHOLE * columns; i++) {
      int row = i / columns * NT_WHOLE, column = i % columns;
      nt_copy_box(target + column * nt_column_bytes + row * 128, whole, column * nt_column_elements, row, (nt_i32)z, filled);
    }
  } else {
    for (int row = boxes.first * 16; row < boxes.end * 16; row += 16)
#pragma unroll
      for (int column = 0; column < columns; column++)
        nt_copy_box(target + column * nt_column_bytes + row * 128, part, column * nt_column_elements, row, (nt_i32)z, filled);
  }
}
#else
constexpr int nt_filled_arrivals = 32;

__device__ __forceinline__ void nt_fill_scales(nt_u32 target, const void *scales) {
  int lane = threadIdx.x % 32;
  if (lane < nt_tile / 4) nt_copy_16(target + lane * 16, (const float *)scales + lane * 4, 16);
}

// `width`: bytes of a row.
template <int columns>
__device__ __forceinline__ void nt_fill_tile(
  const nt_u8 *tile, int width, nt_boxes boxes, nt_u32 target, nt_u32 filled) {
  int lane = threadIdx.x % 32;
  for (int i = lane; i < (boxes.end - boxes.first) * 16 * columns * 8; i += 32) {
    int row = boxes.first * 16 + i / (columns * 8), part = i % (columns * 8);
    bool is_there = part * 16 < width;
    nt_copy_16(target + nt_tile_place(row, part), tile + row * width + (is_there ? part * 16 : 0), is_there ? 16 : 0);
  }
  nt_arrive_after_copies(filled);
}
#endif

#endif
