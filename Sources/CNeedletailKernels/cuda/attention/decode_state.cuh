// What a computing warp of decode attention has in registers.
#ifndef NEEDLETAIL_CUDA_DECODE_STATE_CUH
#define NEEDLETAIL_CUDA_DECODE_STATE_CUH
#include "attention/decode_memory.cuh"
#include "common/mma.cuh"

constexpr int nt_eights = nt_pack_rows > 8 ? 2 : 1;  // of query heads: columns of the operand
// Whether queries stay in registers; else they are loaded for each tile.
constexpr bool nt_keeps_queries = nt_query_steps * nt_eights <= 16;

constexpr int nt_sixteens = nt_tile / 16;  // of a tile's positions: rows of the operand

// A lane's part of a warp's softmax, with g = lane / 4 and t = lane % 4: of heads 8 j + 2 t + i, over positions
// 16 n + g and 16 n + g + 8 of its tiles; of values, elements 16 k + g (c[i]) and 16 k + g + 8 (c[2 + i]).
struct nt_warp_state {
  float m[nt_eights][2];
  float l[nt_eights][2] = {};  // over this lane's positions only
  float values[nt_value_pairs][nt_eights][4] = {};
};
typedef float nt_tile_scores[nt_sixteens][nt_eights][4];

// Operands [16 elements x 8 heads] of two steps, from this lane's address of one row and 8 elements of it.
struct nt_query_operands {
  nt_u32 b[nt_keeps_queries ? nt_query_steps + 1 : 2][nt_eights][2];

  __device__ __forceinline__ void load(const nt_u32 (&addresses)[nt_eights], int step) {
#pragma unroll
    for (int j = 0; j < nt_eights; j++) {
      nt_u32 q[4];
      nt_load_matrices(q, addresses[j] + step * 32);
      int place = nt_keeps_queries ? step : 0;
      b[place][j][0] = q[0], b[place][j][1] = q[1], b[place + 1][j][0] = q[2], b[place + 1][j][1] = q[3];
    }
  }
};

#endif
