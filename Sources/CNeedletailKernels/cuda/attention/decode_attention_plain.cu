// Attention of sequences that decode (paged_attention.h), for float32 caches and for head sizes that the tensor cores'
// kernel does not take: the same items and parts, computed by ordinary instructions straight from the cache.
//
// A block takes every gridDim.x-th item; each of its four warps has 16 of a tile's 64 positions. For scores a lane has
// one position and half of its elements, for values it has every 32nd element.
//
// Constants: those of decode_work.cuh, decode_rows.cuh, decode_merge.cuh, decode_scores.cuh; NT_SEQUENCES (the most).
// Dynamic shared memory: sizeof(nt_plain_memory).
#include "attention/decode_rows.cuh"
#include "attention/decode_scores.cuh"
#include "common/launch.cuh"

constexpr int nt_lane_values = (NT_VALUE_DIM + 31) / 32;

struct nt_plain_memory {
  nt_merge_memory merge;
  alignas(16) nt_cache_bits queries[16 * NT_HEAD_DIM];
  alignas(16) nt_cache_bits key[NT_HEAD_DIM];
  alignas(16) nt_cache_bits value[NT_VALUE_DIM];
  float weights[nt_merge_warps][nt_pack_rows][16];
  nt_u32 counts[nt_merge_warps][(NT_SEQUENCES + 31) / 32];  // each warp has its own
};

// A warp's softmax. Each lane has the sums of its values' elements; l is of its position only.
struct nt_plain_state {
  float m[nt_pack_rows];
  float l[nt_pack_rows];
  float values[nt_pack_rows][nt_lane_values];
};

// Adds a warp's positions of a tile: `keys` and `values` point at the first of the 16.
__device__ __forceinline__ void nt_add_positions(
  const nt_decode_attention_arguments &a, const nt_decode_item &item, nt_plain_memory &memory, int position,
  const nt_cache_bits *keys, const nt_cache_bits *values, nt_plain_state &state) {
  int lane = threadIdx.x % 32, warp = threadIdx.x / 32, mine = position + lane % 16;
  bool is_seen = mine >= item.first_seen && mine < item.context;
  const nt_cache_bits *key = mine == item.context - 1 ? memory.key : keys + lane % 16 * NT_HEAD_DIM;
  float scores[nt_pack_rows] = {};
  if (is_seen)
    for (int e = lane / 16; e < NT_HEAD_DIM; e += 2) {
      float k = nt_to_float<NT_CACHE>(key[e]);
#pragma unroll
      for (int row = 0; row < nt_pack_rows; row++)
        scores[row] = fmaf(nt_to_float<NT_CACHE>(memory.queries[row * NT_HEAD_DIM + e]), k, scores[row]);
    }
  __syncwarp();
#pragma unroll
  for (int row = 0; row < nt_pack_rows; row++) {
    float product = scores[row] + __shfl_xor_sync(~0u, scores[row], 16), slope = 0;
    if (NT_SLOPES && row < item.rows()) slope = a.alibi_slopes[item.first_head() + row];
    float score = nt_score(a, product, mine - (item.context - 1), slope, is_seen), highest = score;
#pragma unroll
    for (int distance = 8; distance > 0; distance /= 2)
      highest = fmaxf(highest, __shfl_xor_sync(~0u, highest, distance));
    highest = fmaxf(highest, state.m[row]);
    float factor = nt_rescale(state.m[row], highest), weight = nt_exp2(score - highest);
    state.m[row] = highest;
    state.l[row] = fmaf(state.l[row], factor, weight);
    if (lane < 16) memory.weights[warp][row][lane] = weight;
#pragma unroll
    for (int i = 0; i < nt_lane_values; i++) state.values[row][i] *= factor;
  }
  __syncwarp();
  for (int j = 0; j < 16; j++) {
    if (position + j < item.first_seen || position + j >= item.context) continue;
    const nt_cache_bits *value = position + j == item.context - 1 ? memory.value : values + j * NT_VALUE_DIM;
#pragma unroll
    for (int i = 0; i < nt_lane_values; i++) {
      int e = lane + i * 32;
      float v = e < NT_VALUE_DIM ? nt_to_float<NT_CACHE>(value[e]) : 0;
#pragma unroll
      for (int row = 0; row < nt_pack_rows; row++)
        state.values[row][i] = fmaf(memory.weights[warp][row][j], v, state.values[row][i]);
    }
  }
}

__device__ __forceinline__ void nt_put_plain_state(const nt_plain_state &state, nt_merge_memory &memory) {
  int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
#pragma unroll
  for (int row = 0; row < nt_pack_rows; row++) {
    float l = state.l[row];
#pragma unroll
    for (int distance = 8; distance > 0; distance /= 2) l += __shfl_xor_sync(~0u, l, distance);
    if (lane == 0) memory.states[warp][row] = make_float2(state.m[row], l);
#pragma unroll
    for (int i = 0; i < nt_lane_values; i++)
      if (lane + i * 32 < NT_VALUE_DIM) memory.values[warp][row][lane + i * 32] = state.values[row][i];
  }
}

extern "C" __global__ void __launch_bounds__(nt_merge_threads)
  decode_attention(const __grid_constant__ nt_decode_attention_arguments a) {
  extern __shared__ nt_plain_memory nt_dynamic[];
  nt_plain_memory &memory = nt_dynamic[0];
  nt_let_successors_start();
  nt_wait_for_predecessors();

  int warp = threadIdx.x / 32;
  nt_decode_list list(a, memory.counts[warp]);
  for (int index = blockIdx.x; index < list.total; index += gridDim.x) {
    nt_decode_item item = list.find(index);
    nt_load_new_token<nt_merge_threads, NT_HEAD_DIM>(
      a, item, threadIdx.x, memory.queries, memory.key, memory.value, nullptr);
    __syncthreads();
    nt_item_state result;
    for (int part = item.part; part < item.end_part; part++) {
      nt_plain_state state = {};
#pragma unroll
      for (int row = 0; row < nt_pack_rows; row++) state.m[row] = -nt_infinity();
      for (int tile = item.start_of(part); tile < item.start_of(part + 1); tile++) {
        int position = tile * nt_tile + warp * 16;
        if (position >= item.context || position + 16 <= item.first_seen) continue;
        nt_i64 block = a.block_tables[item.sequence * a.block_table_stride + tile];
        const nt_cache_bits *keys =
          (const nt_cache_bits *)a.cache + (block * NT_KV_HEADS + item.kv_head()) * nt_cache_tiles;
        const nt_cache_bits *values = keys + nt_tile * NT_HEAD_DIM;
        nt_add_positions(
          a, item, memory, position, keys + warp * 16 * NT_HEAD_DIM, values + warp * 16 * NT_VALUE_DIM, state);
      }
      nt_put_plain_state(state, memory.merge);
      if (!nt_has_fours || part == item.part) result.clear();
      nt_merge_warps_of_part(item, memory.merge, result);
    }
    nt_finish_item(a, item, memory.merge, result);
  }
}
