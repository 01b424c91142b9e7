// The rows of x as operands: kept in shared memory, or streamed through the ring.
#ifndef NEEDLETAIL_PRODUCT_ACTIVATIONS_CUH
#define NEEDLETAIL_PRODUCT_ACTIVATIONS_CUH
#include "product/layout.cuh"
#include "product/rows.cuh"

// Brings all rows to shared memory as they are; all threads of the block call it. Zeros follow up to whole chunks.
__device__ __forceinline__ void nt_keep_x(nt_u32 shared, const nt_arguments &a) {
  int pitch = nt_kept_pitch(a.k), columns = nt_chunks(a.k) * nt_chunk_columns;
  for (int r = 0; r < (int)a.rows; r++) {
    const nt_x_bits *row = nt_x_row(a, r);
    nt_u32 to = shared + nt_kept_at + r * pitch;
    if constexpr (NT_COLUMNS > 1 && NT_X == nt_operand) {
#pragma unroll 4
      for (int c = threadIdx.x * 8; c < columns; c += nt_threads * 8) {
        uint4 piece = c < a.k ? *(const uint4 *)(row + c) : make_uint4(0, 0, 0, 0);
        if constexpr (NT_CODE == 0) {
          asm volatile("st.shared.v4.u32 [%0], {%1, %2, %3, %4};" ::"r"(to + c * 2), "r"(piece.x), "r"(piece.y),
                       "r"(piece.z), "r"(piece.w)
                       : "memory");
        } else {
          nt_u32 words[4] = {piece.x, piece.y, piece.z, piece.w};
#pragma unroll
          for (int i = 0; i < 4; i++) nt_store_word(to + nt_kept_place(c + i * 2), words[i]);
        }
      }
    } else {
      for (int c = threadIdx.x; c < columns; c += nt_threads) {
        nt_u16 bits = c < a.k ? (nt_u16)nt_from_float<nt_operand>(nt_to_float<NT_X>(row[c])) : 0;
        asm volatile("st.shared.u16 [%0], %1;" ::"r"(to + nt_kept_place(c)), "h"(bits) : "memory");
      }
    }
  }
  __syncthreads();
}

// A lane's pieces of x: of row 8 q + lane / 4 the same columns as of the weight.
struct nt_x_pieces {
  const nt_arguments &a;
  int lane, first, count, passes;
  // The next to be requested.
  int pass, chunk = 0;
  const nt_x_bits *rows[nt_row_tiles];
  nt_u32 kept;
  bool is_there;

  __device__ __forceinline__ nt_x_pieces(
    const nt_arguments &a, nt_u32 shared, int lane, int first, int count)
      : a(a), lane(lane), first(first), count(count),
        passes(count > 0 ? nt_passes(a.n, NT_TILES) : 0), pass((int)blockIdx.x) {
    int g = lane >> 2;
    kept = shared + nt_kept_at + g * nt_kept_pitch(a.k) + (first * nt_chunk_columns + (lane & 3) * nt_lane_columns) * 2;
    is_there = g < (int)a.rows;
    if constexpr (NT_X_WAY != NT_KEPT)
#pragma unroll
      for (int q = 0; q < nt_row_tiles; q++) rows[q] = q * 8 + g < (int)a.rows ? nt_x_row(a, q * 8 + g) : nullptr;
  }

  __device__ __forceinline__ int column(int chunk) const {
    return (first + chunk) * nt_chunk_columns + (lane & 3) * nt_lane_columns;
  }

  // Requests the next chunk, if there is one. The sums of rows that are not there are anything; nobody reads them.
  __device__ __forceinline__ void request(nt_u32 place) {
    if constexpr (NT_X_WAY == NT_STREAMED) {
      if (pass >= passes) return;
#pragma unroll
      for (int q = 0; q < nt_row_tiles; q++)
        if (rows[q]) nt_request_piece(place + nt_weight_bytes + q * 512, (const nt_u16 *)rows[q], column(chunk), a.k);
      if (++chunk == count) chunk = 0, pass += gridDim.x;
    }
  }

  // The operand of 8 rows for a chunk: two words for each of the two instructions.
  __device__ __forceinline__ void operand(nt_u32 (&x)[4], nt_u32 place, int q, int chunk) const {
    if constexpr (NT_X_WAY == NT_KEPT) {
      x[0] = x[1] = x[2] = x[3] = 0;
      if (is_there) nt_load_piece(x, kept + chunk * nt_chunk_columns * 2);
    } else {
      nt_load_piece(x, place + nt_weight_bytes + q * 512);
    }
  }
};

#endif
