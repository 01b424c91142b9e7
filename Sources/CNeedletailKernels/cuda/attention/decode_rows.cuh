// The rows of the new token that an item needs: its queries and, where its part ends the sequence, the key and value,
// which it also stores to the cache. Everything is rotated and rounded to the cache's type.
//
// Constants: NT_HEAD_DIM, NT_VALUE_DIM, NT_ROTARY_DIM (0: none), NT_INTERLEAVED, NT_INPUT and NT_CACHE (storage types).
#ifndef NEEDLETAIL_CUDA_DECODE_ROWS_CUH
#define NEEDLETAIL_CUDA_DECODE_ROWS_CUH
#include "attention/decode_work.cuh"
#include "rope/coded_rows.cuh"

// Of queries, which are of the operands' type, and of the cache.
typedef nt_storage<nt_cache_operand>::bits nt_query_bits;
template <bool is_coded>
struct nt_cache_storage {
  typedef nt_query_bits bits;
};
template <>
struct nt_cache_storage<true> {
  typedef nt_u8 bits;
};
typedef nt_cache_storage<nt_is_coded>::bits nt_cache_bits;
typedef nt_rotation<NT_HEAD_DIM, NT_ROTARY_DIM, NT_INTERLEAVED, 4> nt_head_pieces;
typedef nt_rotation<NT_VALUE_DIM, 0, false, 4> nt_value_pieces;
constexpr nt_i64 nt_cache_tiles = (nt_i64)nt_tile * (NT_HEAD_DIM + NT_VALUE_DIM);  // of a block and kv head
// Bytes of the same with scales.
constexpr nt_i64 nt_tiles_bytes = nt_cache_tiles * nt_cache_bytes + (nt_has_row_scales ? 2 * nt_tile * 4 : 0);

// Where element `place` of a query is kept: beside codes, four neighbours of 16 are two pairs, 8 apart, so that they meet
// the codes of a word.
__device__ __forceinline__ constexpr int nt_query_place(int place) {
  return nt_is_coded ? (place & ~15) + (place >> 2 & 3) * 2 + (place >> 1 & 1) * 8 + (place & 1) : place;
}

