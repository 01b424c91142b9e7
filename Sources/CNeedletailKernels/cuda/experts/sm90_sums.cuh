// The sums of a tile of sm90_experts.cu: 64 rows of the weight twice, times N rows of x.
#ifndef NEEDLETAIL_EXPERTS_SM90_SUMS_CUH
#define NEEDLETAIL_EXPERTS_SM90_SUMS_CUH
#include "common/barriers.cuh"
#include "experts/sm90_layout.cuh"
#include "matmul/sm90_wgmma.cuh"
#include "product/slices.cuh"

// Of a lane, in each of the two: registers 4 j ... 4 j + 3 are rows 8 j + 2 (lane % 4) of x and the next one, of column
// lane / 4 of the warp's 16, then of column lane / 4 + 8.
typedef float nt_tile_sums[2][NT_ROWS / 2];

struct nt_expert_consumer {
  nt_u32 shared;
  nt_ring_place place;

  __device__ __forceinline__ nt_u32 stage() const { return shared + place.stage * nt_stage_bytes; }
  __device__ __forceinline__ void wait() const { nt_barrier_wait(shared + nt_full_at + place.stage * 8, place.parity); }
  __device__ __forceinline__ void release(int stage) const {
    if (threadIdx.x % 32 == 0) nt_barrier_arrive(shared + nt_empty_at + stage * 8);
  }

  // The matrix instructions of 16 columns, number k of a stage.
  template <int N> __device__ __forceinline__ void issue(nt_tile_sums &sums, int k, int keeps) const {
    const int group = threadIdx.x / 128;
    const nt_u64 x = nt_wgmma_tile(stage() + nt_weight_bytes) + k * 2;
#pragma unroll
    for (int m = 0; m < 2; m++) {
      const int row = nt_is_gated ? m * 128 + group * 64 : group * 128 + m * 64;
      nt_wgmma<N>::run(
        reinterpret_cast<float(&)[N / 2]>(sums[m]), nt_wgmma_tile(stage() + row * 128) + k * 2, x, keeps);
    }
  }

  template <int N> __device__ __forceinline__ void hold(nt_tile_sums &sums) const {
#pragma unroll
    for (int m = 0; m < 2; m++) nt_wgmma_hold(reinterpret_cast<float(&)[N / 2]>(sums[m]));
  }

  // All of k in one sum.
  template <int N> __device__ __forceinline__ void multiply(nt_tile_sums &sums, int k) {
    int previous = 0;
    for (int column = 0; column < k; column += 64) {
      wait();
      nt_wgmma_fence();
#pragma unroll
      for (int i = 0; i < 4; i++) issue<N>(sums, i, column > 0 || i > 0);
      nt_wgmma_commit();
      if (column > 0) {
        nt_wgmma_wait<1>();
        release(previous);
      }
      previous = place.stage;
      place.next();
    }
    nt_wgmma_wait<0>();
    hold<N>(sums);
    release(previous);
  }

  template <int N>
  static __device__ __forceinline__ void add(nt_tile_sums &to, nt_tile_sums &from, bool is_first) {
#pragma unroll
    for (int m = 0; m < 2; m++)
#pragma unroll
      for (int i = 0; i < N / 2; i++) {
        to[m][i] = is_first ? from[m][i] : to[m][i] + from[m][i];
        from[m][i] = 0;
      }
  }

  // In the slices of k, and in the order, in which few_experts.cu adds.
  template <int N> __device__ __forceinline__ void multiply_slices(nt_tile_sums &total, int k) {
    nt_tile_sums sums = {}, group;
    const int chunks = nt_chunks(k);
    int slice = 0, slice_end = nt_first_chunk(k, 1);
    // A slice without chunks counts as zeros, as it does where each slice is a warp's.
    auto end_slices = [&](int chunk) {
      while (slice < nt_slices && chunk == slice_end) {
        add<N>(group, sums, slice % nt_group_slices == 0);
        slice++;
        if (slice % nt_group_slices == 0) add<N>(total, group, slice == nt_group_slices);
        slice_end = nt_first_chunk(k, slice + 1);
      }
    };
    end_slices(0);
    for (int chunk = 0; chunk < chunks; chunk += 2) {
      wait();
#pragma unroll
      for (int half = 0; half < 2; half++) {
        if (chunk + half >= chunks) break;
        hold<N>(sums);
        nt_wgmma_fence();
        issue<N>(sums, half * 2, 1);
        issue<N>(sums, half * 2 + 1, 1);
        nt_wgmma_commit();
        if (half == 0 && chunk + 1 != slice_end) continue;
        nt_wgmma_wait<0>();
        hold<N>(sums);
        end_slices(chunk + half + 1);
      }
      nt_wgmma_wait<0>();
      hold<N>(sums);
      release(place.stage);
      place.next();
    }
  }

  // The sums of a tile of so many rows.
  template <int N = nt_unit_rows> __device__ __forceinline__ void run(nt_tile_sums &sums, int rows, int k) {
    if constexpr (N + nt_unit_rows <= NT_ROWS) {
      if (rows > N) return run<N + nt_unit_rows>(sums, rows, k);
    }
    if constexpr (NT_SLICED) multiply_slices<N>(sums, k);
    else multiply<N>(sums, k);
  }
};

#endif
