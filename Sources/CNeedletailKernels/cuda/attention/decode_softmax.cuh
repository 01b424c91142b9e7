// What a computing warp of decode attention does.
#ifndef NEEDLETAIL_CUDA_DECODE_SOFTMAX_CUH
#define NEEDLETAIL_CUDA_DECODE_SOFTMAX_CUH
#include "attention/decode_memory.cuh"
#include "common/mma.cuh"

constexpr bool nt_keeps_queries = NT_HEAD_DIM <= 128;  // in registers; else they are loaded for each tile
constexpr int nt_halves = nt_pack_rows > 8 ? 2 : 1;    // of the operand's 16 rows that are queries

// A lane's part of a warp's softmax: of rows lane / 4 and lane / 4 + 8.
struct nt_warp_state {
  float m[2] = {-nt_infinity(), -nt_infinity()};
  float l[2] = {};  // over this lane's positions only
  float values[2 * nt_value_pairs][4] = {};
};

// Scores [16 rows x 16 positions] of a warp.
__device__ __forceinline__ void nt_scores(
  float (&scores)[2][4], const nt_u32 (&queries)[nt_keeps_queries ? nt_query_steps : 1][4], nt_u32 query_address,
  nt_u32 keys) {
  int lane = threadIdx.x % 32, row = threadIdx.x / 32 * 16 + lane % 8 + lane / 16 * 8;
  float odd[2][4] = {};  // two sums, so that instructions wait less for each other
#pragma unroll
  for (int step = 0; step < nt_query_steps; step++) {
    nt_u32 k[4], q[4];
    nt_load_matrices(k, keys + nt_tile_place(row, step * 2 + lane / 8 % 2));
    if constexpr (nt_keeps_queries) {
#pragma unroll
      for (int i = 0; i < 4; i++) q[i] = queries[step][i];
    } else {
      nt_load_matrices(q, query_address + step * 32);
    }
    nt_mma_16x8x16<NT_CACHE>(step % 2 ? odd[0] : scores[0], q, k[0], k[1]);
    nt_mma_16x8x16<NT_CACHE>(step % 2 ? odd[1] : scores[1], q, k[2], k[3]);
  }
#pragma unroll
  for (int i = 0; i < 8; i++) scores[i / 4][i % 4] += odd[i / 4][i % 4];
}

// Moves the state on by a tile's scores, which become their exponentials.
__device__ __forceinline__ void nt_softmax(
  const nt_decode_attention_arguments &a, const nt_decode_item &item, int position, const float (&slopes)[2],
  float (&scores)[2][4], nt_warp_state &state) {
  int lane = threadIdx.x % 32;
  bool all = position >= item.first_seen && position + 16 <= item.context;
#pragma unroll
  for (int half = 0; half < nt_halves; half++) {
    float highest = state.m[half];
#pragma unroll
    for (int i = 0; i < 4; i++) {
      float &score = scores[i / 2][half * 2 + i % 2];
      int key = position + i / 2 * 8 + lane % 4 * 2 + i % 2;
      bool is_seen = all || (key >= item.first_seen && key < item.context);
      score = nt_score(a, score, key - (item.context - 1), slopes[half], is_seen);
      highest = fmaxf(highest, score);
    }
    highest = fmaxf(highest, __shfl_xor_sync(~0u, highest, 1));
    highest = fmaxf(highest, __shfl_xor_sync(~0u, highest, 2));
    // A warp's part of a tile has at least one position that is seen, so that there is a highest score.
    float factor = nt_exp2(state.m[half] - highest), sum = 0;
    state.m[half] = highest;
#pragma unroll
    for (int i = 0; i < 4; i++) {
      float &score = scores[i / 2][half * 2 + i % 2];
      score = nt_exp2(score - highest);
      sum += score;
    }
    state.l[half] = fmaf(state.l[half], factor, sum);
#pragma unroll
    for (int i = 0; i < 2 * nt_value_pairs; i++) {
      state.values[i][half * 2] *= factor;
      state.values[i][half * 2 + 1] *= factor;
    }
  }
}

__device__ __forceinline__ void nt_add_values(const float (&scores)[2][4], nt_u32 values, nt_warp_state &state) {
  int lane = threadIdx.x % 32, row = threadIdx.x / 32 * 16 + lane % 16;
  nt_u32 p[4];
#pragma unroll
  for (int i = 0; i < 4; i++)
    p[i] = i % 2 < nt_halves ? nt_pack2<NT_CACHE>(scores[i / 2][i % 2 * 2], scores[i / 2][i % 2 * 2 + 1]) : 0;
#pragma unroll
  for (int pair = 0; pair < nt_value_pairs; pair++) {
    nt_u32 v[4];
    nt_load_matrices_transposed(v, values + nt_tile_place(row, pair * 2 + lane / 16));
    nt_mma_16x8x16<NT_CACHE>(state.values[2 * pair], p, v[0], v[1]);
    nt_mma_16x8x16<NT_CACHE>(state.values[2 * pair + 1], p, v[2], v[3]);
  }
}

