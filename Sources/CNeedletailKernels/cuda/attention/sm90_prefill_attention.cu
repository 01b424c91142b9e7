// Prefill attention over the paged cache on Hopper (paged_attention.h), after FlashAttention-3 (J. Shah et al., arXiv
// 2407.08608): one warp brings keys and values by the copy engine, three bring queries, and each of NT_WARPGROUPS
// warpgroups attends for 64 rows. A warpgroup issues the scores of the next step and the sum of values of this one
// together, and computes the next step's softmax under the latter; the warpgroups take turns at issuing, so that one's
// softmax runs under the other's products. Weights go from registers into the tensor cores.
//
// Blocks stay and take tiles of rows by a counter, long ones first; a tile's rows are those of prefill_tiles.cuh.
// Elsewhere prefill_attention.cu.
//
//   NT_IN: type of queries and cache (NT_BF16, NT_F16)   NT_OUT: of the result
//   NT_HEAD_DIM: of queries, keys and values, a multiple of 16   NT_STEP: keys at a time, 64 or 128
//   NT_STAGES: steps whose keys and values shared memory holds   NT_QUERY_TILES: tiles whose queries it holds, 1 or 2
//   tensor map: the layer's cache as rows of head_dim elements, boxes of 64 x 64, 128-byte swizzle
#include "common/conversions.cuh"
#include "common/launch.cuh"
#include "common/tensor_copies.cuh"

#define NT_ROWS (64 * NT_WARPGROUPS)
#define NT_ELEMENT_BYTES 2
#include "attention/prefill_softmax.cuh"
#include "attention/sm90_wgmma_registers.cuh"

