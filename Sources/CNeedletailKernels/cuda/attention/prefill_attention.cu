// Prefill attention over the paged cache (paged_attention.h) by a warp's matrix instructions, for GPUs and shapes that
// sm90_prefill_attention.cu does not do; after FlashAttention-2 (T. Dao, arXiv 2307.08691). A block attends for 64 rows
// (prefill_tiles.cuh), 16 to a warp, in steps of a cache block; the values of a step are on their way while its scores
// are computed, the next keys while its values are summed.
//
//   NT_IN: type of queries and cache (NT_BF16, NT_F16)   NT_OUT: of the result
//   NT_CACHE: type of the cache where it is another: NT_F8E4M3, NT_I8, with queries in NT_F16 and heads' sizes that are
//     multiples of 16; its numbers are rounded to fp16
//   NT_HEAD_DIM, NT_VALUE_DIM: any up to 256; tiles are padded with zeros to multiples of 16
//   grid: at least as many blocks as tiles; those beyond return
#include "common/barriers.cuh"
#include "common/copies.cuh"
#include "common/conversions.cuh"
#include "common/launch.cuh"
#include "common/mma.cuh"

#define NT_ROWS 64
#define NT_STEP 64
#ifndef NT_CACHE
#define NT_CACHE NT_IN
#endif
#include "attention/cache_codes.cuh"
#define NT_ELEMENT_BYTES nt_cache_bytes
#include "attention/prefill_softmax.cuh"

namespace {

constexpr int kThreads = 128;
constexpr int kHead = (NT_HEAD_DIM + 15) / 16 * 16;
constexpr int kValue = (NT_VALUE_DIM + 15) / 16 * 16;
// Elements from row to row in shared memory: rows start in different banks.
constexpr int kHeadPitch = kHead + 8;
constexpr int kValuePitch = kValue + 8;

struct Shared {
  nt_u16 queries[NT_ROWS * kHeadPitch];
  nt_u16 keys[NT_STEP * kHeadPitch];
  nt_u16 values[NT_STEP * kValuePitch];
};

// Starts a row's part of a copy; zeros where `exists` is false and in the padding. `index` counts parts of 8 elements.
template <int SIZE> __device__ __forceinline__ void copy_part(nt_u16 *to, const nt_u16 *row, int part, bool exists) {
  const int first = part * 8;
  if constexpr (SIZE % 8 == 0) {
    const bool inside = exists && first < SIZE;
    nt_copy_16(nt_shared_address(to + first), inside ? row + first : row, inside ? 16 : 0);
  } else {
#pragma unroll
    for (int i = 0; i < 8; i++) to[first + i] = exists && first + i < SIZE ? row[first + i] : (nt_u16)0;
  }
}

__device__ __forceinline__ void end_copies() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int PENDING> __device__ __forceinline__ void wait_for_copies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(PENDING) : "memory");
  __syncthreads();
}

// Rows of a tile of a (block, kv head); those at and behind `count` become zeros.
template <int SIZE, int PADDED>
__device__ __forceinline__ void copy_tile(nt_u16 *to, const nt_u16 *from, int count) {
  constexpr int kParts = PADDED / 8;
  for (int i = threadIdx.x; i < NT_STEP * kParts; i += kThreads) {
    const int row = i / kParts;
    const bool exists = row < count;
    copy_part<SIZE>(to + row * (PADDED + 8), from + (exists ? row * SIZE : 0), i % kParts, exists);
  }
}