// Puts the new token's row into a tile, which the copies have brought as it was before, and, for values, zeros into the
// rows behind it up to the warp's last: whatever is there, times 0, must be 0.
template <int size, bool clears>
__device__ __forceinline__ void nt_put_row(unsigned char *tile, const nt_cache_bits *from, int row) {
  int lane = threadIdx.x % 32;
  if (lane < size / 8) *(uint4 *)(tile + nt_tile_place(row, lane)) = ((const uint4 *)from)[lane];
  if (!clears) return;
  constexpr int parts = (size + 63) / 64 * 8;
  for (int i = (row + 1) * parts + lane; i < (row / 16 * 16 + 16) * parts; i += 32)
    *(uint4 *)(tile + nt_tile_place(i / parts, i % parts)) = make_uint4(0, 0, 0, 0);
}

// The warp's state to where all warps' are merged.
__device__ __forceinline__ void nt_put_state(const nt_warp_state &state, nt_merge_memory &memory) {
  int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
#pragma unroll
  for (int half = 0; half < nt_halves; half++) {
    int row = lane / 4 + half * 8;
    float l = state.l[half];
    l += __shfl_xor_sync(~0u, l, 1);
    l += __shfl_xor_sync(~0u, l, 2);
    if (row >= nt_pack_rows) continue;
    if (lane % 4 == 0) memory.states[warp][row] = make_float2(state.m[half], l);
#pragma unroll
    for (int i = 0; i < 2 * nt_value_pairs; i++)
      *(float2 *)&memory.values[warp][row][i * 8 + lane % 4 * 2] =
        make_float2(state.values[i][half * 2], state.values[i][half * 2 + 1]);
  }
}

__device__ __forceinline__ void nt_consume(
  const nt_decode_attention_arguments &a, nt_decode_memory &memory, const nt_decode_barriers &barriers) {
  int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  nt_u32 query_address =
    nt_shared_address(memory.queries + lane % 16 * nt_query_pitch + lane / 16 * 8);
  nt_stage stage;
  for (nt_u32 taken = 0;; taken++) {
    nt_decode_item item = barriers.next(memory, taken);
    if (item.sequence < 0) return;
    nt_load_new_token<nt_merge_threads, nt_query_pitch>(a, item, memory.queries, memory.key, memory.value);
    float slopes[2] = {};
    if (NT_SLOPES)
      for (int half = 0; half < nt_halves; half++) {
        int row = lane / 4 + half * 8;
        if (row < item.rows()) slopes[half] = a.alibi_slopes[item.first_head() + row];
      }
    nt_named_barrier(1, nt_merge_threads);
    nt_u32 queries[nt_keeps_queries ? nt_query_steps : 1][4];
    if constexpr (nt_keeps_queries) {
#pragma unroll
      for (int step = 0; step < nt_query_steps; step++) nt_load_matrices(queries[step], query_address + step * 32);
    }

    nt_warp_state state;
    for (int tile = item.tile; tile < item.end_tile; tile++) {
      unsigned char *keys = memory.ring[stage.index], *values = keys + nt_key_bytes;
      int position = tile * nt_tile + warp * 16, new_row = item.context - 1 - tile * nt_tile;
      bool sees = position < item.context && position + 16 > item.first_seen;
      bool has_new = new_row / 16 == warp && new_row < nt_tile;
      float scores[2][4] = {};
      nt_barrier_wait(barriers.keys_there(stage.index), stage.parity);
      if (sees) {
        if (has_new) {
          nt_put_row<NT_HEAD_DIM, false>(keys, memory.key, new_row);
          nt_fence_async_shared();
          __syncwarp();
        }
        nt_scores(scores, queries, query_address, nt_shared_address(keys));
      }
      barriers.release(barriers.keys_free(stage.index));
      if (sees) nt_softmax(a, item, position, slopes, scores, state);
      nt_barrier_wait(barriers.values_there(stage.index), stage.parity);
      if (sees) {
        if (has_new) {
          nt_put_row<NT_VALUE_DIM, true>(values, memory.value, new_row);
          nt_fence_async_shared();
          __syncwarp();
        }
        nt_add_values(scores, nt_shared_address(values), state);
      }
      barriers.release(barriers.values_free(stage.index));
      stage.advance();
    }
    nt_put_state(state, memory.merge);
    nt_merge(a, item, memory.merge);
  }
}

#endif
