// Attention of some rows over tiles of latents: keys whose first elements are the values (DeepSeek-AI 2024, arXiv
// 2405.04434), one kv head, 16-bit caches.
//
// A block has NT_ROWS queries in shared memory and a tile of 64 positions, which serves as keys and as values, so that
// a latent is read once for both. Its 8 warps first have 16 rows by some of the positions each, then, with all weights
// in shared memory, all rows by an eighth of a value's columns, whose sums stay in registers. Two stages of tiles: one
// arrives while the other is computed with.
//
// Floor: per position and row 2 (NT_HEAD_DIM + NT_VALUE_DIM) operations, per position and block NT_HEAD_DIM elements.
// With 64 rows of 576 and 512 that is 121 operations a byte; with 16 rows memory is the limit on every GPU.
//
// Positions that are not there are zeros in the tile and have weight 0. A tile whose positions a row does not see
// leaves that row's bits as they are.
//
// Constants: NT_ROWS (16, 32, 64), NT_STAGES (1, 2), NT_HEAD_DIM (a multiple of 8), NT_VALUE_DIM (a multiple of 8, at
// most NT_HEAD_DIM and 512), NT_CACHE (NT_F16, NT_BF16), also the type of queries. 256 threads; dynamic shared memory:
// sizeof(nt_latent_memory).
#ifndef NEEDLETAIL_CUDA_LATENT_ROWS_CUH
#define NEEDLETAIL_CUDA_LATENT_ROWS_CUH
#include "common/barriers.cuh"
#include "common/conversions.cuh"
#include "common/copies.cuh"
#include "common/launch.cuh"
#include "common/mma.cuh"

constexpr int nt_latent_tile = 64, nt_latent_threads = 256;
constexpr int nt_latent_row_tiles = NT_ROWS / 16, nt_latent_key_warps = 8 / nt_latent_row_tiles;
constexpr int nt_latent_key_eights = nt_latent_tile / nt_latent_key_warps / 8;  // of positions, of a warp
constexpr int nt_latent_key_pairs = (NT_HEAD_DIM + 31) / 32;                    // of steps of 16 elements
// A score is so many sums side by side, so that products do not wait for each other.
constexpr int nt_latent_chains = nt_latent_key_eights >= 4 ? 1 : nt_latent_key_eights == 2 ? 2 : 4;
// Whether queries stay in registers; else they are loaded for each tile.
constexpr bool nt_latent_keeps_queries = NT_ROWS == 16 && nt_latent_key_pairs <= 18;
constexpr int nt_latent_value_eights = (NT_VALUE_DIM + 63) / 64;                // of columns, of a warp
// Of a row, in 16-byte parts: what steps and columns reach, in eights, within which parts are permuted.
constexpr int nt_latent_reach =
  nt_latent_key_pairs * 4 > nt_latent_value_eights * 8 ? nt_latent_key_pairs * 4 : nt_latent_value_eights * 8;
constexpr int nt_latent_parts = (nt_latent_reach + 7) / 8 * 8;
constexpr int nt_latent_weight_pitch = nt_latent_tile * 2 + 16;  // the 16 spread rows over the banks
constexpr float nt_latent_log2_e = 1.44269504088896340736f;

struct alignas(128) nt_latent_memory {
  unsigned char tiles[NT_STAGES][nt_latent_tile * nt_latent_parts * 16];
  unsigned char queries[NT_ROWS * nt_latent_parts * 16];
  unsigned char weights[NT_ROWS * nt_latent_weight_pitch];
  float highest[nt_latent_key_warps][NT_ROWS];  // of a tile's positions; at the end, sums
  float factors[NT_ROWS];
  int next;
};

// The byte at which the 16-byte part `part` of row `row` begins.
__device__ __forceinline__ nt_u32 nt_latent_place(int row, int part) {
  return (nt_u32)((row * nt_latent_parts + (part ^ (row & 7))) * 16);
}
__device__ __forceinline__ float nt_latent_exp2(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}
__device__ __forceinline__ float nt_latent_unseen() { return __int_as_float(0xff800000); }

