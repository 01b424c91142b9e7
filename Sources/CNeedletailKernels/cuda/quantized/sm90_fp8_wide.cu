// The products of 17 to 64 rows of codes with a weight in fp8 (quantized_product.h) on Hopper, with the bits that
// sm90_fp8_product.cu has for fewer.
//
// A cluster of blocks shares k, so that a block's part of x stays in its shared memory while tiles of 64 rows of the weight
// stream past; slices of k are added in registers, and the blocks' sums meet in the shared memory of the one that writes
// them. Warpgroups take tiles by turns: while one's sums are on their way, the next multiplies.
//
// Parameters: nt_quantized_product_arguments; a map of w with boxes of 128 columns and 64 rows, gated: of [2][n / 2][k] with
// boxes of 128 columns, 8 rows, both halves; a map of x with boxes of 128 columns and NT_ROWS rows; all under the 128-byte
// swizzle. k: a multiple of 16 (of 128 with NT_GROUPED).
#define NT_IN 4  // NT_F8E4M3: the operands of wgmma
#include "common/launch.cuh"
#include "common/tensor_copies.cuh"
#include "matmul/sm90_wgmma.cuh"
#include "quantized/sm90_fp8_wide_results.cuh"

// Brings the weight for all tiles of a block, and x; one thread does.
__device__ __forceinline__ void nt_bring(
  const nt_quantized_product_arguments &a, const nt_tensor_map *weight, const nt_tensor_map *x, const nt_wide_layout &at,
  nt_u32 shared, int first_slice, const nt_wide_tiles &tiles) {
  nt_prefetch_tensor_map(weight);
  nt_prefetch_tensor_map(x);
  int stage = 0, turn = 0, all = tiles.count * nt_block_slices * at.steps, started = 0;
  auto bring_x = [&] {
    nt_wait_for_predecessors();
    nt_barrier_expect(shared + at.x_full, nt_block_slices * at.steps * nt_x_step_bytes);
    for (int slice = 0; slice < nt_block_slices; slice++)
      for (int step = 0; step < at.steps; step++) {
        int column = nt_first_chunk(at.chunks, first_slice + slice) * nt_chunk_columns + step * nt_step_columns;
        nt_copy_box(
          shared + nt_x_at + (slice * at.steps + step) * nt_x_step_bytes, x, column, 0, shared + at.x_full,
          NT_CACHE_EVICT_LAST);
      }
  };
  for (int i = 0; i < tiles.count; i++) {
    int tile = tiles.first + i * tiles.step;
    for (int slice = 0; slice < nt_block_slices; slice++)
      for (int step = 0; step < at.steps; step++) {
        if (turn > 0) nt_barrier_wait(shared + at.empty + stage * 8, (turn - 1) & 1);
        nt_u32 full = shared + at.full + stage * 8, to = shared + stage * nt_stage_bytes;
        int column = nt_first_chunk(at.chunks, first_slice + slice) * nt_chunk_columns + step * nt_step_columns;
        nt_barrier_expect(full, nt_stage_bytes);
        if constexpr (NT_GATED) {
#pragma unroll
          for (int part = 0; part < 4; part++)
            nt_copy_box(to + part * (nt_stage_bytes / 4), weight, column, tile * nt_wide_width + part * 8, 0, full);
        } else {
          nt_copy_box(to, weight, column, tile * nt_wide_width, full, NT_CACHE_EVICT_FIRST);
        }
        if (++stage == NT_STAGES) stage = 0, turn++;
        if (++started == min(all, NT_STAGES)) bring_x();
      }
  }
}

// Past the end of a slice come the next one's columns: zeros instead. All multiplying threads call it.
__device__ __forceinline__ void nt_end_slices(const nt_wide_layout &at, char *memory, int first_slice) {
  constexpr int pieces = nt_step_columns / 16;
  for (int i = threadIdx.x; i < nt_block_slices * at.steps * NT_ROWS * pieces; i += nt_warps * 32) {
    int piece = i % pieces, row = i / pieces % NT_ROWS, step = i / (pieces * NT_ROWS);
    int slice = first_slice + step / at.steps;
    int columns = (nt_first_chunk(at.chunks, slice + 1) - nt_first_chunk(at.chunks, slice)) * nt_chunk_columns;
    if (step % at.steps * nt_step_columns + piece * 16 < columns) continue;
    char *to = memory + nt_x_at + step * nt_x_step_bytes + row * nt_step_columns + ((piece ^ (row & 7)) << 4);
    *(uint4 *)to = make_uint4(0, 0, 0, 0);
  }
  nt_fence_async_shared();
  nt_named_barrier(1, nt_warps * 32);
}

// The scales of x's groups that the block multiplies; all multiplying threads call it.
__device__ __forceinline__ void nt_bring_group_scales(
  const nt_quantized_product_arguments &a, const nt_wide_layout &at, char *memory, int first_slice) {
  float *scales = (float *)(memory + at.group_scales);
  int groups = a.k / 128;
  for (int i = threadIdx.x; i < nt_block_slices * at.steps * NT_ROWS; i += nt_warps * 32) {
    int step = i / NT_ROWS, row = i % NT_ROWS;
    int group = nt_first_chunk(at.chunks, first_slice + step / at.steps) + step % at.steps;
    scales[i] = row < a.rows && group < groups ? a.x_scales[(nt_i64)row * groups + group] : 0;
  }
  nt_named_barrier(1, nt_warps * 32);
}