namespace {

constexpr int kPositions = 64;  // of a cache block
constexpr int kParts = (NT_HEAD_DIM + 63) / 64;
constexpr nt_u32 kQueryPart = NT_ROWS * 128;
constexpr nt_u32 kQueryBytes = kParts * kQueryPart;
constexpr nt_u32 kStepPart = NT_STEP * 128;
constexpr nt_u32 kStepBytes = kParts * kStepPart;
constexpr int kConsumers = 128 * NT_WARPGROUPS;
constexpr int kLoaders = 96;
constexpr int kRegisters = NT_WARPGROUPS == 2 ? 224 : 160;
constexpr int kOtherRegisters = NT_WARPGROUPS == 2 ? 56 : 32;
// Columns of values that one instruction multiplies.
constexpr int kColumns = NT_HEAD_DIM % 128 == 0 ? 128 : NT_HEAD_DIM == 96 ? 96 : 64;
static_assert(NT_HEAD_DIM % kColumns == 0, "head size");

struct Shared {
  nt_u8 queries[NT_QUERY_TILES][kQueryBytes];
  nt_u8 keys[NT_STAGES][kStepBytes];
  nt_u8 values[NT_STAGES][kStepBytes];
  nt_u64 query_full[NT_QUERY_TILES], query_empty[NT_QUERY_TILES];
  nt_u64 key_full[NT_STAGES], key_empty[NT_STAGES], value_full[NT_STAGES], value_empty[NT_STAGES];
  nt_u64 tile_full[2], tile_empty[2];
  nt_prefill_tile tiles[2];
};
// What the launch's configuration adds to tiles.
static_assert(sizeof(Shared) <= NT_QUERY_TILES * kQueryBytes + 2 * NT_STAGES * kStepBytes + 512, "shared memory");

// A place in a ring and the parity of its current round.
template <int COUNT> struct Ring {
  nt_u32 place = 0;
  nt_u32 round = 0;
  __device__ __forceinline__ void advance() {
    if (++place == COUNT) {
      place = 0;
      round ^= 1;
    }
  }
};

__device__ __forceinline__ void arrive_threads(int barrier, int threads) {
  asm volatile("bar.arrive %0, %1;" ::"r"(barrier), "r"(threads) : "memory");
}

// One warp: chooses tiles and brings their keys and values.
__device__ __forceinline__ void bring_keys(
  const nt_prefill_attention_arguments &a, const nt_tensor_map *map, Shared &shared
) {
  const int lane = threadIdx.x & 31;
  nt_prefill_search search;
  search.start_at_first(a);
  Ring<2> tiles;
  Ring<NT_STAGES> keys, values;
  nt_i64 number = blockIdx.x;
  for (;;) {
    nt_prefill_tile tile;
    const bool found = search.find(a, number, tile);
    if (!found) tile.first_step = tile.end_step = 0;
    nt_barrier_wait(nt_shared_address(&shared.tile_empty[tiles.place]), tiles.round ^ 1);
    if (lane == 0) {
      shared.tiles[tiles.place] = tile;
      nt_barrier_arrive(nt_shared_address(&shared.tile_full[tiles.place]));
    }
    tiles.advance();
    if (!found) break;
    nt_u32 next = 0;
    if (lane == 0) next = atomicAdd(a.counters, 1u);

    const nt_i32 *table = a.block_tables + tile.sequence * a.block_table_stride;
    const int blocks = (tile.context + kPositions - 1) / kPositions;
    constexpr int kBlocks = NT_STEP / kPositions;
    // The rows of the cache where a step's keys start; values follow them. The table's entries of 32 blocks at a time
    // are with the lanes. A block behind the sequence's end is read from outside the cache, which gives zeros.
    nt_i32 entries = 0;
    nt_i32 rows[kBlocks], value_rows[kBlocks];
    int held = -1;
    const auto find_rows = [&](int step) {
#pragma unroll
      for (int b = 0; b < kBlocks; b++) {
        const int block = step * kBlocks + b;
        if (block / 32 != held) {
          held = block / 32;
          const int mine = held * 32 + lane;
          entries = mine < blocks ? table[mine] : -1;
        }
        const nt_i32 entry = __shfl_sync(~0u, entries, block & 31);
        rows[b] = entry < 0 ? -kPositions : (entry * a.kv_heads + tile.kv_head) * (2 * kPositions);
      }
    };
    const auto bring = [&](nt_u8 *to, const nt_i32 *from, int first, nt_u32 barrier) {
      nt_barrier_expect(barrier, kStepBytes);
#pragma unroll
      for (int part = 0; part < kParts; part++) {
#pragma unroll
        for (int b = 0; b < kBlocks; b++) {
          const nt_u32 place = nt_shared_address(to) + part * kStepPart + b * (kPositions * 128);
          nt_copy_box(place, map, part * 64, from[b] < 0 ? from[b] : from[b] + first, barrier, NT_CACHE_NORMAL);
        }
      }
    };
    const auto bring_step_keys = [&]() {
      nt_barrier_wait(nt_shared_address(&shared.key_empty[keys.place]), keys.round ^ 1);
      if (lane == 0) bring(shared.keys[keys.place], rows, 0, nt_shared_address(&shared.key_full[keys.place]));
      __syncwarp();
      keys.advance();
    };
    const auto bring_step_values = [&]() {
      nt_barrier_wait(nt_shared_address(&shared.value_empty[values.place]), values.round ^ 1);
      if (lane == 0) {
        bring(shared.values[values.place], value_rows, kPositions, nt_shared_address(&shared.value_full[values.place]));
      }
      __syncwarp();
      values.advance();
    };
    // In the order they are used: keys of a step, then values of the one before.
    for (int step = tile.first_step; step < tile.end_step; step++) {
      find_rows(step);
      bring_step_keys();
      if (step > tile.first_step) bring_step_values();
#pragma unroll
      for (int b = 0; b < kBlocks; b++) value_rows[b] = rows[b];
    }
    bring_step_values();
    number = gridDim.x + (nt_i64)__shfl_sync(~0u, next, 0);
  }
  // The last block to find no more tiles clears the counters.
  if (lane == 0) {
    __threadfence();
    if (atomicAdd(a.counters + 1, 1u) == gridDim.x - 1) {
      a.counters[0] = 0;
      a.counters[1] = 0;
    }
  }
}

// Three warps: bring the tiles' queries, as the copy engine would lay them.
__device__ __forceinline__ void bring_queries(const nt_prefill_attention_arguments &a, Shared &shared) {
  const int thread = threadIdx.x - 32;
  constexpr int kChunks = NT_HEAD_DIM / 8;
  Ring<2> tiles;
  Ring<NT_QUERY_TILES> queries;
  for (;;) {
    nt_barrier_wait(nt_shared_address(&shared.tile_full[tiles.place]), tiles.round);
    const nt_prefill_tile tile = shared.tiles[tiles.place];
    nt_barrier_arrive(nt_shared_address(&shared.tile_empty[tiles.place]));
    tiles.advance();
    if (tile.end_step == tile.first_step) return;
    nt_barrier_wait(nt_shared_address(&shared.query_empty[queries.place]), queries.round ^ 1);
    const nt_u32 base = nt_shared_address(shared.queries[queries.place]);
    const nt_u16 *q = (const nt_u16 *)a.q + tile.kv_head * (NT_GROUP * NT_HEAD_DIM);
    for (int i = thread; i < NT_ROWS * kChunks; i += kLoaders) {
      const int line = i / kChunks;
      const int chunk = i % kChunks;
      const int row = tile.first_row + line;
      const bool exists = row < tile.rows;
      const nt_u16 *from = exists
        ? q + (tile.first_query + row / NT_GROUP) * a.q_stride + row % NT_GROUP * NT_HEAD_DIM + chunk * 8
        : (const nt_u16 *)a.q;
      const nt_u32 to = base + chunk / 8 * kQueryPart + line * 128 + (((chunk & 7) ^ (line & 7)) << 4);
      asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(exists ? 16 : 0)
                   : "memory");
    }
    asm volatile("cp.async.wait_all;" ::: "memory");
    nt_fence_async_shared();
    nt_barrier_arrive(nt_shared_address(&shared.query_full[queries.place]));
    queries.advance();
  }
}

