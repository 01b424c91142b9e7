// One tile of NT_ATTENTION_TILE positions of the paged cache as float32: keys transposed, values as they are.
#ifndef NEEDLETAIL_ATTENTION_TILE_H
#define NEEDLETAIL_ATTENTION_TILE_H
#include "../../include/attention.h"
#include "../common/codes.h"
#include "../common/rows.h"
#include "../common/transpose.h"
#include "attention_products.h"

// Where the tile's positions lie in the cache, in elements; negative: not wanted, taken as zeros.
typedef struct {
  nt_i64 keys[NT_ATTENTION_TILE];
  nt_i64 values[NT_ATTENTION_TILE];
  // What codes are multiplied with, where the cache has such.
  float key_scales[NT_ATTENTION_TILE];
  float value_scales[NT_ATTENTION_TILE];
} attention_places;

// The scales of a run of positions of a block in codes; `tiles` is where the block's tiles of the head begin.
NT_INLINE void attention_find_scales(attention_places *places, const nt_attention_arguments *a, nt_i64 tiles, nt_i64 size,
                                     nt_i64 tile_bytes, nt_i64 offset, nt_i64 at, nt_i64 run) {
  const char *keys = (const char *)a->cache + tiles + tile_bytes + offset * 4, *values = keys + size * 4;
  for (nt_i64 i = 0; i < run; i++) {
    places->key_scales[at + i] = a->key_scale;
    places->value_scales[at + i] = a->values_in_keys ? a->key_scale : a->value_scale;
    if (a->cache_dtype != NT_I8) continue;
    memcpy(places->key_scales + at + i, keys + i * 4, 4);
    memcpy(places->value_scales + at + i, (a->values_in_keys ? keys : values) + i * 4, 4);
  }
}

// Finds positions [first, end) of the tile that starts at `start`, of one sequence and kv head; also lists the lines
// that they lie on, where `ahead` is not null. A block's positions follow each other in memory.
NT_INLINE void attention_find(
  attention_places *places, attention_ahead *ahead, const nt_attention_arguments *a, nt_i64 sequence, nt_i64 kv_head,
  nt_i64 start, nt_i64 first, nt_i64 end) {
  const nt_i32 *table = a->block_tables + sequence * a->block_table_stride;
  nt_i64 value_dim = a->values_in_keys ? 0 : a->value_dim;  // of the cache
  nt_i64 size = a->block_size, elements = size * (a->head_dim + value_dim), bytes = nt_dtype_bytes(a->cache_dtype);
  const nt_i64 tile_bytes = elements;
  // Behind the tiles of int8 stand the scales of their rows.
  if (a->cache_dtype == NT_I8) elements += size * (value_dim > 0 ? 8 : 4);
  nt_i64 position = start > first ? start : first, stop = start + NT_ATTENTION_TILE;
  if (end < stop) stop = end;
  if (stop - position < NT_ATTENTION_TILE) memset(places, 0xff, sizeof(*places));
  if (ahead) ahead->count = ahead->next = 0;
  while (position < stop) {
    nt_i64 offset = position % size, run = size - offset < stop - position ? size - offset : stop - position;
    nt_i64 keys = ((nt_i64)table[position / size] * a->kv_heads + kv_head) * elements;
    nt_i64 values = keys + size * a->head_dim + offset * value_dim, at = position - start;
    if (bytes == 1) attention_find_scales(places, a, keys, size, tile_bytes, offset, at, run);
    nt_i64 value_step = a->values_in_keys ? a->head_dim : value_dim;
    keys += offset * a->head_dim;
    if (a->values_in_keys) values = keys;
    for (nt_i64 i = 0; i < run; i++) {
      places->keys[at + i] = keys + i * a->head_dim;
      places->values[at + i] = values + i * value_step;
    }
    if (ahead) {
      attention_list_lines(ahead, (const char *)a->cache + keys * bytes, run * a->head_dim * bytes);
      attention_list_lines(ahead, (const char *)a->cache + values * bytes, run * value_dim * bytes);
    }
    position += run;
  }
}

