// The ring of sm90_matmul.cu: the warp that fills it with chunks of tiles, and the warpgroups that multiply them.
#ifndef NEEDLETAIL_CUDA_SM90_RING_CUH
#define NEEDLETAIL_CUDA_SM90_RING_CUH
#include "common/cluster.cuh"
#include "common/tensor_copies.cuh"
#include "matmul/sm90_tiles.cuh"
#include "matmul/sm90_wgmma.cuh"

// Fills the ring with the tiles of one block.
struct nt_producer {
  const nt_tensor_map *x_map, *w_map;
  nt_u32 memory, full, empty;
  nt_u32 share, split;
  nt_u64 w_policy;
  int stage;
  nt_u32 parity;

  __device__ __forceinline__ void next() {
    if (++stage == NT_STAGES) {
      stage = 0;
      parity ^= 1;
    }
  }

  __device__ __forceinline__ void load_x(int stage, const nt_tile &tile, int chunk) const {
    const nt_u32 to = memory + stage * STAGE_BYTES, barrier = full + stage * 8;
    const int row = tile.row;
    if constexpr (NT_SHARE == 2) {
      const int half = (int)share * (TILE_M / 2);
      nt_copy_box_to_cluster(
        to + half * 128, x_map, chunk * CHUNK, row + half, barrier, 3 << (split * 2), NT_CACHE_EVICT_LAST);
    } else {
      nt_copy_box(to, x_map, chunk * CHUNK, row, barrier, NT_CACHE_EVICT_LAST);
    }
  }

  __device__ __forceinline__ void load_w(int stage, const nt_tile &tile, int chunk, int n) const {
    const nt_u32 to = memory + stage * STAGE_BYTES + X_BYTES, barrier = full + stage * 8;
    const int row = tile.column;
    const int second = GATED ? n / 2 + row : row + TILE_N / 2;
    if constexpr (NT_SHARE == 1) {
      nt_copy_box_to_cluster(
        to + share * (W_BYTES / 2), w_map, chunk * CHUNK, share == 0 ? row : second, barrier, 3 << (split * 2), w_policy);
    } else if constexpr (GATED) {
      nt_copy_box(to, w_map, chunk * CHUNK, row, barrier, w_policy);
      nt_copy_box(to + W_BYTES / 2, w_map, chunk * CHUNK, second, barrier, w_policy);
    } else {
      nt_copy_box(to, w_map, chunk * CHUNK, row, barrier, w_policy);
    }
  }
};

// Multiplies the chunks of a tile as they come, and says when a stage may be filled again.
struct nt_consumer {
  nt_u32 memory, full, empty;
  nt_u32 split;
  int stage;
  nt_u32 parity;

  __device__ __forceinline__ void release(int stage) const {
    if (threadIdx.x % 32 == 0) {
      if constexpr (SHARED == 1) {
        nt_barrier_arrive(empty + stage * 8);
      } else {
        nt_barrier_arrive_cluster(nt_cluster_address(empty + stage * 8, split * 2));
        nt_barrier_arrive_cluster(nt_cluster_address(empty + stage * 8, split * 2 + 1));
      }
    }
  }

  // Lets the chunks of a tile pass that has no rows for this warpgroup.
  __device__ __forceinline__ void pass(int chunks) {
    for (int chunk = 0; chunk < chunks; chunk++) {
      nt_barrier_wait(full + stage * 8, parity);
      release(stage);
      if (++stage == NT_STAGES) {
        stage = 0;
        parity ^= 1;
      }
    }
  }

  __device__ __forceinline__ void multiply(float (&sums)[M_TILES][TILE_N / 2], int chunks) {
    const int group = threadIdx.x / 128;
    if (NT_SPLIT * NT_PARTS > 1 && chunks == 0) {
#pragma unroll
      for (int m = 0; m < M_TILES; m++) {
#pragma unroll
        for (int i = 0; i < TILE_N / 2; i++) sums[m][i] = 0.0f;
      }
      return;
    }
    int previous = 0;
    for (int chunk = 0; chunk < chunks; chunk++) {
      const nt_u32 x = memory + stage * STAGE_BYTES + group * (M_TILES * 8192);
      const nt_u64 w_tile = nt_wgmma_tile(memory + stage * STAGE_BYTES + X_BYTES);
      nt_barrier_wait(full + stage * 8, parity);
      nt_wgmma_fence();
#pragma unroll
      for (int k = 0; k < 4; k++) {
#pragma unroll
        for (int m = 0; m < M_TILES; m++) {
          nt_wgmma<TILE_N>::run(sums[m], nt_wgmma_tile(x + m * 8192) + k * 2, w_tile + k * 2, chunk > 0 || k > 0);
        }
      }
      nt_wgmma_commit();
      if (chunk > 0) {
        nt_wgmma_wait<1>();
        release(previous);
      }
      previous = stage;
      if (++stage == NT_STAGES) {
        stage = 0;
        parity ^= 1;
      }
    }
    nt_wgmma_wait<0>();
#pragma unroll
    for (int m = 0; m < M_TILES; m++) nt_wgmma_hold(sums[m]);
    release(previous);
  }
};

#endif