// The same of a tile of codes; scales: of its rows, or of all of them.
template <int SIZE, int PADDED>
__device__ __forceinline__ void copy_codes(nt_u16 *to, const nt_u8 *from, const float *scales, float of_all, int count) {
  static_assert(!nt_is_coded || SIZE % 16 == 0, "whole parts of codes");
  constexpr int kParts = PADDED / 16;
  for (int i = threadIdx.x; i < NT_STEP * kParts; i += kThreads) {
    const int row = i / kParts, part = i % kParts;
    nt_u32 pairs[8] = {};
    if (row < count) {
      const uint4 codes = *(const uint4 *)(from + row * SIZE + part * 16);
      const float scale = nt_has_row_scales ? scales[row] : of_all;
      const nt_u32 words[4] = {codes.x, codes.y, codes.z, codes.w};
#pragma unroll
      for (int w = 0; w < 4; w++) {
        nt_operands_of_codes(pairs[2 * w], pairs[2 * w + 1], words[w]);
#pragma unroll
        for (int p = 2 * w; p < 2 * w + 2; p++)
          pairs[p] = nt_pack2<NT_F16>(
            nt_to_float<NT_F16>(pairs[p] & 0xffff) * scale, nt_to_float<NT_F16>(pairs[p] >> 16) * scale);
      }
    }
    uint4 *place = (uint4 *)(to + row * (PADDED + 8) + part * 16);
    place[0] = make_uint4(pairs[0], pairs[1], pairs[2], pairs[3]);
    place[1] = make_uint4(pairs[4], pairs[5], pairs[6], pairs[7]);
  }
}

}  // namespace