// Brings a tile, of which `count` positions are there, to a stage; the copies are one group.
__device__ __forceinline__ void nt_latent_bring(nt_latent_memory &memory, int stage, const nt_u16 *tile, int count) {
  const nt_u32 target = nt_shared_address(memory.tiles[stage]);
  for (int i = threadIdx.x; i < nt_latent_tile * nt_latent_parts; i += nt_latent_threads) {
    const int row = i / nt_latent_parts, part = i % nt_latent_parts;
    const bool is_there = row < count && part * 8 < NT_HEAD_DIM;
    nt_copy_16(target + nt_latent_place(row, part), is_there ? tile + row * NT_HEAD_DIM + part * 8 : tile,
               is_there ? 16 : 0);
  }
}
__device__ __forceinline__ void nt_latent_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
__device__ __forceinline__ void nt_latent_arrived() { asm volatile("cp.async.wait_group 0;" ::: "memory"); }

// Brings the queries of rows; query(row) is where a row's starts.
template <class Query>
__device__ __forceinline__ void nt_latent_bring_queries(nt_latent_memory &memory, const Query &query) {
  const nt_u32 target = nt_shared_address(memory.queries);
  for (int i = threadIdx.x; i < NT_ROWS * nt_latent_parts; i += nt_latent_threads) {
    const int row = i / nt_latent_parts, part = i % nt_latent_parts;
    const nt_u16 *from = query(row);
    const bool is_there = part * 8 < NT_HEAD_DIM;
    nt_copy_16(target + nt_latent_place(row, part), is_there ? from + part * 8 : from, is_there ? 16 : 0);
  }
}

// What a thread has of the block's rows. With g = lane / 4 and t = lane % 4: of softmax, rows 16 (warp % row tiles) + g
// and + 8, over some of the positions; of values, rows 16 i + g (c[0], c[1]) and + 8 (c[2], c[3]) and columns 8 n + 2 t
// and the next one of the warp's.
struct nt_latent_state {
  float highest[2];
  float sum[2];  // over this thread's positions only
  float values[nt_latent_row_tiles][nt_latent_value_eights][4];

  __device__ __forceinline__ void start() {
    highest[0] = highest[1] = nt_latent_unseen();
    sum[0] = sum[1] = 0;
#pragma unroll
    for (int i = 0; i < nt_latent_row_tiles; i++)
#pragma unroll
      for (int n = 0; n < nt_latent_value_eights; n++)
#pragma unroll
        for (int c = 0; c < 4; c++) values[i][n][c] = 0;
  }
};

// A warp's 16 rows of queries, operands of pairs of steps.
struct nt_latent_operands {
  nt_u32 q[nt_latent_keeps_queries ? nt_latent_key_pairs : 1][2][4];

  __device__ __forceinline__ void load(const nt_latent_memory &memory, int pair) {
    const int lane = threadIdx.x % 32, row_tile = threadIdx.x / 32 % nt_latent_row_tiles;
#pragma unroll
    for (int half = 0; half < 2; half++)
      nt_load_matrices(
        q[nt_latent_keeps_queries ? pair : 0][half],
        nt_shared_address(memory.queries)
          + nt_latent_place(row_tile * 16 + lane % 16, pair * 4 + half * 2 + lane / 16));
  }
  // All that stay, once the queries are there.
  __device__ __forceinline__ void keep(const nt_latent_memory &memory) {
    if constexpr (nt_latent_keeps_queries) {
#pragma unroll
      for (int pair = 0; pair < nt_latent_key_pairs; pair++) load(memory, pair);
    }
  }
};

