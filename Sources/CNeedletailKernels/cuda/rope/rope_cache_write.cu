// Rotates q and k and stores k and v to the paged cache (rope.h). A block does one token, a thread some vectors of it.
//
// NT_HEADS (0: no queries), NT_KV_HEADS (0: nothing goes to the cache), NT_HEAD_DIM, NT_VALUE_DIM (0: values are part
// of the keys), NT_ROTARY_DIM (0: no rotation), NT_INTERLEAVED; storage types NT_INPUT, NT_Q_OUT, NT_CACHE (also
// NT_F8E4M3, NT_I8 where there are values; then NT_THREADS is a multiple of 32); NT_THREADS. Rows start at multiples of
// the vectors that divide the heads' sizes.
#include "common/launch.cuh"
#include "rope.h"
#include "rope/coded_rows.cuh"

typedef nt_rotation<NT_HEAD_DIM, NT_ROTARY_DIM, NT_INTERLEAVED> nt_rotated;
typedef nt_rotation<NT_VALUE_DIM, 0, false> nt_value;

extern "C" __global__ void __launch_bounds__(NT_THREADS)
  rope_cache_write(const __grid_constant__ nt_rope_cache_write_arguments a) {
  constexpr int queries = NT_HEADS * nt_rotated::pieces, keys = NT_KV_HEADS * nt_rotated::pieces;
  constexpr int values = NT_KV_HEADS * nt_value::pieces;
  constexpr int value_pieces = nt_value::pieces > 0 ? nt_value::pieces : 1;
  nt_let_successors_start();
  nt_wait_for_predecessors();
  nt_i64 token = blockIdx.x;
  if (token >= a.tokens) return;
  const float *table = a.table + token * NT_ROTARY_DIM;

  for (int i = threadIdx.x; i < queries; i += NT_THREADS) {
    int head = i / nt_rotated::pieces, piece = i % nt_rotated::pieces;
    nt_i64 out = token * a.q_out_stride + head * NT_HEAD_DIM;
    nt_rotated::parts parts;
    nt_rotated::load<NT_INPUT>(parts, piece, a.q, token * a.q_stride + head * NT_HEAD_DIM, table);
    nt_rotated::finish(parts, [&](int place, const float(&x)[nt_rotated::width]) {
      nt_store_vector<NT_Q_OUT>(a.q_out, out + place, x);
    });
  }
  if (NT_KV_HEADS == 0) return;
  nt_i64 slot = a.slots[token];
  if (slot < 0) return;
  nt_i64 block = slot / a.block_size, row = slot % a.block_size;
  nt_i64 tiles = (nt_i64)a.block_size * (NT_HEAD_DIM + NT_VALUE_DIM);
  if constexpr (nt_is_coded) {
    // A warp has a row, whose scale it may have to find.
    nt_i64 bytes = tiles + (nt_has_row_scales ? 2 * a.block_size * 4 : 0);
    for (int i = threadIdx.x / 32; i < 2 * NT_KV_HEADS; i += NT_THREADS / 32) {
      bool is_value = i >= NT_KV_HEADS;
      int head = is_value ? i - NT_KV_HEADS : i, lane = threadIdx.x % 32;
      nt_u8 *of_head = (nt_u8 *)a.cache + (block * NT_KV_HEADS + head) * bytes;
      float *scale = (float *)(of_head + tiles) + (is_value ? a.block_size : 0) + row;
      if (is_value)
        nt_write_coded<nt_value>(a.v, token * a.v_stride + head * NT_VALUE_DIM, nullptr, lane,
                                 of_head + a.block_size * NT_HEAD_DIM + row * NT_VALUE_DIM, a.value_scale, scale);
      else
        nt_write_coded<nt_rotated>(a.k, token * a.k_stride + head * NT_HEAD_DIM, table, lane,
                                   of_head + row * NT_HEAD_DIM, a.key_scale, scale);
    }
  } else {
    for (int i = threadIdx.x; i < keys + values; i += NT_THREADS) {
      if (i < keys) {
        int head = i / nt_rotated::pieces, piece = i % nt_rotated::pieces;
        nt_i64 out = (block * NT_KV_HEADS + head) * tiles + row * NT_HEAD_DIM;
        nt_rotated::parts parts;
        nt_rotated::load<NT_INPUT>(parts, piece, a.k, token * a.k_stride + head * NT_HEAD_DIM, table);
        nt_rotated::finish(parts, [&](int place, const float(&x)[nt_rotated::width]) {
          nt_store_vector<nt_cache_operand>(a.cache, out + place, x);
        });
      } else {
        int head = (i - keys) / value_pieces, piece = (i - keys) % value_pieces;
        nt_i64 out = (block * NT_KV_HEADS + head) * tiles + a.block_size * NT_HEAD_DIM + row * NT_VALUE_DIM;
        nt_value::parts parts;
        nt_value::load<NT_INPUT>(parts, piece, a.v, token * a.v_stride + head * NT_VALUE_DIM, nullptr);
        nt_value::finish(parts, [&](int place, const float(&x)[nt_value::width]) {
          nt_store_vector<nt_cache_operand>(a.cache, out + place, x);
        });
      }
    }
  }
}