extern "C" __global__ void __launch_bounds__(kThreads)
prefill_attention(const __grid_constant__ nt_prefill_attention_arguments a) {
  extern __shared__ __align__(16) nt_u8 memory[];
  Shared &shared = *(Shared *)memory;
  nt_let_successors_start();
  nt_wait_for_predecessors();
  nt_prefill_search search;
  nt_prefill_tile tile;
  search.start_at_first(a);
  if (!search.find(a, blockIdx.x, tile)) return;

  const int lane = threadIdx.x & 31;
  const int warp = threadIdx.x / 32;
  for (int i = threadIdx.x; i < NT_ROWS * (kHead / 8); i += kThreads) {
    const int line = i / (kHead / 8);
    const int row = tile.first_row + line;
    const bool exists = row < tile.rows;
    const nt_u16 *from = (const nt_u16 *)a.q;
    if (exists) {
      from += (tile.first_query + row / NT_GROUP) * a.q_stride
        + (tile.kv_head * NT_GROUP + row % NT_GROUP) * NT_HEAD_DIM;
    }
    copy_part<NT_HEAD_DIM>(shared.queries + line * kHeadPitch, from, i % (kHead / 8), exists);
  }

  const nt_i32 *table = a.block_tables + tile.sequence * a.block_table_stride;
  constexpr int kKeyBytes = NT_STEP * NT_HEAD_DIM * nt_cache_bytes, kValueBytes = NT_STEP * NT_VALUE_DIM * nt_cache_bytes;
  constexpr int kBlockBytes = kKeyBytes + kValueBytes + (nt_has_row_scales ? 2 * NT_STEP * 4 : 0);
  const auto block = [&](int step) {
    return (const nt_u8 *)a.cache + ((nt_i64)table[step] * a.kv_heads + tile.kv_head) * kBlockBytes;
  };
  const auto bring_keys = [&](int step) {
    const int count = tile.context - step * NT_STEP;
    const nt_u8 *from = block(step);
    if constexpr (nt_is_coded) {
      const float *scales = (const float *)(from + kKeyBytes + kValueBytes);
      copy_codes<NT_HEAD_DIM, kHead>(shared.keys, from, scales, a.key_scale, count);
    } else {
      copy_tile<NT_HEAD_DIM, kHead>(shared.keys, (const nt_u16 *)from, count);
    }
    end_copies();
  };
  const auto bring_values = [&](int step) {
    const int count = tile.context - step * NT_STEP;
    const nt_u8 *from = block(step);
    if constexpr (nt_is_coded) {
      const float *scales = (const float *)(from + kKeyBytes + kValueBytes) + NT_STEP;
      copy_codes<NT_VALUE_DIM, kValue>(shared.values, from + kKeyBytes, scales, a.value_scale, count);
    } else {
      copy_tile<NT_VALUE_DIM, kValue>(shared.values, (const nt_u16 *)(from + kKeyBytes), count);
    }
    end_copies();
  };

  nt_prefill_rows rows;
  rows.start(a, tile, warp * 16 + lane / 4);
  const float scale = nt_prefill_rows::exponent_scale(a);
  const int hides = (tile.offset + tile.first_row / NT_GROUP + 1) / NT_STEP;
  float o[kValue / 8][4];
#pragma unroll
  for (int i = 0; i < kValue / 8; i++) o[i][0] = o[i][1] = o[i][2] = o[i][3] = 0;
  float factors[2];
  bring_keys(tile.first_step);
  for (int step = tile.first_step; step < tile.end_step; step++) {
    wait_for_copies<0>();
    bring_values(step);
    float s[NT_STEP / 2];
    {
      float scores[NT_STEP / 8][4] = {};
#pragma unroll
      for (int k = 0; k < kHead / 16; k++) {
        nt_u32 query[4];
        nt_load_matrices(
          query, nt_shared_address(shared.queries + (warp * 16 + (lane & 15)) * kHeadPitch + k * 16 + lane / 16 * 8));
#pragma unroll
        for (int n = 0; n < NT_STEP / 16; n++) {
          nt_u32 key[4];
          const int row = n * 16 + (lane & 7) + lane / 16 * 8;
          nt_load_matrices(key, nt_shared_address(shared.keys + row * kHeadPitch + k * 16 + (lane >> 3 & 1) * 8));
          nt_mma_16x8x16<NT_IN>(scores[2 * n], query, key[0], key[1]);
          nt_mma_16x8x16<NT_IN>(scores[2 * n + 1], query, key[2], key[3]);
        }
      }
#pragma unroll
      for (int i = 0; i < NT_STEP / 2; i++) s[i] = scores[i / 4][i % 4];
    }
    __syncthreads();
    if (step + 1 < tile.end_step) bring_keys(step + 1);
    const nt_i32 key = step * NT_STEP + 2 * (lane & 3);
    rows.shape(a, s, key);
    if (NT_WINDOWED || NT_CHUNKED || step >= hides) rows.hide(a, s, key);
    rows.weigh(s, scale, factors);
    rows.add(s, factors);
#pragma unroll
    for (int i = 0; i < kValue / 8; i++) {
      o[i][0] *= factors[0];
      o[i][1] *= factors[0];
      o[i][2] *= factors[1];
      o[i][3] *= factors[1];
    }
    if (step + 1 < tile.end_step) {
      wait_for_copies<1>();
    } else {
      wait_for_copies<0>();
    }
#pragma unroll
    for (int k = 0; k < NT_STEP / 16; k++) {
      nt_u32 weights[4];
#pragma unroll
      for (int i = 0; i < 4; i++) weights[i] = nt_pack2<NT_IN>(s[8 * k + 2 * i], s[8 * k + 2 * i + 1]);
#pragma unroll
      for (int n = 0; n < kValue / 16; n++) {
        nt_u32 value[4];
        const int row = k * 16 + (lane & 15);
        nt_load_matrices_transposed(
          value, nt_shared_address(shared.values + row * kValuePitch + n * 16 + lane / 16 * 8));
        nt_mma_16x8x16<NT_IN>(o[2 * n], weights, value[0], value[1]);
        nt_mma_16x8x16<NT_IN>(o[2 * n + 1], weights, value[2], value[3]);
      }
    }
  }

  rows.finish(a, scale, factors);
#pragma unroll
  for (int r = 0; r < 2; r++) {
    const int row = tile.first_row + warp * 16 + lane / 4 + 8 * r;
    if (row >= tile.rows) continue;
    typedef nt_storage<NT_OUT>::bits bits;
    bits *out = (bits *)a.out + (tile.first_query + row / NT_GROUP) * a.out_stride + rows.head[r] * NT_VALUE_DIM;
#pragma unroll
    for (int i = 0; i < kValue / 8; i++) {
#pragma unroll
      for (int c = 0; c < 2; c++) {
        const int column = i * 8 + 2 * (lane & 3) + c;
        if (column < NT_VALUE_DIM) out[column] = (bits)nt_from_float<NT_OUT>(o[i][2 * r + c] * factors[r]);
      }
    }
  }
}