// Adds a tile that is there to the state. last[r]: the last position that the thread's row r sees; positions behind
// `context` hold zeros and are behind every row's last one. `first`: the tile's first position. Two barriers of the
// block.
__device__ __forceinline__ void nt_latent_add(
  nt_latent_memory &memory, nt_latent_state &state, nt_latent_operands &queries, int stage, int first,
  const int (&last)[2], float scale) {
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const int row_tile = warp % nt_latent_row_tiles, key_warp = warp / nt_latent_row_tiles;
  const int first_key = key_warp * nt_latent_key_eights * 8;
  const nt_u32 keys = nt_shared_address(memory.tiles[stage]);

  // Scores of 16 rows and the warp's positions.
  float sums[nt_latent_chains][nt_latent_key_eights][4] = {};
#pragma unroll(nt_latent_keeps_queries ? nt_latent_key_pairs : 2)
  for (int pair = 0; pair < nt_latent_key_pairs; pair++) {
    if constexpr (!nt_latent_keeps_queries) queries.load(memory, pair);
    const nt_u32(&q)[2][4] = queries.q[nt_latent_keeps_queries ? pair : 0];
#pragma unroll
    for (int n = 0; n < nt_latent_key_eights; n++) {
      nt_u32 k[4];
      nt_load_matrices(k, keys + nt_latent_place(first_key + n * 8 + lane % 8, pair * 4 + lane / 8));
      nt_mma_16x8x16<NT_CACHE>(sums[pair * 2 % nt_latent_chains][n], q[0], k[0], k[1]);
      nt_mma_16x8x16<NT_CACHE>(sums[(pair * 2 + 1) % nt_latent_chains][n], q[1], k[2], k[3]);
    }
  }
  float(&scores)[nt_latent_key_eights][4] = sums[0];
#pragma unroll
  for (int chain = 1; chain < nt_latent_chains; chain++)
#pragma unroll
    for (int n = 0; n < nt_latent_key_eights; n++)
#pragma unroll
      for (int c = 0; c < 4; c++) scores[n][c] += sums[chain][n][c];
  const int key = first + first_key + lane % 4 * 2;
#pragma unroll
  for (int r = 0; r < 2; r++) {
    float top = nt_latent_unseen();
#pragma unroll
    for (int n = 0; n < nt_latent_key_eights; n++)
#pragma unroll
      for (int c = 0; c < 2; c++) {
        float &score = scores[n][2 * r + c];
        score = key + n * 8 + c <= last[r] ? score * scale : nt_latent_unseen();
        top = fmaxf(top, score);
      }
    top = fmaxf(top, __shfl_xor_sync(~0u, top, 1));
    top = fmaxf(top, __shfl_xor_sync(~0u, top, 2));
    if (lane % 4 == 0) memory.highest[key_warp][row_tile * 16 + lane / 4 + 8 * r] = top;
  }
  __syncthreads();

  // Weights, and what older sums are multiplied with.
#pragma unroll
  for (int r = 0; r < 2; r++) {
    const int row = row_tile * 16 + lane / 4 + 8 * r;
    float top = state.highest[r];
#pragma unroll
    for (int w = 0; w < nt_latent_key_warps; w++) top = fmaxf(top, memory.highest[w][row]);
    // A row that has seen nothing yet must not take infinity from infinity.
    const float base = top == nt_latent_unseen() ? 0 : top;
    const float factor = nt_latent_exp2(state.highest[r] - base);
    state.highest[r] = top;
    float sum = 0;
#pragma unroll
    for (int n = 0; n < nt_latent_key_eights; n++) {
      const float a = nt_latent_exp2(scores[n][2 * r] - base), b = nt_latent_exp2(scores[n][2 * r + 1] - base);
      sum += a + b;
      *(nt_u32 *)(memory.weights + row * nt_latent_weight_pitch + (first_key + n * 8 + lane % 4 * 2) * 2) =
        nt_pack2<NT_CACHE>(a, b);
    }
    state.sum[r] = fmaf(state.sum[r], factor, sum);
    if (key_warp == 0 && lane % 4 == 0) memory.factors[row] = factor;
  }
  __syncthreads();

  // Sums of all rows and the warp's columns.
#pragma unroll
  for (int i = 0; i < nt_latent_row_tiles; i++)
#pragma unroll
    for (int r = 0; r < 2; r++) {
      const float factor = memory.factors[i * 16 + lane / 4 + 8 * r];
#pragma unroll
      for (int n = 0; n < nt_latent_value_eights; n++) {
        state.values[i][n][2 * r] *= factor;
        state.values[i][n][2 * r + 1] *= factor;
      }
    }
  const nt_u32 weights = nt_shared_address(memory.weights);
#pragma unroll
  for (int half = 0; half < 2; half++) {
    nt_u32 p[nt_latent_row_tiles][2][4];
#pragma unroll
    for (int i = 0; i < nt_latent_row_tiles; i++)
#pragma unroll
      for (int step = 0; step < 2; step++)
        nt_load_matrices(
          p[i][step],
          weights + (i * 16 + lane % 16) * nt_latent_weight_pitch + half * 64 + step * 32 + lane / 16 * 16);
#pragma unroll
    for (int n = 0; n < nt_latent_value_eights; n++) {
      nt_u32 v[4];  // 32 positions of 8 columns
      nt_load_matrices_transposed(v, keys + nt_latent_place(half * 32 + lane, warp * nt_latent_value_eights + n));
#pragma unroll
      for (int i = 0; i < nt_latent_row_tiles; i++) {
        nt_mma_16x8x16<NT_CACHE>(state.values[i][n], p[i][0], v[0], v[1]);
        nt_mma_16x8x16<NT_CACHE>(state.values[i][n], p[i][1], v[2], v[3]);
      }
    }
  }
}

