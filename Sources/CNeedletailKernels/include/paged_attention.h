// The CUDA device's attention over the paged cache; what is computed is what attention.h says, the cache is what rope.h
// says, with blocks of 64 positions, so that keys and values of a (block, kv head) are a contiguous tile each.
//
// A step's sequences that decode stand at its front, one token each: decode_attention does those, prefill_attention all
// sequences from first_sequence on.
#ifndef NEEDLETAIL_PAGED_ATTENTION_H
#define NEEDLETAIL_PAGED_ATTENTION_H
#include "types.h"

// decode_attention: rotates the new token's query and key, writes its key and value to the cache, and attends to all of
// the sequence, itself included. q, k, v: rows of the step's tokens, [.., heads, head_dim] ..., strides in elements from
// token to token; sequence s has token s. table: [tokens, rotary_dim], cosines then sines (rope.h), or null.
// A sequence whose context length is 0 gets a row of zeros, and writes nothing (a graph's padding); so does a negative
// slot. How a sequence is split depends on its own length only.
typedef struct {
  const void *q;
  const void *k;
  const void *v;
  const float *table;
  const nt_i64 *slots;           // [sequences]
  void *cache;
  const float *alibi_slopes;     // [heads] or null
  const float *sinks;            // [heads] or null
  const nt_i32 *context_lengths; // [sequences], the new token included
  const nt_i32 *block_tables;    // [sequences, block_table_stride]
  void *out;                     // [sequences, heads, value_dim]
  float *partials;               // the splits' results; size: what the launch's configuration says
  nt_u32 *counters;              // zero; left zero
  nt_i64 sequences;
  nt_i64 q_stride;
  nt_i64 k_stride;
  nt_i64 v_stride;
  nt_i64 out_stride;
  nt_i64 block_table_stride;
  nt_i32 heads;
  nt_i32 kv_heads;
  nt_i32 head_dim;
  nt_i32 value_dim;
  nt_i32 rotary_dim;
  nt_i32 interleaved;
  nt_i32 window;                 // 0: none
  float scale;
  float softcap;                 // 0: none
  nt_i32 chunk;                  // a query sees its own chunk of so many positions only; 0: all
  float key_scale;               // of a float8 cache: what its codes are multiplied with
  float value_scale;
} nt_decode_attention_arguments;
NT_CHECK_SIZE(nt_decode_attention_arguments, 200);

// prefill_attention: q is rotated and the step's keys and values are in the cache already (rope_cache_write).
// Sequence s has the queries query_starts[s] ..< query_starts[s + 1] and ends at position context_lengths[s] - 1.
// A query's bits do not depend on the chunks its prompt came in: tiles of keys lie at absolute positions. Rows of queries
// and of the result start at multiples of 16 bytes where head sizes are multiples of 8.
typedef struct {
  const void *q;                 // [tokens, heads, head_dim]
  const void *cache;
  const float *alibi_slopes;     // [heads] or null
  const float *sinks;            // [heads] or null
  const nt_i32 *query_starts;    // [sequences + 1]
  const nt_i32 *context_lengths; // [sequences]
  const nt_i32 *block_tables;    // [sequences, block_table_stride]
  void *out;                     // [tokens, heads, value_dim]
  nt_u32 *counters;              // zero; left zero
  nt_i64 tokens;
  nt_i64 sequences;
  nt_i64 first_sequence;
  nt_i64 q_stride;
  nt_i64 out_stride;
  nt_i64 block_table_stride;
  nt_i32 heads;
  nt_i32 kv_heads;
  nt_i32 head_dim;
  nt_i32 value_dim;
  nt_i32 window;                 // 0: none
  float scale;
  float softcap;                 // 0: none
  nt_i32 chunk;                  // a query sees its own chunk of so many positions only; 0: all
  float key_scale;               // of a float8 cache: what its codes are multiplied with
  float value_scale;
} nt_prefill_attention_arguments;
NT_CHECK_SIZE(nt_prefill_attention_arguments, 160);

#endif