// A warpgroup: attends for 64 rows of each tile.
__device__ __forceinline__ void attend(const nt_prefill_attention_arguments &a, Shared &shared) {
  const int group = threadIdx.x / 128 - 1;
  const int warp = threadIdx.x / 32 & 3;
  const int lane = threadIdx.x & 31;
  const int line = group * 64 + warp * 16 + lane / 4;
  const float scale = nt_prefill_rows::exponent_scale(a);
  const int turn = 1 + group;
  const int next_turn = 1 + (group + 1) % NT_WARPGROUPS;
  const int alone = 1 + NT_WARPGROUPS + group;
  Ring<2> tiles;
  Ring<NT_QUERY_TILES> queries;
  Ring<NT_STAGES> keys, values;
  if (group == 0) arrive_threads(turn, 256);

  float s[NT_STEP / 2];
  nt_u32 weights[NT_STEP / 4];
  float o[NT_HEAD_DIM / 2];
  for (;;) {
    nt_barrier_wait(nt_shared_address(&shared.tile_full[tiles.place]), tiles.round);
    const nt_prefill_tile tile = shared.tiles[tiles.place];
    nt_barrier_arrive(nt_shared_address(&shared.tile_empty[tiles.place]));
    tiles.advance();
    if (tile.end_step == tile.first_step) return;

    nt_prefill_rows rows;
    rows.start(a, tile, line);
    // Steps whose keys all rows of the tile see whole: sees_all ..< hides.
    const int hides = (tile.offset + tile.first_row / NT_GROUP + 1) / NT_STEP;
#if NT_WINDOWED
    const int last_row = min(tile.first_row + NT_ROWS, tile.rows) - 1;
    const int sees_all = max(0, tile.offset + last_row / NT_GROUP - a.window + NT_STEP) / NT_STEP;
#else
    const int sees_all = 0;
#endif
    const nt_u64 query = nt_wgmma_tile(nt_shared_address(shared.queries[queries.place]) + group * 64 * 128);
    const auto multiply_keys = [&]() {
      const nt_u64 key = nt_wgmma_tile(nt_shared_address(shared.keys[keys.place]));
#pragma unroll
      for (int k = 0; k < NT_HEAD_DIM / 16; k++) {
        nt_wgmma<NT_STEP>::run(
          s, query + k / 4 * (kQueryPart >> 4) + k % 4 * 2, key + k / 4 * (kStepPart >> 4) + k % 4 * 2, k > 0);
      }
      nt_wgmma_commit();
    };
    const auto multiply_values = [&]() {
      const nt_u64 value = nt_wgmma_rows(nt_shared_address(shared.values[values.place]), kStepPart);
#pragma unroll
      for (int k = 0; k < NT_STEP / 16; k++) {
#pragma unroll
        for (int c = 0; c < NT_HEAD_DIM / kColumns; c++) {
          nt_wgmma_registers<kColumns>::run(
            o + c * (kColumns / 2), weights + 4 * k, value + k * 128 + c * (kColumns / 64) * (kStepPart >> 4));
        }
      }
      nt_wgmma_commit();
    };
    const auto release = [&](nt_u64 &barrier) {
      if (lane == 0) nt_barrier_arrive(nt_shared_address(&barrier));
    };
    float factors[2];
    const auto weigh = [&](int step) {
      const nt_i32 key = step * NT_STEP + 2 * (lane & 3);
      rows.shape(a, s, key);
      if (step >= hides || step < sees_all) rows.hide(a, s, key);
      rows.weigh(s, scale, factors);
    };
    const auto pack = [&]() {
#pragma unroll
      for (int i = 0; i < NT_STEP / 4; i++) weights[i] = nt_pack2<NT_IN>(s[2 * i], s[2 * i + 1]);
    };

#pragma unroll
    for (int i = 0; i < NT_HEAD_DIM / 2; i++) o[i] = 0;
    nt_barrier_wait(nt_shared_address(&shared.query_full[queries.place]), queries.round);
    nt_barrier_wait(nt_shared_address(&shared.key_full[keys.place]), keys.round);
    nt_wgmma_hold(s);
    nt_wgmma_fence();
    multiply_keys();
    nt_wgmma_wait<0>();
    nt_wgmma_hold(s);
    release(shared.key_empty[keys.place]);
    keys.advance();
    weigh(tile.first_step);
    pack();

    if (tile.first_step + 1 < tile.end_step) {
      nt_barrier_wait(nt_shared_address(&shared.key_full[keys.place]), keys.round);
    }
    for (int step = tile.first_step + 1; step < tile.end_step; step++) {
      nt_named_barrier(turn, 256);
      nt_wgmma_hold(s);
      nt_wgmma_hold(o);
      nt_wgmma_fence();
      multiply_keys();
      nt_barrier_wait(nt_shared_address(&shared.value_full[values.place]), values.round);
      multiply_values();
      arrive_threads(next_turn, 256);
      nt_wgmma_wait<1>();
      nt_wgmma_hold(s);
      release(shared.key_empty[keys.place]);
      keys.advance();
      weigh(step);
      // Waiting for the next keys here also keeps the compiler from moving the exponentials behind the products' end.
      if (step + 1 < tile.end_step) nt_barrier_wait(nt_shared_address(&shared.key_full[keys.place]), keys.round);
      nt_wgmma_wait<0>();
      nt_wgmma_hold(o);
      release(shared.value_empty[values.place]);
      values.advance();
      pack();
#pragma unroll
      for (int i = 0; i < NT_HEAD_DIM / 2; i++) o[i] *= factors[i >> 1 & 1];
    }

    nt_barrier_wait(nt_shared_address(&shared.value_full[values.place]), values.round);
    // What a block holds behind the sequence's end may be anything, even no numbers: zero it. Both warpgroups do.
    const int valid = tile.context - (tile.end_step - 1) * NT_STEP;
    if (valid < NT_STEP) {
      const nt_u32 base = nt_shared_address(shared.values[values.place]);
      for (int i = threadIdx.x & 127; i < (NT_STEP - valid) * kParts * 8; i += 128) {
        const int row = valid + i / (kParts * 8);
        const nt_u32 to = base + i / 8 % kParts * kStepPart + row * 128 + i % 8 * 16;
        asm volatile("st.shared.v4.u32 [%0], {%1, %1, %1, %1};" ::"r"(to), "r"(0) : "memory");
      }
      nt_fence_async_shared();
      nt_named_barrier(alone, 128);
    }
    nt_wgmma_hold(o);
    nt_wgmma_fence();
    multiply_values();
    rows.finish(a, scale, factors);
    nt_wgmma_wait<0>();
    nt_wgmma_hold(o);
    release(shared.value_empty[values.place]);
    values.advance();

#if NT_OUT == 1
    if (lane == 0) nt_barrier_arrive(nt_shared_address(&shared.query_empty[queries.place]));
#pragma unroll
    for (int r = 0; r < 2; r++) {
      const int row = tile.first_row + line + 8 * r;
      if (row >= tile.rows) continue;
      float *out = (float *)a.out + (tile.first_query + row / NT_GROUP) * a.out_stride + rows.head[r] * NT_HEAD_DIM;
#pragma unroll
      for (int i = 0; i < NT_HEAD_DIM / 8; i++) {
        *(float2 *)(out + i * 8 + 2 * (lane & 3)) =
          make_float2(o[4 * i + 2 * r] * factors[r], o[4 * i + 2 * r + 1] * factors[r]);
      }
    }
#else
    // Through shared memory, where the warpgroup's queries were: whole lines go out.
    const nt_u32 base = nt_shared_address(shared.queries[queries.place]) + group * 64 * 128;
    const int mine = warp * 16 + lane / 4;
    nt_named_barrier(alone, 128);
#pragma unroll
    for (int i = 0; i < NT_HEAD_DIM / 8; i++) {
#pragma unroll
      for (int r = 0; r < 2; r++) {
        const int at = mine + 8 * r;
        const nt_u32 to = base + i / 8 * kQueryPart + at * 128 + (((i & 7) ^ (at & 7)) << 4) + (lane & 3) * 4;
        const nt_u32 pair = nt_pack2<NT_OUT>(o[4 * i + 2 * r] * factors[r], o[4 * i + 2 * r + 1] * factors[r]);
        asm volatile("st.shared.u32 [%0], %1;" ::"r"(to), "r"(pair) : "memory");
      }
    }
    nt_named_barrier(alone, 128);
    constexpr int kChunks = NT_HEAD_DIM / 8;
#pragma unroll
    for (int n = 0; n < 64 * kChunks / 128; n++) {
      const int i = n * 128 + (threadIdx.x & 127);
      const int at = i / kChunks;
      const int chunk = i % kChunks;
      const int row = tile.first_row + group * 64 + at;
      const nt_u32 from = base + chunk / 8 * kQueryPart + at * 128 + (((chunk & 7) ^ (at & 7)) << 4);
      uint4 line_part;
      asm volatile("ld.shared.v4.u32 {%0, %1, %2, %3}, [%4];"
                   : "=r"(line_part.x), "=r"(line_part.y), "=r"(line_part.z), "=r"(line_part.w) : "r"(from) : "memory");
      if (row < tile.rows) {
        nt_u16 *out = (nt_u16 *)a.out + (tile.first_query + row / NT_GROUP) * a.out_stride
          + (tile.kv_head * NT_GROUP + row % NT_GROUP) * NT_HEAD_DIM;
        *(uint4 *)(out + chunk * 8) = line_part;
      }
    }
    __syncwarp();
    if (lane == 0) nt_barrier_arrive(nt_shared_address(&shared.query_empty[queries.place]));
#endif
    queries.advance();
  }
}

}  // namespace