// Starts the copies of a tile of a sequence with so many positions, which lies in a block of the cache.
__device__ __forceinline__ void nt_latent_start(
  nt_latent_memory &memory, const void *cache, nt_i32 block, int stage, int tile, int context) {
  nt_latent_bring(memory, stage, (const nt_u16 *)cache + (nt_i64)block * nt_latent_tile * NT_HEAD_DIM,
                  context - tile * nt_latent_tile);
  nt_latent_commit();
}

// Goes over tiles start ..< end of a sequence's block table, of which the first is on its way to `stage`, and so are
// the queries; `stage` is the next one afterwards, and the block is done with all memory but the state's. `ahead`: the
// second tile's block. before() runs ahead of the first barrier, after() behind it.
template <class Before, class After>
__device__ __forceinline__ void nt_latent_attend(
  nt_latent_memory &memory, nt_latent_state &state, const void *cache, const nt_i32 *blocks, int &stage, int start,
  int end, int context, const int (&last)[2], float scale, const Before &before, const After &after) {
  nt_latent_operands queries;
  nt_i32 ahead = start + 1 < end ? blocks[start + 1] : 0;  // of the table, so that nobody waits for it
  for (int tile = start; tile < end; tile++) {
    nt_latent_arrived();
    if (tile == start) before();
    __syncthreads();  // the tile is there, and all are done with the one before
    const int next = (stage + 1) % NT_STAGES;
    if (NT_STAGES > 1 && tile + 1 < end) {
      nt_latent_start(memory, cache, ahead, next, tile + 1, context);
      if (tile + 2 < end) ahead = blocks[tile + 2];
    }
    if (tile == start) {
      queries.keep(memory);
      after();
    }
    nt_latent_add(memory, state, queries, stage, tile * nt_latent_tile, last, scale);
    if (NT_STAGES == 1 && tile + 1 < end) {
      __syncthreads();
      nt_latent_start(memory, cache, ahead, next, tile + 1, context);
      if (tile + 2 < end) ahead = blocks[tile + 2];
    }
    stage = next;
  }
  __syncthreads();
}

// The rows' whole sums, to memory.highest[0]; the thread's highest scores are the rows' already.
__device__ __forceinline__ void nt_latent_sum(nt_latent_memory &memory, const nt_latent_state &state) {
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const int row_tile = warp % nt_latent_row_tiles, key_warp = warp / nt_latent_row_tiles;
#pragma unroll
  for (int r = 0; r < 2; r++) {
    float sum = state.sum[r];
    sum += __shfl_xor_sync(~0u, sum, 1);
    sum += __shfl_xor_sync(~0u, sum, 2);
    if (lane % 4 == 0) memory.highest[key_warp][row_tile * 16 + lane / 4 + 8 * r] = sum;
  }
  __syncthreads();
  if (threadIdx.x < NT_ROWS) {
    float sum = 0;
#pragma unroll
    for (int w = 0; w < nt_latent_key_warps; w++) sum += memory.highest[w][threadIdx.x];
    memory.highest[0][threadIdx.x] = sum;
  }
  __syncthreads();
}

// Gives store(row, column, two values) each pair of the rows' sums of values.
template <class Store>
__device__ __forceinline__ void nt_latent_store(const nt_latent_state &state, const Store &store) {
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
#pragma unroll
  for (int i = 0; i < nt_latent_row_tiles; i++)
#pragma unroll
    for (int r = 0; r < 2; r++)
#pragma unroll
      for (int n = 0; n < nt_latent_value_eights; n++) {
        const int column = (warp * nt_latent_value_eights + n) * 8 + lane % 4 * 2;
        const float pair[2] = {state.values[i][n][2 * r], state.values[i][n][2 * r + 1]};
        if (column < NT_VALUE_DIM) store(i * 16 + lane / 4 + 8 * r, column, pair);
      }
}

#endif
