// The rows of x as operands beside a coded weight: kept in shared memory, or streamed through the ring.
#ifndef NEEDLETAIL_PRODUCT_CODED_ACTIVATIONS_CUH
#define NEEDLETAIL_PRODUCT_CODED_ACTIVATIONS_CUH
#include "common/mma.cuh"
#include "product/activations.cuh"

struct nt_coded_x {
  // 16 bytes of a row in a chunk.
  static constexpr int row_pieces = nt_chunk_columns / 8;
  const nt_arguments &a;
  int lane, first, count, passes;
  // The next to be requested.
  int pass, chunk = 0;
  nt_u32 kept;

  __device__ __forceinline__ nt_coded_x(const nt_arguments &a, nt_u32 shared, int lane, int first, int count)
      : a(a), lane(lane), first(first), count(count), passes(count > 0 ? nt_passes(a.n, NT_TILES) : 0),
        pass((int)blockIdx.x) {
    // Rows that are not there are the first one.
    int g = (lane >> 2) < (int)a.rows ? lane >> 2 : 0;
    kept = shared + nt_kept_at + g * nt_kept_pitch(a.k) + first * nt_chunk_columns * 2 + (lane & 3) * 16;
  }

  // Requests the next chunk, if there is one, by the whole warp: row r's 16 bytes p lie at p ^ r. The sums of rows that
  // are not there are anything; nobody reads them.
  __device__ __forceinline__ void request(nt_u32 place) {
    if constexpr (NT_X_WAY == NT_STREAMED) {
      if (pass >= passes) return;
      int column = (first + chunk) * nt_chunk_columns;
#pragma unroll
      for (int q = 0; q < nt_row_tiles; q++)
#pragma unroll
        for (int i = 0; i < 8 * row_pieces; i += 32) {
          int r = (i + lane) / row_pieces, p = lane % row_pieces, row = q * 8 + r;
          if (row < (int)a.rows)
            nt_request_piece(place + q * nt_x_tile_bytes + r * row_pieces * 16 + (p ^ r) * 16,
                             (const nt_u16 *)nt_x_row(a, row), column + p * 8, a.k);
        }
      if (++chunk == count) chunk = 0, pass += gridDim.x;
    }
  }

  // The operand of 8 rows for 32 columns: two words for each of the two instructions.
  __device__ __forceinline__ void operand(nt_u32 (&x)[4], nt_u32 place, int q, int chunk, int i) const {
    if constexpr (NT_X_WAY == NT_KEPT) {
      nt_load_piece(x, kept + (chunk * nt_chunk_columns + i * 32) * 2);
    } else {
      int r = lane & 7, p = i * 4 + (lane >> 3);
      nt_load_matrices(x, place + q * nt_x_tile_bytes + r * row_pieces * 16 + (p ^ r) * 16);
    }
  }
};

#endif
