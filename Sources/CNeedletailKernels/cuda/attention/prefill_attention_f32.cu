// Prefill attention (paged_attention.h), computed in float32 without matrix instructions: for float32 caches, for sizes
// that no other kernel takes, and as what the other kernels are held against, not for speed. A block attends for 8 rows
// (prefill_tiles.cuh), one to a warp, in steps of half a cache block: a lane has the score of one key, then columns
// lane, lane + 32, ... of the values.
//
//   NT_IN: type of queries and cache   NT_OUT: of the result
//   NT_HEAD_DIM, NT_VALUE_DIM: what shared memory has room for
//   NT_VALUES_IN_KEYS: 1: values are the first elements of keys, and the cache has no others; 0 unless defined
//   NT_DECODES: 1: every sequence has one token, sequence s the step's token s, and a context of 0 gives zeros
//   grid: at least as many blocks as tiles; those beyond return
#include "common/conversions.cuh"
#include "common/launch.cuh"

#ifndef NT_VALUES_IN_KEYS
#define NT_VALUES_IN_KEYS 0
#endif

#define NT_ROWS 8
#define NT_STEP 32
#define NT_ELEMENT_BYTES (NT_IN == NT_F32 ? 4 : 2)
#include "attention/prefill_tiles.cuh"

namespace {

constexpr int kThreads = 32 * NT_ROWS;
constexpr int kPositions = 64;  // of a cache block
constexpr int kKeyPitch = NT_HEAD_DIM + 1;
constexpr int kKept = NT_HEAD_DIM + (NT_VALUES_IN_KEYS ? 0 : NT_VALUE_DIM);  // elements of a position in the cache
constexpr int kValueStride = NT_VALUES_IN_KEYS ? NT_HEAD_DIM : NT_VALUE_DIM;
constexpr int kColumns = (NT_VALUE_DIM + 31) / 32;

typedef nt_storage<NT_IN>::bits Element;

struct Shared {
  float queries[NT_ROWS][NT_HEAD_DIM];
  float keys[NT_STEP][kKeyPitch];
  float values[NT_STEP][NT_VALUE_DIM];
};

__device__ __forceinline__ float highest_of_warp(float x) {
  for (int mask = 16; mask > 0; mask /= 2) x = fmaxf(x, __shfl_xor_sync(~0u, x, mask));
  return x;
}
__device__ __forceinline__ float sum_of_warp(float x) {
  for (int mask = 16; mask > 0; mask /= 2) x += __shfl_xor_sync(~0u, x, mask);
  return x;
}

}  // namespace

extern "C" __global__ void __launch_bounds__(kThreads)
prefill_attention_f32(const __grid_constant__ nt_prefill_attention_arguments a) {
  extern __shared__ __align__(16) nt_u8 memory[];
  Shared &shared = *(Shared *)memory;
  nt_let_successors_start();
  nt_wait_for_predecessors();
  nt_prefill_search search;
  nt_prefill_tile tile;
  search.start_at_first(a);
  if (!search.find(a, blockIdx.x, tile)) return;

  const float unseen = __int_as_float(0xff800000);
  const int lane = threadIdx.x & 31;
  const int warp = threadIdx.x / 32;
  // A warp whose row does not exist repeats the last one and stores nothing.
  const int row = min(tile.first_row + warp, tile.rows - 1);
  const int position = tile.offset + row / NT_GROUP;
  const int first_seen = nt_first_seen(a, position);
  const int head = tile.kv_head * NT_GROUP + row % NT_GROUP;
  const nt_i64 token = tile.first_query + row / NT_GROUP;
  const Element *q = (const Element *)a.q + token * a.q_stride + (nt_i64)head * NT_HEAD_DIM;
  for (int i = lane; i < NT_HEAD_DIM; i += 32) shared.queries[warp][i] = nt_to_float<NT_IN>(q[i]);
#if NT_SLOPES
  const float slope = a.alibi_slopes[head];
#endif

  const nt_i32 *table = a.block_tables + tile.sequence * a.block_table_stride;
  float highest = unseen;
  float sum = 0;
  float o[kColumns] = {};
  for (int step = tile.first_step; step < tile.end_step; step++) {
    const int first = step * NT_STEP;
    const int count = min(NT_STEP, tile.context - first);
    const Element *block = (const Element *)a.cache
      + ((nt_i64)table[first / kPositions] * a.kv_heads + tile.kv_head) * (kPositions * kKept);
    const Element *keys = block + first % kPositions * NT_HEAD_DIM;
    const Element *values =
      NT_VALUES_IN_KEYS ? keys : block + kPositions * NT_HEAD_DIM + first % kPositions * NT_VALUE_DIM;
    __syncthreads();
    // What lies behind the sequence's end may be anything, even no numbers.
    for (int i = threadIdx.x; i < NT_STEP * NT_HEAD_DIM; i += kThreads) {
      const int line = i / NT_HEAD_DIM;
      shared.keys[line][i % NT_HEAD_DIM] = line < count ? nt_to_float<NT_IN>(keys[i]) : 0;
    }
    for (int i = threadIdx.x; i < NT_STEP * NT_VALUE_DIM; i += kThreads) {
      const int line = i / NT_VALUE_DIM, column = i % NT_VALUE_DIM;
      shared.values[line][column] = line < count ? nt_to_float<NT_IN>(values[line * kValueStride + column]) : 0;
    }
    __syncthreads();

    float score = 0;
    for (int i = 0; i < NT_HEAD_DIM; i++) score = fmaf(shared.queries[warp][i], shared.keys[lane][i], score);
    score *= a.scale;
#if NT_SOFTCAP
    score = a.softcap * tanhf(score / a.softcap);
#endif
    const int distance = first + lane - position;
#if NT_SLOPES
    score = fmaf(slope, (float)distance, score);
#endif
    bool hidden = distance > 0;
    hidden |= first + lane < first_seen;
    if (hidden) score = unseen;

    const float top = fmaxf(highest, highest_of_warp(score));
    // A row that has seen nothing yet must not take infinity from infinity.
    const float base = top == unseen ? 0 : top;
    const float weight = expf(score - base);
    const float factor = expf(highest - base);
    highest = top;
    sum = sum * factor + sum_of_warp(weight);
#pragma unroll
    for (int c = 0; c < kColumns; c++) o[c] *= factor;
    for (int j = 0; j < NT_STEP; j++) {
      const float w = __shfl_sync(~0u, weight, j);
#pragma unroll
      for (int c = 0; c < kColumns; c++) {
        const int column = c * 32 + lane;
        if (column < NT_VALUE_DIM) o[c] = fmaf(w, shared.values[j][column], o[c]);
      }
    }
  }

  float factor = 1;
#if NT_SINKS
  const float sink = a.sinks[head];
  const float base = fmaxf(highest, sink);
  factor = expf(highest - base);
  sum = sum * factor + expf(sink - base);
#endif
  if (tile.first_row + warp >= tile.rows) return;
#if NT_DECODES
  if (sum == 0) factor = sum = 1;
#endif
  typedef nt_storage<NT_OUT>::bits bits;
  bits *out = (bits *)a.out + token * a.out_stride + (nt_i64)head * NT_VALUE_DIM;
#pragma unroll
  for (int c = 0; c < kColumns; c++) {
    const int column = c * 32 + lane;
    if (column < NT_VALUE_DIM) out[column] = (bits)nt_from_float<NT_OUT>(o[c] * factor / sum);
  }
}