// keys[d * NT_ATTENTION_TILE + i] = element d of position i.
NT_INLINE void attention_load_keys_as(
  float *keys, const void *cache, const attention_places *places, nt_i64 head_dim, const nt_i32 dtype) {
  nt_i64 d = 0;
  if (dtype == NT_BF16) {
    // Pairs of bf16 are transposed as 32-bit lanes and taken apart afterwards: half the shuffles.
    for (; d + 2 * NT_LANES <= head_dim; d += 2 * NT_LANES)
      for (nt_i64 i = 0; i < NT_ATTENTION_TILE; i += NT_LANES) {
        nt_vec rows[NT_LANES];
        _Pragma("clang loop unroll(full)") for (int j = 0; j < NT_LANES; j++) {
          nt_i64 place = places->keys[i + j];
          rows[j] = (nt_vec){};
          if (place >= 0) memcpy(&rows[j], (const nt_u16 *)cache + place + d, sizeof(nt_vec));
        }
        nt_transpose(rows);
        float *to = keys + d * NT_ATTENTION_TILE + i;
        _Pragma("clang loop unroll(full)") for (int j = 0; j < NT_LANES; j++) {
          nt_store(to + 2 * j * NT_ATTENTION_TILE, (nt_vec)((nt_uvec)rows[j] << 16));
          nt_store(to + (2 * j + 1) * NT_ATTENTION_TILE, (nt_vec)((nt_uvec)rows[j] & 0xffff0000u));
        }
      }
  }
  for (; d < head_dim; d += NT_LANES) {
    nt_i64 left = head_dim - d < NT_LANES ? head_dim - d : NT_LANES;
    for (nt_i64 i = 0; i < NT_ATTENTION_TILE; i += NT_LANES) {
      nt_vec rows[NT_LANES];
      _Pragma("clang loop unroll(full)") for (int j = 0; j < NT_LANES; j++) {
        nt_i64 place = places->keys[i + j];
        rows[j] = (nt_vec){};
        if (place < 0) continue;
        if (dtype == NT_I8 || dtype == NT_F8E4M3) {
          rows[j] = nt_load_codes((const char *)cache + place + d, left, dtype) * places->key_scales[i + j];
          continue;
        }
        rows[j] = left == NT_LANES ? nt_load_as(cache, place + d, dtype)
                                   : nt_load_part_as(cache, place + d, left, dtype);
      }
      nt_transpose(rows);
      float *to = keys + d * NT_ATTENTION_TILE + i;
      _Pragma("clang loop unroll(full)") for (int j = 0; j < NT_LANES; j++)
        if (j < left) nt_store(to + j * NT_ATTENTION_TILE, rows[j]);
    }
  }
}

// values[i * stride + e] = element e of position i; the columns from value_dim to stride are left alone.
NT_INLINE void attention_load_values_as(
  float *values, nt_i64 stride, const void *cache, const attention_places *places, nt_i64 value_dim,
  const nt_i32 dtype) {
  for (nt_i64 i = 0; i < NT_ATTENTION_TILE; i++) {
    float *to = values + i * stride;
    nt_i64 place = places->values[i], e = 0;
    if (place < 0) {
      memset(to, 0, (size_t)value_dim * sizeof(float));
      continue;
    }
    if (dtype == NT_I8 || dtype == NT_F8E4M3) {
      for (; e < value_dim; e += NT_LANES)
        nt_store_left(
          to + e, nt_load_codes((const char *)cache + place + e, value_dim - e, dtype) * places->value_scales[i],
          value_dim - e);
      continue;
    }
    for (; e + NT_LANES <= value_dim; e += NT_LANES) nt_store(to + e, nt_load_as(cache, place + e, dtype));
    if (e < value_dim) nt_store_part(to + e, nt_load_part_as(cache, place + e, value_dim - e, dtype), value_dim - e);
  }
}

static void attention_load_keys(
  float *keys, const void *cache, const attention_places *places, nt_i64 head_dim, nt_i32 dtype) {
  switch (dtype) {
    case NT_BF16: attention_load_keys_as(keys, cache, places, head_dim, NT_BF16); break;
    case NT_F16: attention_load_keys_as(keys, cache, places, head_dim, NT_F16); break;
    case NT_F8E4M3: attention_load_keys_as(keys, cache, places, head_dim, NT_F8E4M3); break;
    case NT_I8: attention_load_keys_as(keys, cache, places, head_dim, NT_I8); break;
    default: attention_load_keys_as(keys, cache, places, head_dim, NT_F32); break;
  }
}
static void attention_load_values(
  float *values, nt_i64 stride, const void *cache, const attention_places *places, nt_i64 value_dim, nt_i32 dtype) {
  switch (dtype) {
    case NT_BF16: attention_load_values_as(values, stride, cache, places, value_dim, NT_BF16); break;
    case NT_F16: attention_load_values_as(values, stride, cache, places, value_dim, NT_F16); break;
    case NT_F8E4M3: attention_load_values_as(values, stride, cache, places, value_dim, NT_F8E4M3); break;
    case NT_I8: attention_load_values_as(values, stride, cache, places, value_dim, NT_I8); break;
    default: attention_load_values_as(values, stride, cache, places, value_dim, NT_F32); break;
  }
}

#endif