extern "C" __global__ void __launch_bounds__(128 + kConsumers, 1) sm90_prefill_attention(
  const __grid_constant__ nt_prefill_attention_arguments a, const __grid_constant__ nt_tensor_map cache
) {
  extern __shared__ __align__(1024) nt_u8 memory[];
  Shared &shared = *(Shared *)memory;
  nt_let_successors_start();
  if (threadIdx.x == 0) {
    nt_prefetch_tensor_map(&cache);
    for (int i = 0; i < NT_QUERY_TILES; i++) {
      nt_barrier_init(nt_shared_address(&shared.query_full[i]), kLoaders);
      nt_barrier_init(nt_shared_address(&shared.query_empty[i]), 4 * NT_WARPGROUPS);
    }
    for (int i = 0; i < NT_STAGES; i++) {
      nt_barrier_init(nt_shared_address(&shared.key_full[i]), 1);
      nt_barrier_init(nt_shared_address(&shared.key_empty[i]), 4 * NT_WARPGROUPS);
      nt_barrier_init(nt_shared_address(&shared.value_full[i]), 1);
      nt_barrier_init(nt_shared_address(&shared.value_empty[i]), 4 * NT_WARPGROUPS);
    }
    for (int i = 0; i < 2; i++) {
      nt_barrier_init(nt_shared_address(&shared.tile_full[i]), 1);
      nt_barrier_init(nt_shared_address(&shared.tile_empty[i]), kLoaders + kConsumers);
    }
    nt_barrier_init_fence();
  }
  __syncthreads();
  nt_wait_for_predecessors();
  if (threadIdx.x < 128) {
    asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(kOtherRegisters));
    if (threadIdx.x < 32) {
      bring_keys(a, &cache, shared);
    } else {
      bring_queries(a, shared);
    }
  } else {
    asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(kRegisters));
    attend(a, shared);
  }
}
