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
//   NT_HEAD_DIM: of queries, keys and values: 64, 96, 128, 192, 256   NT_STEP: keys at a time, 64 or 128
//   NT_STAGES: steps whose keys and values shared memory holds   NT_QUERY_TILES: tiles whose queries it holds, 1 or 2
//   tensor map: the layer's cache as rows of head_dim elements, boxes of 64 x 64, 128-byte swizzle
#include "attention/sm90_prefill_copies.cuh"

namespace {

// Stores a warp's 16 rows: a lane's two rows, their sums of values times the factors.
__device__ __forceinline__ void store_rows(
  const nt_prefill_attention_arguments &a, const nt_prefill_tile &tile, int line, const float (&o)[NT_HEAD_DIM / 2],
  const float (&factors)[2]
) {
  const int t = threadIdx.x & 3;
#pragma unroll
  for (int r = 0; r < 2; r++) {
    const int row = tile.first_row + line + 8 * r;
    const nt_i64 from = (tile.first_query + row / NT_GROUP) * a.out_stride
      + (tile.kv_head * NT_GROUP + row % NT_GROUP) * NT_HEAD_DIM;
    const bool exists = row < tile.rows;
    if constexpr (NT_OUT == NT_F32) {
      float *out = (float *)a.out + from + 2 * t;
#pragma unroll
      for (int i = 0; i < NT_HEAD_DIM / 8; i++) {
        const float2 pair = make_float2(o[4 * i + 2 * r] * factors[r], o[4 * i + 2 * r + 1] * factors[r]);
        if (exists) *(float2 *)(out + i * 8) = pair;
      }
    } else {
      nt_u16 *out = (nt_u16 *)a.out + from + 8 * t;
#pragma unroll
      for (int i = 0; i < NT_HEAD_DIM / 32; i++) {
        // The four lanes of a row exchange pairs of columns, so that each has 16 bytes in a row.
        nt_u32 pair[4];
#pragma unroll
        for (int n = 0; n < 4; n++) {
          const int at = 16 * i + 4 * n + 2 * r;
          pair[n] = nt_pack2<NT_OUT>(o[at] * factors[r], o[at + 1] * factors[r]);
        }
#pragma unroll
        for (int mask = 1; mask < 4; mask *= 2) {
#pragma unroll
          for (int n = 0; n < 4; n++) {
            if (n & mask) continue;
            const nt_u32 received = __shfl_xor_sync(~0u, t & mask ? pair[n] : pair[n + mask], mask);
            if (t & mask) {
              pair[n] = received;
            } else {
              pair[n + mask] = received;
            }
          }
        }
        if (exists) *(uint4 *)(out + i * 32) = make_uint4(pair[0], pair[1], pair[2], pair[3]);
      }
    }
  }
}

// A warpgroup: attends for 64 rows of each tile. The first scores of a tile are computed with the last values of the
// one before, whose rows are stored under the other warpgroups' products.
__device__ __forceinline__ void attend(const nt_prefill_attention_arguments &a, Shared &shared) {
  const int group = threadIdx.x / 128 - 1;
  const int warp = threadIdx.x / 32 & 3;
  const int lane = threadIdx.x & 31;
  const int line = group * 64 + warp * 16 + lane / 4;
  const float scale = nt_prefill_rows::exponent_scale(a);
  const int turn = 1 + group;
  const int next_turn = 1 + (group + 1) % NT_WARPGROUPS;
  const int alone = 1 + NT_WARPGROUPS + group;
  Ring<kTiles> tiles;
  Ring<NT_QUERY_TILES> queries;
  Ring<NT_STAGES> keys, values;
  float s[NT_STEP / 2];
  nt_u32 weights[NT_STEP / 4];
  float o[NT_HEAD_DIM / 2];
  float factors[2];
  nt_prefill_rows rows;
  nt_prefill_tile tile;
  // Steps whose keys all rows of the tile see whole: sees_all ..< hides.
  int hides, sees_all = 0;

  const auto take = [&]() {
    nt_barrier_wait(nt_shared_address(&shared.tile_full[tiles.place]), tiles.round);
    tile = shared.tiles[tiles.place];
    nt_barrier_arrive(nt_shared_address(&shared.tile_empty[tiles.place]));
    tiles.advance();
    hides = (tile.offset + tile.first_row / NT_GROUP + 1) / NT_STEP;
#if NT_WINDOWED || NT_CHUNKED
    const int last_row = min(tile.first_row + NT_ROWS, tile.rows) - 1;
    sees_all = (nt_first_seen(a, tile.offset + last_row / NT_GROUP) + NT_STEP - 1) / NT_STEP;
#endif
    return tile.first_step < tile.end_step;
  };
  const auto release = [&](nt_u64 &barrier) {
    if (lane == 0) nt_barrier_arrive(nt_shared_address(&barrier));
  };
  const auto wait_for_queries = [&]() {
    nt_barrier_wait(nt_shared_address(&shared.query_full[queries.place]), queries.round);
    nt_fence_async_shared();  // threads copied them, wgmma reads them
  };
  const auto wait_for_keys = [&]() {
    nt_barrier_wait(nt_shared_address(&shared.key_full[keys.place]), keys.round);
  };
  const auto wait_for_values = [&]() {
    nt_barrier_wait(nt_shared_address(&shared.value_full[values.place]), values.round);
  };
  const auto multiply_keys = [&]() {
    const nt_u64 query = nt_wgmma_tile(nt_shared_address(shared.queries[queries.place]) + group * 64 * 128);
    const nt_u64 key = nt_wgmma_tile(nt_shared_address(shared.keys[keys.place]));
    nt_wgmma_hold(s);
    nt_wgmma_fence();
#pragma unroll
    for (int k = 0; k < NT_HEAD_DIM / 16; k++) {
      nt_wgmma<NT_STEP>::run(
        s, query + k / 4 * (kQueryPart >> 4) + k % 4 * 2, key + k / 4 * (kStepPart >> 4) + k % 4 * 2, k > 0);
    }
    nt_wgmma_commit();
  };
  const auto multiply_values = [&]() {
    const nt_u64 value = nt_wgmma_rows(nt_shared_address(shared.values[values.place]), kStepPart);
    nt_wgmma_hold(o);
    nt_wgmma_fence();
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
  // The scores of a step are there.
  const auto end_keys = [&](int step) {
    nt_wgmma_hold(s);
    release(shared.key_empty[keys.place]);
    keys.advance();
    if (step + 1 == tile.end_step) {
      release(shared.query_empty[queries.place]);
      queries.advance();
    }
  };
  const auto end_values = [&]() {
    nt_wgmma_wait<0>();
    nt_wgmma_hold(o);
    release(shared.value_empty[values.place]);
    values.advance();
  };
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
  const auto clear = [&]() {
#pragma unroll
    for (int i = 0; i < NT_HEAD_DIM / 2; i++) o[i] = 0;
  };

  if (!take()) return;
  if (group == 0) arrive_threads(turn, 256);
  rows.start(a, tile, line);
  clear();
  wait_for_queries();
  wait_for_keys();
  multiply_keys();
  nt_wgmma_wait<0>();
  end_keys(tile.first_step);
  weigh(tile.first_step);
  rows.add(s, factors);
  pack();
  for (;;) {
    if (tile.first_step + 1 < tile.end_step) wait_for_keys();
    for (int step = tile.first_step + 1; step < tile.end_step; step++) {
      nt_named_barrier(turn, 256);
      multiply_keys();
      wait_for_values();
      multiply_values();
      arrive_threads(next_turn, 256);
      nt_wgmma_wait<1>();
      end_keys(step);
      weigh(step);
      // Waiting for the next keys here also keeps the compiler from moving the exponentials behind the products' end.
      if (step + 1 < tile.end_step) wait_for_keys();
      rows.add(s, factors);
      end_values();
      pack();
      // Mostly no row of the warp has seen anything higher, and times 1 changes nothing.
      if (__any_sync(~0u, factors[0] != 1 || factors[1] != 1)) {
#pragma unroll
        for (int i = 0; i < NT_HEAD_DIM / 2; i++) o[i] *= factors[i >> 1 & 1];
      }
    }

    wait_for_values();
    // What a block holds behind the sequence's end may be anything, even no numbers: zero it. All warpgroups do.
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
    float last_factors[2];
    const nt_prefill_tile last = tile;
    if (!take()) {
      multiply_values();
      rows.finish(a, scale, last_factors);
      end_values();
      store_rows(a, last, line, o, last_factors);
      return;
    }
    wait_for_queries();
    wait_for_keys();
    nt_named_barrier(turn, 256);
    multiply_keys();
    multiply_values();
    arrive_threads(next_turn, 256);
    rows.finish(a, scale, last_factors);
    rows.start(a, tile, line);
    nt_wgmma_wait<1>();
    end_keys(tile.first_step);
    weigh(tile.first_step);
    if (tile.first_step + 1 < tile.end_step) wait_for_keys();
    rows.add(s, factors);
    end_values();
    store_rows(a, last, line, o, last_factors);
    pack();
    clear();
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
    for (int i = 0; i < kTiles; i++) {
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
