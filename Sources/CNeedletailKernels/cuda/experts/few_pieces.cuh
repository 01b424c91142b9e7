// The pieces of the weights of chosen experts and of the rows of x, as product/weights.cuh and
// product/activations.cuh have them for one matrix. But here each of the two matrix instructions of a chunk multiplies
// 16 neighbouring columns, as sm90_experts.cu does it: a lane brings 16 bytes of a row, and gets others of the rows
// that its warp has brought. Another storage of weights is another nt_few_weights: requests, operands.
#ifndef NEEDLETAIL_EXPERTS_FEW_PIECES_CUH
#define NEEDLETAIL_EXPERTS_FEW_PIECES_CUH
#include "common/mma.cuh"
#include "experts/few_items.cuh"
#include "product/pieces.cuh"

// Rows of the result of an expert, and how many tiles at a time they are.
__device__ __forceinline__ int nt_few_width(const nt_grouped_matmul_arguments &a) { return NT_GATED ? a.n / 2 : a.n; }
__device__ __forceinline__ int nt_few_tiles(const nt_grouped_matmul_arguments &a) {
  return (nt_few_width(a) + nt_tile_rows * NT_TILES - 1) / (nt_tile_rows * NT_TILES);
}

// Where a piece of a row of 8 rows x 32 columns lies: so that pieces of the same columns fall into different banks.
__device__ __forceinline__ int nt_piece_place(int row, int piece) { return row * 64 + (piece ^ (row >> 1 & 3)) * 16; }

// Of a warp's slice of k: `count` chunks from `first` on.
struct nt_few_weights {
  const nt_grouped_matmul_arguments &a;
  nt_few_walk walk;
  int lane, first, count;
  int chunk = 0;
  const nt_u16 *rows[NT_TILES][2];

  __device__ __forceinline__ nt_few_weights(
    const nt_grouped_matmul_arguments &a, const nt_few_walk &walk, int lane, int first, int count)
      : a(a), walk(walk), lane(lane), first(first), count(count) {
    find_rows();
  }

  // Rows past the expert's are its last one.
  __device__ __forceinline__ void find_rows() {
    const int all = nt_few_width(a);
#pragma unroll
    for (int m = 0; m < NT_TILES; m++)
#pragma unroll
      for (int half = 0; half < 2; half++) {
        int row = (walk.tile * NT_TILES + m) * nt_tile_rows + (lane >> 2) + (NT_GATED ? 0 : half * 8);
        row = min(row, all - 1) + (NT_GATED && half ? all : 0);
        rows[m][half] =
          (const nt_u16 *)a.w + ((nt_i64)walk.expert * a.n + row) * a.k + (NT_COLUMNS == 1 ? 0 : column());
      }
  }

  __device__ __forceinline__ int column() const {
    return (first + chunk) * nt_chunk_columns + (lane & 3) * nt_lane_columns;
  }

  // Requests the next chunk, if there is one, into this lane's place in a stage.
  __device__ __forceinline__ void request(nt_u32 place) {
    if (count == 0 || !walk.is_there()) return;
#pragma unroll
    for (int m = 0; m < NT_TILES; m++)
#pragma unroll
      for (int half = 0; half < 2; half++) {
        const nt_u32 to = place + (m * 2 + half) * 512;
        if constexpr (NT_COLUMNS == 1) nt_request_piece(to, rows[m][half], column(), a.k);
        else nt_request_piece(to, rows[m][half] + chunk * nt_chunk_columns, 0, a.k - column());
      }
    if (++chunk == count) {
      chunk = 0;
      walk.next();
      find_rows();
    }
  }

  // The operands of tile m for the two instructions of a chunk.
  static __device__ __forceinline__ void operands(nt_u32 (&low)[4], nt_u32 (&high)[4], nt_u32 stage, int lane, int m) {
    // Upper and lower rows of columns 0 ... 7, then of 8 ... 15.
    const nt_u32 from = stage + m * 1024 + (lane >> 3 & 1) * 512;
    nt_load_matrices(low, from + nt_piece_place(lane & 7, lane >> 4));
    nt_load_matrices(high, from + nt_piece_place(lane & 7, 2 + (lane >> 4)));
  }
};

// A lane's pieces of x: of pair 8 q + lane / 4 of the item the same columns as of the weight.
struct nt_few_x {
  const nt_grouped_matmul_arguments &a;
  nt_few_walk walk;
  int lane, first, count;
  int chunk = 0;
  const nt_u16 *rows[nt_row_tiles];

  __device__ __forceinline__ nt_few_x(
    const nt_grouped_matmul_arguments &a, const nt_few_walk &walk, int lane, int first, int count)
      : a(a), walk(walk), lane(lane), first(first), count(count) {
    find_rows();
  }

  __device__ __forceinline__ void find_rows() {
#pragma unroll
    for (int q = 0; q < nt_row_tiles; q++) {
      const int index = q * 8 + (lane >> 2);
      rows[q] = nullptr;
      if (!walk.is_there() || index >= walk.count) continue;
      const int pair = walk.lists.pairs[walk.first + index];
      rows[q] = (const nt_u16 *)a.x + (nt_i64)(NT_GATHERS ? pair / a.choices : pair) * a.x_stride;
    }
  }

  // Requests the next chunk, if there is one. The sums of pairs that are not there are anything; nobody reads them.
  __device__ __forceinline__ void request(nt_u32 place) {
    if (count == 0 || !walk.is_there()) return;
    const int column = (first + chunk) * nt_chunk_columns + (lane & 3) * nt_lane_columns;
#pragma unroll
    for (int q = 0; q < nt_row_tiles; q++)
      if (rows[q]) nt_request_piece(place + nt_weight_bytes + q * 512, rows[q], column, a.k);
    if (++chunk == count) {
      chunk = 0;
      walk.next();
      find_rows();
    }
  }

  // The operand of 8 pairs for a chunk: two words for each of the two instructions.
  static __device__ __forceinline__ void operand(nt_u32 (&x)[4], nt_u32 stage, int lane, int q) {
    nt_load_matrices(x, stage + nt_weight_bytes + q * 512 + nt_piece_place(lane & 7, lane >> 3));
  }
};

#endif
