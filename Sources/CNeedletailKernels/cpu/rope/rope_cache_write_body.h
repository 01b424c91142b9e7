// Rotates q and k and stores k and v to the paged cache (include/rope.h). A piece of work is one head of one token.
#include "../../include/rope.h"
#include "../common/codes.h"
#include "../common/rows.h"

// Rotates the first 2 * half elements of a head; table: half cosines, then half sines.
NT_INLINE void rope_rotate_half(float *x, const float *table, nt_i64 half) {
  for (nt_i64 i = 0; i < half; i += NT_LANES) {
    nt_i64 left = half - i;
    nt_vec cosine = nt_load_left(table + i, left), sine = nt_load_left(table + half + i, left);
    nt_vec first = nt_load_left(x + i, left), second = nt_load_left(x + half + i, left);
    nt_store_left(x + i, first * cosine - second * sine, left);
    nt_store_left(x + half + i, second * cosine + first * sine, left);
  }
}
NT_INLINE void rope_rotate_interleaved(float *x, const float *table, nt_i64 half) {
  for (nt_i64 i = 0; i < half; i++) {
    float cosine = table[i], sine = table[half + i], first = x[2 * i], second = x[2 * i + 1];
    x[2 * i] = first * cosine - second * sine;
    x[2 * i + 1] = second * cosine + first * sine;
  }
}

// Keys or values of a head as codes; the scale of int8 is the row's own and goes behind the tiles.
NT_INLINE void store_coded_row(char *tiles, nt_i64 at, nt_i64 scale_at, const float *head, nt_i64 width, float scale,
                               const nt_i32 dtype) {
  if (dtype == NT_I8) {
    nt_vec largest = {};
    for (nt_i64 i = 0; i < width; i += NT_LANES) largest = nt_max(nt_abs(nt_load_left(head + i, width - i)), largest);
    scale = nt_maximum(largest);
    scale = (scale < 1e-12f ? 1e-12f : scale) / 127;
    memcpy(tiles + scale_at, &scale, 4);
  }
  for (nt_i64 i = 0; i < width; i += NT_LANES)
    nt_store_codes(tiles + at + i, nt_load_left(head + i, width - i), width - i, scale, dtype);
}

void NT_KERNEL(rope_cache_write)(const void *arguments, const nt_task *task) {
  const nt_rope_cache_write_arguments *a = arguments;
  float *head = task->scratch;
  nt_i64 heads_of_q = a->q ? a->heads : 0, heads_of_k = a->k ? a->kv_heads : 0, heads_of_v = a->v ? a->kv_heads : 0;
  nt_i64 heads = heads_of_q + heads_of_k + heads_of_v;
  nt_i64 tile_elements = (nt_i64)a->block_size * (a->head_dim + a->value_dim);
  const int is_coded = a->cache_dtype == NT_I8 || a->cache_dtype == NT_F8E4M3;
  // Behind the tiles of int8 stand the scales of their rows.
  nt_i64 block_elements = tile_elements + (a->cache_dtype == NT_I8 ? a->block_size * (a->value_dim > 0 ? 8 : 4) : 0);
  nt_i64 half = a->table ? a->rotary_dim / 2 : 0;
  nt_share share = nt_worker_share(a->tokens * heads, task);
  for (nt_i64 piece = share.first; piece < share.end; piece++) {
    nt_i64 token = piece / heads, h = piece % heads;
    int is_value = h >= heads_of_q + heads_of_k, is_query = h < heads_of_q;
    nt_i64 width = is_value ? a->value_dim : a->head_dim;
    const void *source;
    void *target;
    nt_i64 from, to, scale_at = 0;
    if (is_query) {
      source = a->q;
      from = token * a->q_stride + h * width;
      target = a->q_out;
      to = token * a->q_out_stride + h * width;
    } else {
      h -= is_value ? heads_of_q + heads_of_k : heads_of_q;
      nt_i64 slot = a->slots[token];
      if (slot < 0) continue;
      source = is_value ? a->v : a->k;
      from = token * (is_value ? a->v_stride : a->k_stride) + h * width;
      target = a->cache;
      to = (slot / a->block_size * a->kv_heads + h) * block_elements;
      scale_at = to + tile_elements + (slot % a->block_size + (is_value ? a->block_size : 0)) * 4;
      to += slot % a->block_size * width;
      if (is_value) to += (nt_i64)a->block_size * a->head_dim;
    }
    nt_row_load(head, source, from, width, a->x_dtype);
    if (!is_value && half > 0) {
      const float *table = a->table + token * a->rotary_dim;
      if (a->interleaved) rope_rotate_interleaved(head, table, half);
      else rope_rotate_half(head, table, half);
    }
    if (is_coded && !is_query) {
      const float scale = is_value ? a->value_scale : a->key_scale;
      if (a->cache_dtype == NT_I8) store_coded_row(target, to, scale_at, head, width, scale, NT_I8);
      else store_coded_row(target, to, scale_at, head, width, scale, NT_F8E4M3);
      continue;
    }
    nt_row_store(target, to, head, width, is_query ? a->q_out_dtype : a->cache_dtype);
  }
}
