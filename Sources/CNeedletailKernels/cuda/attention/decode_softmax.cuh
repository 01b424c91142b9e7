// What a computing warp of decode attention does.
#ifndef NEEDLETAIL_CUDA_DECODE_SOFTMAX_CUH
#define NEEDLETAIL_CUDA_DECODE_SOFTMAX_CUH
#include "attention/decode_codes.cuh"

// Scores [64 positions x heads] of a tile: the keys are the operand with 16 rows.
__device__ __forceinline__ void nt_scores(
  nt_tile_scores &scores, nt_query_operands &queries, const nt_u32 (&addresses)[nt_eights], nt_u32 keys) {
  int lane = threadIdx.x % 32;
#pragma unroll
  for (int step = 0; step < nt_query_steps; step++) {
    if (!nt_keeps_queries && step % 2 == 0) queries.load(addresses, step);
    nt_u32 part = keys + nt_tile_place(lane % 16, step * 2 + lane / 16);
#pragma unroll
    for (int n = 0; n < nt_sixteens; n++) {
      nt_u32 k[4];
      nt_load_matrices(k, part + n * nt_box_bytes);
#pragma unroll
      for (int j = 0; j < nt_eights; j++) {
        const nt_u32(&q)[2] = queries.b[nt_keeps_queries ? step : step % 2][j];
        nt_mma_16x8x16<nt_cache_operand>(scores[n][j], k, q[0], q[1]);
      }
    }
  }
}

// Moves the state on by a tile's scores, which become their exponentials.
__device__ __forceinline__ void nt_softmax(
  const nt_decode_attention_arguments &a, const nt_decode_item &item, int tile, const float (&slopes)[nt_eights][2],
  const float *scales, nt_tile_scores &scores, nt_warp_state &state) {
  nt_multiply_rows(scores, scales, a.key_scale);
  int first = tile * nt_tile + threadIdx.x % 32 / 4;
  bool all = tile * nt_tile >= item.first_seen && tile * nt_tile + nt_tile <= item.context;
#pragma unroll
  for (int j = 0; j < nt_eights; j++)
#pragma unroll
    for (int i = 0; i < 2; i++) {
      float before = state.m[j][i], highest = before;
#pragma unroll
      for (int n = 0; n < 2 * nt_sixteens; n++) {
        float &score = scores[n / 2][j][n % 2 * 2 + i];
        int position = first + n * 8;
        bool is_seen = all || (position >= item.first_seen && position < item.context);
        score = nt_score(a, score, position - (item.context - 1), slopes[j][i], is_seen);
        highest = fmaxf(highest, score);
      }
      // At least one of the tile's positions is seen, so that there is a highest score.
      highest = fmaxf(highest, __shfl_xor_sync(~0u, highest, 4));
      highest = fmaxf(highest, __shfl_xor_sync(~0u, highest, 8));
      highest = fmaxf(highest, __shfl_xor_sync(~0u, highest, 16));
      float factor = nt_exp2(before - highest), sum = 0;
      state.m[j][i] = highest;
#pragma unroll
      for (int n = 0; n < 2 * nt_sixteens; n++) {
        float &score = scores[n / 2][j][n % 2 * 2 + i];
        score = nt_exp2(score - highest);
        sum += score;
      }
      state.l[j][i] = fmaf(state.l[j][i], factor, sum);
#pragma unroll
      for (int k = 0; k < nt_value_pairs; k++) {
        state.values[k][j][i] *= factor;
        state.values[k][j][2 + i] *= factor;
      }
    }
}

// Adds values [elements x 64 positions] times exponentials [64 positions x heads].
__device__ __forceinline__ void nt_add_values(const nt_tile_scores &scores, nt_u32 values, nt_warp_state &state) {
  int lane = threadIdx.x % 32, row = lane / 16 * 8 + lane % 8;
#pragma unroll
  for (int n = 0; n < nt_sixteens; n++) {
    nt_u32 p[nt_eights][2];
#pragma unroll
    for (int j = 0; j < nt_eights; j++) {
      p[j][0] = nt_transpose_matrix(nt_pack2<nt_cache_operand>(scores[n][j][0], scores[n][j][1]));
      p[j][1] = nt_transpose_matrix(nt_pack2<nt_cache_operand>(scores[n][j][2], scores[n][j][3]));
    }
#pragma unroll
    for (int k = 0; k < nt_value_pairs; k++) {
      nt_u32 v[4];
      nt_load_matrices_transposed(v, values + nt_tile_place(row, k * 2 + lane / 8 % 2) + n * nt_box_bytes);
#pragma unroll
      for (int j = 0; j < nt_eights; j++) nt_mma_16x8x16<nt_cache_operand>(state.values[k][j], v, p[j][0], p[j][1]);
    }
  }
}

// Puts the new token's row into a tile, which the copies have brought as it was before, and, for values, zeros into the
// rows behind it that were copied with it: whatever is there, times 0, must be 0.
template <int size, bool clears>
__device__ __forceinline__ void nt_put_row(unsigned char *tile, const nt_cache_bits *from, int row) {
  int lane = threadIdx.x % 32;
  if (lane < size * nt_cache_bytes / 16) *(uint4 *)(tile + nt_tile_place(row, lane)) = ((const uint4 *)from)[lane];
  if (!clears) return;
  constexpr int parts = (size * nt_cache_bytes + 127) / 128 * 8, rows = 32 / parts;
  if (lane >= rows * parts) return;
  for (int cleared = row + 1 + lane / parts; cleared <= (row | 15); cleared += rows)
    *(uint4 *)(tile + nt_tile_place(cleared, lane % parts)) = make_uint4(0, 0, 0, 0);
}

