// The weight on its way through the ring, and the warpgroups that multiply it (sm90_fp8_product.cu).
#ifndef NEEDLETAIL_QUANTIZED_SM90_FP8_STREAM_CUH
#define NEEDLETAIL_QUANTIZED_SM90_FP8_STREAM_CUH
#include "common/tensor_copies.cuh"
#include "matmul/sm90_wgmma.cuh"
#include "quantized/sm90_fp8_slice_sums.cuh"

// Brings the weight for all tiles of a block, of the rows that row_of(unit, half) gives; one thread does.
template <class RowOf>
__device__ __forceinline__ void nt_bring_weight(
  const nt_tensor_map *map, const nt_layout &at, nt_u32 shared, int units, RowOf row_of) {
  int stages = 0;  // of each warpgroup
  for (int unit = blockIdx.x; unit < units; unit += gridDim.x)
    for (int half = 0; half < nt_halves; half++) {
      int row = row_of(unit, half);
      // Neighbouring columns of a slice come one after the other: the memory gives 256 bytes at its full rate.
      for (int first = 0; first < at.steps; first += 2) {
        int count = min(2, at.steps - first);
        for (int group = 0; group < nt_warpgroups; group++)
          for (int i = 0; i < count; i++) {
            int turn = (stages + i) / nt_own_stages, place = (stages + i) % nt_own_stages * nt_warpgroups + group;
            nt_u32 full = shared + at.full + place * 8;
            if (turn > 0) nt_barrier_wait(shared + at.empty + place * 8, (turn - 1) & 1);
            nt_barrier_expect(full, nt_stage_bytes);
#pragma unroll
            for (int slice = 0; slice < 4; slice++) {
              int column = nt_first_chunk(at.chunks, group * 4 + slice) * nt_chunk_columns;
              nt_copy_box(
                shared + place * nt_stage_bytes + slice * nt_piece_bytes, map, column + (first + i) * nt_step_columns, row,
                full, NT_CACHE_EVICT_FIRST);
            }
          }
        stages += count;
      }
    }
}

// What a step's sums of a warp's slice are multiplied with: the scales of the weight's and of x's groups.
struct nt_step_scales {
  const float *weight;
  const float *x;
  int columns, row;

  __device__ __forceinline__ nt_step_scales(
    const float *scales, const nt_layout &at, const char *memory, int k, int slice, int lane)
      : columns(k / 128), row((lane & 3) * 2) {
    if (NT_ROWS < 8) row &= NT_ROWS - 1;
    int first = nt_first_chunk(at.chunks, slice);
    weight = scales + first;
    x = (const float *)(memory + at.group_scales) + row * at.segments * 2 + first;
  }
  __device__ __forceinline__ float weight_at(nt_i64 tile_row, int step, int end) const {
    return step < end ? weight[tile_row / 128 * columns + step] : 0;
  }
  __device__ __forceinline__ void add(
    float (&sums)[nt_useful], const float (&part)[nt_useful], float scale, int step, int pitch) const {
#pragma unroll
    for (int i = 0; i < nt_useful; i++)
      sums[i] += __fmul_rn(x[((i >> 2) * 8 + (i & 1)) * pitch + step], scale) * part[i];
  }
};

// A warpgroup's way through the tiles.
struct nt_multiplier {
  const nt_layout &at;
  nt_u32 shared, x_tiles;
  int warp, lane, group, own_chunks, stage = 0, turn = 0;
  nt_step_scales scales;

  __device__ __forceinline__ nt_multiplier(
    const float *scales, const nt_layout &at, const char *memory, nt_u32 shared, int k, int warp, int lane)
      : at(at), shared(shared), warp(warp), lane(lane), group(warp >> 2),
        own_chunks(nt_first_chunk(at.chunks, warp + 1) - nt_first_chunk(at.chunks, warp)),
        scales(scales, at, memory, k, warp, lane) {
    x_tiles = shared + nt_x_at + group * at.steps * nt_x_tile_bytes;
  }

  // The sums of the warp's slice of a tile whose first row of the weight is `row`. Past the end of a slice there are zeros
  // in x.
  __device__ __forceinline__ void multiply(float (&useful)[nt_useful], nt_i64 row) {
    float d[nt_columns / 2];
#pragma unroll
    for (int i = 0; i < nt_columns / 2; i++) d[i] = 0;
#pragma unroll
    for (int i = 0; i < nt_useful; i++) useful[i] = 0;
    for (int step = 0; step < at.steps; step++) {
      int place = stage * nt_warpgroups + group;
      float scale = 0;
      if constexpr (NT_GROUPED) scale = scales.weight_at(row, step, own_chunks);
      nt_barrier_wait(shared + at.full + place * 8, turn);
      nt_u64 w_tile = nt_wgmma_tile(shared + place * nt_stage_bytes);
      nt_u64 x_tile = nt_wgmma_tile(x_tiles + step * nt_x_tile_bytes);
      nt_wgmma_hold(d);
      nt_wgmma_fence();
#pragma unroll
      for (int i = 0; i < nt_step_columns / 32; i++)
        nt_wgmma<nt_columns>::run(d, w_tile + i * 2, x_tile + i * 2, NT_GROUPED ? i > 0 : step > 0 || i > 0);
      nt_wgmma_commit();
      nt_wgmma_wait<0>();
      nt_wgmma_hold(d);
      if (lane == 0) nt_barrier_arrive(shared + at.empty + place * 8);
      if (++stage == nt_own_stages) stage = 0, turn ^= 1;
      if constexpr (NT_GROUPED) {
        float part[nt_useful];
        nt_pick(part, d, warp & 3);
        if (step < own_chunks) scales.add(useful, part, scale, step, at.segments * 2);
      }
    }
    if constexpr (!NT_GROUPED) nt_pick(useful, d, warp & 3);
  }
};

__device__ __forceinline__ void nt_init_barriers(nt_u32 shared, const nt_layout &at) {
  for (int i = 0; i < NT_STAGES; i++) {
    nt_barrier_init(shared + at.full + i * 8, 1);
    nt_barrier_init(shared + at.empty + i * 8, 4);
  }
  nt_barrier_init_fence();
}

#endif
