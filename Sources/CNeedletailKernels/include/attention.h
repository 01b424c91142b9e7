// Causal attention of the step's queries over the paged cache (the step's own keys are already there).
// q: [tokens, heads, head_dim]; out: [tokens, heads, value_dim]. Sequence s has the queries query_starts[s] ..<
// query_starts[s + 1], the last of which stands at position context_lengths[s] - 1; its position p is in block
// block_tables[s * block_table_stride + p / block_size] at offset p % block_size. Cache layout: see rope.h.
// Query head h reads kv head h / (heads / kv_heads).
// score = softcap(scale * q.k) + alibi_slopes[h] * (key position - query position); keys at query - key >= window are
// not seen (window 0: all are), nor are those before the query's chunk of `chunk` positions (0: one chunk for all).
// values_in_keys: the values are the first value_dim elements of the keys, and the cache has no others. softcap c > 0:
// c * tanh(s / c). sinks: [heads] extra logits that take part in the softmax's denominator only, or null.
//
// Tiles of keys lie at absolute positions (multiples of NT_ATTENTION_TILE), whatever the block size and the chunks of
// the prompt, and a query's arithmetic does not depend on its neighbours: a request's bits depend on itself only.
#ifndef NEEDLETAIL_ATTENTION_H
#define NEEDLETAIL_ATTENTION_H
#include "types.h"

#define NT_ATTENTION_TILE 64

typedef struct {
  const void *q;
  const void *cache;
  const float *alibi_slopes;
  const float *sinks;
  const nt_i32 *query_starts;     // [sequences + 1]
  const nt_i32 *context_lengths;  // [sequences]
  const nt_i32 *block_tables;     // [sequences, block_table_stride]
  void *out;
  nt_i64 tokens;
  nt_i64 sequences;
  nt_i64 q_stride;
  nt_i64 out_stride;
  nt_i64 block_table_stride;
  nt_i32 heads;
  nt_i32 kv_heads;
  nt_i32 head_dim;
  nt_i32 value_dim;
  nt_i32 block_size;
  nt_i32 window;
  float scale;
  float softcap;
  nt_i32 q_dtype;
  nt_i32 cache_dtype;
  nt_i32 out_dtype;
  nt_i32 values_in_keys;
  nt_i32 chunk;
  float key_scale;    // of a float8 cache: what its codes are multiplied with
  float value_scale;
  nt_i32 reserved;
} nt_attention_arguments;
NT_CHECK_SIZE(nt_attention_arguments, 168);

#endif