// The warp's state to where all warps' are merged.
__device__ __forceinline__ void nt_put_state(const nt_warp_state &state, float scale, nt_merge_memory &memory) {
  int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
#pragma unroll
  for (int j = 0; j < nt_eights; j++)
#pragma unroll
    for (int i = 0; i < 2; i++) {
      int row = j * 8 + lane % 4 * 2 + i;
      float l = state.l[j][i];
      l += __shfl_xor_sync(~0u, l, 4);
      l += __shfl_xor_sync(~0u, l, 8);
      l += __shfl_xor_sync(~0u, l, 16);
      if (row >= nt_pack_rows) continue;
      if (lane < 4) memory.states[warp][row] = make_float2(state.m[j][i], l);
#pragma unroll
      for (int k = 0; k < nt_value_pairs; k++) {
        // What codes give has neighbours in one lane.
        int place = k * 16 + lane / 4 * (nt_is_coded ? 2 : 1);
        memory.values[warp][row][place] = state.values[k][j][i] * scale;
        memory.values[warp][row][place + (nt_is_coded ? 1 : 8)] = state.values[k][j][2 + i] * scale;
      }
    }
}

// What a tile adds to a warp's state; its keys are there.
__device__ __forceinline__ void nt_add_tile(
  const nt_decode_attention_arguments &a, const nt_decode_item &item, int tile, unsigned char *keys,
  float *scales, const nt_decode_barriers &barriers, const nt_place<NT_STAGES> &stage, const nt_item_rows &rows,
  nt_query_operands &queries, const nt_u32 (&addresses)[nt_eights], const float (&slopes)[nt_eights][2],
  nt_warp_state &state) {
  unsigned char *values = keys + nt_key_bytes;
  int new_row = item.context - 1 - tile * nt_tile;
  nt_tile_scores scores = {};
  if (new_row < nt_tile) {
    nt_put_row<NT_HEAD_DIM, false>(keys, rows.key, new_row);
    if (nt_has_row_scales && threadIdx.x % 32 == 0) scales[new_row] = rows.scales[0];
    __syncwarp();
  }
  if constexpr (nt_is_coded) nt_coded_scores(scores, queries, addresses, nt_shared_address(keys));
  else nt_scores(scores, queries, addresses, nt_shared_address(keys));
  nt_softmax(a, item, tile, slopes, scales, scores, state);
  nt_barrier_wait(barriers.values_there(stage.index), stage.parity);
  if (new_row < nt_tile) {
    nt_put_row<NT_VALUE_DIM, true>(values, rows.value, new_row);
    if (nt_has_row_scales && threadIdx.x % 32 == 0) scales[nt_tile + new_row] = rows.scales[1];
    __syncwarp();
  }
  if constexpr (nt_is_coded) nt_add_coded_values(scores, scales + nt_tile, nt_shared_address(values), state);
  else nt_add_values(scores, nt_shared_address(values), state);
  // The copies that come next into the stage stay behind what was put there.
  if (new_row < nt_tile) nt_fence_async_shared();
}

// A computing warp's loop over items.
__device__ __forceinline__ void nt_consume(
  const nt_decode_attention_arguments &a, nt_decode_memory &memory, const nt_decode_barriers &barriers) {
  int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  nt_place<NT_STAGES> stage;
  for (nt_place<nt_item_places> place;; place.advance()) {
    const nt_item_rows &rows = memory.items[place.index];
    nt_barrier_wait(barriers.rows_there(place.index), place.parity);
    nt_decode_item item = rows.item;
    if (item.sequence < 0) return;
    nt_u32 addresses[nt_eights];
    float slopes[nt_eights][2] = {};
#pragma unroll
    for (int j = 0; j < nt_eights; j++) {
      int row = j * 8 + lane % 8, head = j * 8 + lane % 4 * 2;
      const nt_query_bits *query = row < nt_pack_rows ? rows.queries + row * nt_query_pitch : memory.no_query;
      addresses[j] = nt_shared_address(query + lane / 8 * 8);
      if (NT_SLOPES)
        for (int i = 0; i < 2; i++)
          if (head + i < item.rows()) slopes[j][i] = a.alibi_slopes[item.first_head() + head + i];
    }
    nt_query_operands queries;
    if constexpr (nt_keeps_queries) {
#pragma unroll
      for (int step = 0; step < nt_query_steps; step += 2) queries.load(addresses, step);
    }

    nt_item_state result;
    for (int part = item.part; part < item.end_part; part++) {
      nt_warp_state state;
#pragma unroll
      for (int j = 0; j < nt_eights; j++) state.m[j][0] = state.m[j][1] = -nt_infinity();
      int start = item.start_of(part), end = item.start_of(part + 1);
      for (int tile = start; tile < end; tile++, stage.advance()) {
        nt_barrier_wait(barriers.keys_there(stage.index), stage.parity);
        if ((tile - start) % nt_merge_warps == warp)
          nt_add_tile(
            a, item, tile, memory.ring[stage.index], memory.scales[nt_has_row_scales ? stage.index : 0], barriers, stage,
            rows, queries, addresses, slopes, state);
        barriers.release(barriers.stage_free(stage.index));
      }
      if (part == item.end_part - 1) barriers.release(barriers.item_free(place.index));
      nt_put_state(state, NT_CACHE == NT_F8E4M3 ? a.value_scale : 1.0f, memory.merge);
      if (!nt_has_fours || part == item.part) result.clear();
      nt_merge_warps_of_part(item, memory.merge, result);
    }
    nt_finish_item(a, item, memory.merge, result);
  }
}

#endif
