// rope_table: out[t, 0 ..< half] = cos(positions[t] * inverse_frequencies[i]) * scale, out[t, half ..< 2 half] =
// sin(...). The angle is the float32 product, as in the reference implementations.
//
// rope_cache_write: rotates the first rotary_dim of each head of q and k (half style: pairs (i, i + rotary_dim / 2);
// interleaved: pairs (2i, 2i + 1)), stores q to q_out, and k and v to the cache at slots[t].
// q: [tokens, heads, head_dim], k: [tokens, kv_heads, head_dim], v: [tokens, kv_heads, value_dim]; strides in elements
// from token to token, so that all three may be parts of one merged product. table: [tokens, rotary_dim] of rope_table,
// null (or rotary_dim 0): no rotation. k or v null: nothing is written to the cache; q null: nothing rotated.
//
// The cache of a layer: [blocks][kv_heads][ K tile: block_size x head_dim | V tile: block_size x value_dim ].
// In 8 bits (NT_F8E4M3: codes of x / scale; NT_I8: of each row, scale = highest magnitude / 127) it has one byte for
// each element, and NT_I8 has behind the two tiles of a (block, kv head) the scales of their rows, float32:
// block_size of keys, block_size of values. Codes are made of the float32 values, after the rotation. slots[t] =
// block * block_size + offset in the block; a negative slot writes nothing.
#ifndef NEEDLETAIL_ROPE_H
#define NEEDLETAIL_ROPE_H
#include "types.h"

typedef struct {
  const nt_i32 *positions;
  const float *inverse_frequencies;
  float *out;
  nt_i64 tokens;
  nt_i32 half;
  float scale;
} nt_rope_table_arguments;
NT_CHECK_SIZE(nt_rope_table_arguments, 40);

typedef struct {
  const void *q;
  const void *k;
  const void *v;
  const float *table;
  const nt_i64 *slots;
  void *q_out;
  void *cache;
  nt_i64 tokens;
  nt_i64 q_stride;
  nt_i64 k_stride;
  nt_i64 v_stride;
  nt_i64 q_out_stride;
  nt_i32 heads;
  nt_i32 kv_heads;
  nt_i32 head_dim;
  nt_i32 value_dim;
  nt_i32 rotary_dim;
  nt_i32 interleaved;
  nt_i32 block_size;
  nt_i32 x_dtype;      // of q, k, v
  nt_i32 q_out_dtype;
  nt_i32 cache_dtype;
  float key_scale;     // of a float8 cache: keys and values are divided by it
  float value_scale;
} nt_rope_cache_write_arguments;
NT_CHECK_SIZE(nt_rope_cache_write_arguments, 144);

#endif