// By `threads` threads, of which this is number `thread`: queries[row][pitch], key[NT_HEAD_DIM] and value[NT_VALUE_DIM]
// in shared memory.
template <int threads, int pitch>
__device__ __forceinline__ void nt_load_new_token(
  const nt_decode_attention_arguments &a, const nt_decode_item &item, int thread, nt_query_bits *queries,
  nt_cache_bits *key, nt_cache_bits *value, float *scales) {
  constexpr int query_pieces = (nt_pack_rows * nt_head_pieces::pieces + threads - 1) / threads;
  constexpr int key_pieces = (nt_head_pieces::pieces + threads - 1) / threads;
  constexpr int value_pieces = (nt_value_pieces::pieces + threads - 1) / threads;
  const float *table = a.table + item.sequence * (nt_i64)NT_ROTARY_DIM;
  nt_i64 query_base = item.sequence * a.q_stride + item.first_head() * NT_HEAD_DIM;
  nt_i64 key_base = item.sequence * a.k_stride + item.kv_head() * NT_HEAD_DIM;
  nt_i64 value_base = item.sequence * a.v_stride + item.kv_head() * NT_VALUE_DIM;
  int rows = item.rows();
  bool has_new = item.has_new_token();

  // Loads come before what is computed from them, so that they wait together; of the queries some at once.
  constexpr int at_once = query_pieces < 2 ? query_pieces : 2;
  nt_head_pieces::parts key_in[key_pieces];
  nt_value_pieces::parts value_in[value_pieces];
  nt_i64 slot = -1;
  if (has_new) {
    if (item.writes_cache()) slot = a.slots[item.sequence];
#pragma unroll
    for (int i = 0; i < key_pieces; i++) {
      int piece = thread + i * threads;
      if (piece < nt_head_pieces::pieces) nt_head_pieces::load<NT_INPUT>(key_in[i], piece, a.k, key_base, table);
    }
#pragma unroll
    for (int i = 0; i < value_pieces; i++) {
      int piece = thread + i * threads;
      if (piece < nt_value_pieces::pieces)
        nt_value_pieces::load<NT_INPUT>(value_in[i], piece, a.v, value_base, nullptr);
    }
  }
  for (int base = thread; base < rows * nt_head_pieces::pieces; base += at_once * threads) {
    nt_head_pieces::parts in[at_once];
#pragma unroll
    for (int i = 0; i < at_once; i++) {
      int row = (base + i * threads) / nt_head_pieces::pieces, piece = (base + i * threads) % nt_head_pieces::pieces;
      if (row < rows) nt_head_pieces::load<NT_INPUT>(in[i], piece, a.q, query_base + row * NT_HEAD_DIM, table);
    }
#pragma unroll
    for (int i = 0; i < at_once; i++) {
      int row = (base + i * threads) / nt_head_pieces::pieces;
      if (row < rows)
        nt_head_pieces::finish(in[i], [&](int place, const float(&v)[nt_head_pieces::width]) {
          if constexpr (nt_is_coded) {
#pragma unroll
            for (int j = 0; j < nt_head_pieces::width; j++)
              queries[row * pitch + nt_query_place(place + j)] = (nt_query_bits)nt_from_float<nt_cache_operand>(v[j]);
          } else {
            nt_store_vector<nt_cache_operand>(queries, row * pitch + place, v);
          }
        });
    }
  }
  if (!has_new) return;
  nt_i64 tiles = (slot / nt_tile * NT_KV_HEADS + item.kv_head()) * nt_cache_tiles;
  if constexpr (nt_is_coded) {
    static_assert(threads == 32, "a warp has a row");
    nt_u8 *cache = (nt_u8 *)a.cache + (slot / nt_tile * NT_KV_HEADS + item.kv_head()) * nt_tiles_bytes;
    int row = (int)(slot % nt_tile);
    bool writes = slot >= 0;
    float key_scale = a.key_scale, value_scale = a.value_scale;
    nt_make_codes<nt_head_pieces>(key_in, thread, key_scale, [&](int place, const nt_u8(&codes)[nt_head_pieces::width]) {
      nt_store_codes((nt_u8 *)key + place, codes);
      if (writes) nt_store_codes(cache + row * NT_HEAD_DIM + place, codes);
    });
    nt_make_codes<nt_value_pieces>(
      value_in, thread, value_scale, [&](int place, const nt_u8(&codes)[nt_value_pieces::width]) {
        nt_store_codes((nt_u8 *)value + place, codes);
        if (writes) nt_store_codes(cache + nt_tile * NT_HEAD_DIM + row * NT_VALUE_DIM + place, codes);
      });
    if (nt_has_row_scales && thread == 0) {
      float *of_rows = (float *)(cache + nt_cache_tiles);
      scales[0] = key_scale, scales[1] = value_scale;
      if (writes) of_rows[row] = key_scale, of_rows[nt_tile + row] = value_scale;
    }
    return;
  }
  nt_i64 key_place = tiles + slot % nt_tile * NT_HEAD_DIM;
  nt_i64 value_place = tiles + nt_tile * NT_HEAD_DIM + slot % nt_tile * NT_VALUE_DIM;
#pragma unroll
  for (int i = 0; i < key_pieces; i++)
    if (thread + i * threads < nt_head_pieces::pieces)
      nt_head_pieces::finish(key_in[i], [&](int place, const float(&v)[nt_head_pieces::width]) {
        nt_store_vector<nt_cache_operand>(key, place, v);
        if (slot >= 0) nt_store_vector<nt_cache_operand>(a.cache, key_place + place, v);
      });
#pragma unroll
  for (int i = 0; i < value_pieces; i++)
    if (thread + i * threads < nt_value_pieces::pieces)
      nt_value_pieces::finish(value_in[i], [&](int place, const float(&v)[nt_value_pieces::width]) {
        nt_store_vector<nt_cache_operand>(value, place, v);
        if (slot >= 0) nt_store_vector<nt_cache_operand>(a.cache, value_place + place, v);
      });
}

#endif
