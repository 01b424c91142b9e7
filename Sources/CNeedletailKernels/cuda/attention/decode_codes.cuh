// A tile of codes in decode attention: made operands of on the way from shared memory to the tensor cores.
//
// What is loaded as 16-bit elements has two codes in each, so that elements come in another order than those of 16 bits.
// Keys: a lane has codes 4 t ... 4 t + 3 of 16; queries lie in shared memory accordingly (nt_query_place). Values,
// transposed: codes 2 g and 2 g + 1 are rows g and g + 8 of the operand, and so of the sums.
#ifndef NEEDLETAIL_CUDA_DECODE_CODES_CUH
#define NEEDLETAIL_CUDA_DECODE_CODES_CUH
#include "attention/decode_state.cuh"

// Scores [64 positions x heads] of a tile of codes, without their scale.
__device__ __forceinline__ void nt_coded_scores(
  nt_tile_scores &scores, nt_query_operands &queries, const nt_u32 (&addresses)[nt_eights], nt_u32 keys) {
  int lane = threadIdx.x % 32;
#pragma unroll
  for (int step = 0; step < nt_query_steps; step += 2) {
    if (!nt_keeps_queries) queries.load(addresses, step);
    nt_u32 part = keys + nt_tile_place(lane % 16, step + lane / 16);
#pragma unroll
    for (int n = 0; n < nt_sixteens; n++) {
      nt_u32 codes[4];
      nt_load_matrices(codes, part + n * nt_box_bytes);
#pragma unroll
      for (int half = 0; half < 2; half++) {
        if (step + half >= nt_query_steps) break;
        nt_u32 k[4];
        nt_operands_of_codes(k[0], k[2], codes[half * 2]);
        nt_operands_of_codes(k[1], k[3], codes[half * 2 + 1]);
#pragma unroll
        for (int j = 0; j < nt_eights; j++) {
          const nt_u32(&q)[2] = queries.b[nt_keeps_queries ? step + half : half][j];
          nt_mma_16x8x16<nt_cache_operand>(scores[n][j], k, q[0], q[1]);
        }
      }
    }
  }
}

// Multiplies what belongs to each position with its row's scale, or all of it with the layer's.
__device__ __forceinline__ void nt_multiply_rows(nt_tile_scores &scores, const float *scales, float of_all) {
  if constexpr (nt_is_coded) {
#pragma unroll
    for (int n = 0; n < 2 * nt_sixteens; n++) {
      float scale = nt_has_row_scales ? scales[threadIdx.x % 32 / 4 + n * 8] : of_all;
#pragma unroll
      for (int j = 0; j < nt_eights; j++)
#pragma unroll
        for (int i = 0; i < 2; i++) {
          float &score = scores[n / 2][j][n % 2 * 2 + i];
          score *= scale;
        }
    }
  }
}

// The same of exponentials: one that is 0 stays so, whatever the scale of a position that is not there.
__device__ __forceinline__ void nt_multiply_exponentials(nt_tile_scores &scores, const float *scales) {
  if constexpr (nt_has_row_scales) {
#pragma unroll
    for (int n = 0; n < 2 * nt_sixteens; n++) {
      float scale = scales[threadIdx.x % 32 / 4 + n * 8];
#pragma unroll
      for (int j = 0; j < nt_eights; j++)
#pragma unroll
        for (int i = 0; i < 2; i++) {
          float &score = scores[n / 2][j][n % 2 * 2 + i];
          score = score == 0 ? 0 : score * scale;
        }
    }
  }
}

// Adds values [elements x 64 positions] of codes times exponentials [64 positions x heads], which lose their bits.
__device__ __forceinline__ void nt_add_coded_values(
  nt_tile_scores &scores, const float *scales, nt_u32 values, nt_warp_state &state) {
  int lane = threadIdx.x % 32;
  nt_multiply_exponentials(scores, scales);
#pragma unroll
  for (int n = 0; n < nt_sixteens; n++) {
    nt_u32 p[nt_eights][2];
#pragma unroll
    for (int j = 0; j < nt_eights; j++) {
      p[j][0] = nt_transpose_matrix(nt_pack2<nt_cache_operand>(scores[n][j][0], scores[n][j][1]));
      p[j][1] = nt_transpose_matrix(nt_pack2<nt_cache_operand>(scores[n][j][2], scores[n][j][3]));
    }
#pragma unroll
    for (int k = 0; k < nt_value_pairs; k += 2) {
      nt_u32 codes[4];
      nt_load_matrices_transposed(codes, values + nt_tile_place(lane % 16, k + lane / 16) + n * nt_box_bytes);
#pragma unroll
      for (int half = 0; half < 2; half++) {
        if (k + half >= nt_value_pairs) break;
        nt_u32 v[4];
        nt_operands_of_alternate_codes(v[0], v[1], codes[half * 2]);
        nt_operands_of_alternate_codes(v[2], v[3], codes[half * 2 + 1]);
#pragma unroll
        for (int j = 0; j < nt_eights; j++)
          nt_mma_16x8x16<nt_cache_operand>(state.values[k + half][j], v, p[j][0], p[j][1]);
      }
    }
  }
}

#endif