extern "C" __global__ void __launch_bounds__(nt_threads, 1) sm90_fp8_wide(
  const __grid_constant__ nt_quantized_product_arguments a, const __grid_constant__ nt_tensor_map weight,
  const __grid_constant__ nt_tensor_map x) {
  extern __shared__ __align__(1024) char memory[];
  nt_u32 shared = nt_shared_address(memory);
  int warp = threadIdx.x >> 5, lane = threadIdx.x & 31, group = warp >> 2;
  int rank = (int)nt_cluster_rank(), first_slice = rank * nt_block_slices;
  nt_wide_layout at(a.k);
  nt_wide_tiles tiles(a.n);
  nt_let_successors_start();
  if (threadIdx.x == 0) nt_init_barriers(shared, at);
  nt_cluster_let();
  __syncthreads();
  if (warp == nt_warps) {
    if (lane == 0) nt_bring(a, &weight, &x, at, shared, first_slice, tiles);
    __syncwarp();
    nt_wait_for_predecessors();
    nt_cluster_wait();
    return;
  }
  nt_wait_for_predecessors();
  if (group >= tiles.count) nt_cluster_wait();
  if constexpr (NT_GROUPED) nt_bring_group_scales(a, at, memory, first_slice);
  if (tiles.count > 0) {
    nt_barrier_wait(shared + at.x_full, 0);
    if constexpr (!NT_WHOLE) nt_end_slices(at, memory, first_slice);
  }

  nt_wide_results results(a, at, shared, group, rank, warp & 3, lane);
  int tile_steps = nt_block_slices * at.steps;
  for (int i = group; i < tiles.count; i += NT_WARPGROUPS) {
    int tile = tiles.first + i * tiles.step;
    if (threadIdx.x % 128 == 0) results.expect();
    int stage = i * tile_steps % NT_STAGES, turn = i * tile_steps / NT_STAGES;
    // Not ahead of the tile before: the ring's barriers tell one turn from the next only.
    if (NT_WARPGROUPS > 1 && i > 0) nt_named_barrier(2 + group, 256);
    nt_wide_sums sums[nt_block_slices];
#pragma unroll
    for (int slice = 0; slice < nt_block_slices; slice++) {
      nt_wide_sums d;
      nt_wide_sums &own = sums[slice];
#pragma unroll
      for (int j = 0; j < nt_row_tiles * 4; j++) d[j] = own[j] = 0;
      int first = nt_first_chunk(at.chunks, first_slice + slice);
      int columns = (nt_first_chunk(at.chunks, first_slice + slice + 1) - first) * nt_chunk_columns;
      for (int step = 0; step < at.steps; step++) {
        float scale = 0, value_scale = 0;
        if constexpr (NT_GROUPED) {
          const float *scales = (const float *)a.w_scales;
          int groups = a.k / 128, number = first + step, last = (a.n - 1) / 128;
          if (step * nt_step_columns < columns) {
            scale = scales[(nt_i64)min(tile * nt_wide_width / 128, last) * groups + number];
            value_scale = NT_GATED
              ? scales[(nt_i64)min((a.n / 2 + tile * nt_wide_width) / 128, last) * groups + number] : scale;
          }
        }
        nt_barrier_wait(shared + at.full + stage * 8, turn & 1);
        nt_u64 w_tile = nt_wgmma_tile(shared + stage * nt_stage_bytes);
        nt_u64 x_tile = nt_wgmma_tile(shared + nt_x_at + (slice * at.steps + step) * nt_x_step_bytes);
        nt_wgmma_hold(d);
        nt_wgmma_fence();
#pragma unroll
        for (int j = 0; j < nt_step_columns / 32; j++)
          nt_wgmma<NT_ROWS>::run(d, w_tile + j * 2, x_tile + j * 2, NT_GROUPED ? j > 0 : step > 0 || j > 0);
        nt_wgmma_commit();
        nt_wgmma_wait<0>();
        nt_wgmma_hold(d);
        if (lane == 0) nt_barrier_arrive(shared + at.empty + stage * 8);
        if (++stage == NT_STAGES) stage = 0, turn++;
        if constexpr (NT_GROUPED) {
          if (step * nt_step_columns < columns) {
            const float *x_scales = (const float *)(memory + at.group_scales) + (slice * at.steps + step) * NT_ROWS;
#pragma unroll
            for (int q = 0; q < nt_row_tiles; q++) {
              float2 two = *(const float2 *)(x_scales + q * 8 + (lane & 3) * 2);
              own[q * 4] += __fmul_rn(two.x, scale) * d[q * 4];
              own[q * 4 + 1] += __fmul_rn(two.y, scale) * d[q * 4 + 1];
              own[q * 4 + 2] += __fmul_rn(two.x, value_scale) * d[q * 4 + 2];
              own[q * 4 + 3] += __fmul_rn(two.y, value_scale) * d[q * 4 + 3];
            }
          }
        }
      }
      if constexpr (!NT_GROUPED)
#pragma unroll
        for (int j = 0; j < nt_row_tiles * 4; j++) own[j] = d[j];
      // Two by two, as soon as there are two.
#pragma unroll
      for (int distance = 1; distance < nt_block_slices; distance *= 2)
        if (slice % (2 * distance) == 2 * distance - 1)
#pragma unroll
          for (int j = 0; j < nt_row_tiles * 4; j++) sums[slice - 2 * distance + 1][j] += sums[slice - distance + 1][j];
    }
    if (NT_WARPGROUPS > 1 && i + 1 < tiles.count) nt_named_arrive(2 + (group + 1) % NT_WARPGROUPS, 256);
    results.write(sums[0], tile, i < NT_WARPGROUPS, i + NT_WARPGROUPS >= tiles.count);
  }
}
