// The weight: which pieces a lane requests, and the operands it makes of them. Another storage of weights is another one
// of these: columns of a chunk, requests, operands.
//
// Lane 4 g + t has columns 8 t ... 8 t + 7 of each chunk, of rows g and g + 8 of a tile. The matrix instructions multiply
// 16 columns: the first takes elements 0 ... 3 of every lane, the second 4 ... 7, of the weight as of x.
#ifndef NEEDLETAIL_PRODUCT_WEIGHTS_CUH
#define NEEDLETAIL_PRODUCT_WEIGHTS_CUH
#include "common/mma.cuh"
#include "product/pieces.cuh"

struct nt_weight_pieces {
  const nt_product_arguments &a;
  int lane, first, count;
  // Tiles of a pass and the first of them that is this warp's; the next pass is `step` passes on.
  int pass_tiles, warp_tile, step, passes;
  // The next to be requested.
  int pass, chunk = 0;
  const nt_u16 *rows[NT_TILES][2];

  // `count` chunks from `first` on.
  __device__ __forceinline__ nt_weight_pieces(
    const nt_product_arguments &a, int lane, int first, int count, int pass_tiles, int warp_tile, int pass, int step)
      : a(a), lane(lane), first(first), count(count), pass_tiles(pass_tiles), warp_tile(warp_tile), step(step),
        passes(count > 0 ? nt_passes(a.n, pass_tiles) : 0), pass(pass) {
    find_rows();
  }

  // Rows past the weight are its last one.
  __device__ __forceinline__ void find_rows() {
    int all = NT_GATED ? a.n / 2 : a.n;
#pragma unroll
    for (int m = 0; m < NT_TILES; m++)
#pragma unroll
      for (int half = 0; half < 2; half++) {
        nt_i64 tile = (nt_i64)pass * pass_tiles + warp_tile + m;
        nt_i64 row = tile * nt_tile_rows + (lane >> 2) + (NT_GATED ? 0 : half * 8);
        row = min(row, (nt_i64)all - 1) + (NT_GATED && half ? all : 0);
        rows[m][half] = (const nt_u16 *)a.w + row * a.k + (NT_COLUMNS == 1 ? 0 : column());
      }
  }

  __device__ __forceinline__ int column() const {
    return (first + chunk) * nt_chunk_columns + (lane & 3) * nt_lane_columns;
  }

  // Requests the next chunk, if there is one, into this lane's place in a stage.
  __device__ __forceinline__ void request(nt_u32 place) {
    if (pass >= passes) return;
#pragma unroll
    for (int m = 0; m < NT_TILES; m++)
#pragma unroll
      for (int half = 0; half < 2; half++) {
        nt_u32 to = place + (m * 2 + half) * 512;
        if constexpr (NT_COLUMNS == 1) {
          nt_request_piece(to, rows[m][half], column(), a.k);
        } else {
          nt_request_piece(to, rows[m][half], 0, a.k - column());
          rows[m][half] += nt_chunk_columns;
        }
      }
    if (++chunk == count) {
      chunk = 0;
      pass += step;
      find_rows();
    }
  }

  // The operands of tile m for the two instructions of a chunk.
  static __device__ __forceinline__ void operands(nt_u32 (&low)[4], nt_u32 (&high)[4], nt_u32 place, int m) {
    nt_u32 upper[4], lower[4];
    nt_load_piece(upper, place + m * 1024);
    nt_load_piece(lower, place + m * 1024 + 512);
    low[0] = upper[0], low[1] = lower[0], low[2] = upper[1], low[3] = lower[1];
    high[0] = upper[2], high[1] = lower[2], high[2] = upper[3], high[3] = lower[3];
  }
};

#endif
