// Products of 65 rows and more with a weight coded in 4 or 8 bits on Hopper (quantized_product.h, x of 16 bits): the codes
// become 16-bit operands in registers and are multiplied from there by wgmma, whose other operand is x.
//
// One block a multiprocessor walks over tiles of 128 rows of the weight (gated: 64 of gates and the 64 of their values) and
// NT_TILE_ROWS rows of x. Two warpgroups multiply, each with half of the weight's rows; one warp brings codes and scales,
// chunk by chunk (coded_weights.cuh), one brings x, 64 columns at a time. Codes are decoded while wgmma works on those
// before. Definitions: those of product/shape.cuh, NT_TILE_ROWS (64, 128, 256), NT_X_STAGES, NT_STAGES (of codes), NT_WALK
// (tiles of x that are walked together for each tile of the weight). Parameters: the arguments; a map of x with boxes of
// 64 columns and NT_TILE_ROWS rows under the 128-byte swizzle; maps of codes and (but for NT_I8) of scales as words, a row
// for 8 rows of the weight, with boxes of a chunk of 16 of them, gated of 8.
#include "common/launch.cuh"
#include "common/tensor_copies.cuh"
#include "matmul/sm90_coded_tile.cuh"
#include "matmul/sm90_coded_writer.cuh"

// Brings the codes and scales of all tiles of a block; one thread does.
__device__ __forceinline__ void nt_bring_codes(
  const nt_quantized_product_arguments &a, const nt_tensor_map *codes, const nt_tensor_map *scales, nt_u32 shared) {
  nt_prefetch_tensor_map(codes);
  if (nt_groups > 0) nt_prefetch_tensor_map(scales);
  int chunks = nt_chunks(a.k);
  nt_ring<NT_STAGES> stage;
  for (nt_coded_walk walk(a); walk.is_there(); walk.next())
    for (int chunk = 0; chunk < chunks; chunk++, stage.next()) {
      nt_barrier_wait(shared + nt_codes_free + stage.index * 8, stage.parity ^ 1);
      nt_u32 full = shared + nt_codes_full + stage.index * 8, to = shared + nt_codes_at + stage.index * nt_codes_bytes;
      nt_barrier_expect(full, nt_codes_bytes);
      // Gated: 8 blocks of gates, then 8 of their values.
#pragma unroll
      for (int half = 0; half < (NT_GATED ? 2 : 1); half++) {
        int block = walk.column / 8 + (half ? a.n / 16 : 0);
        nt_copy_box(to + half * 8 * 512, codes, chunk * 128, block, full, NT_CACHE_NORMAL);
        if constexpr (nt_groups > 0)
          nt_copy_box(
            to + 16 * 512 + half * 8 * nt_groups * 32, scales, chunk * nt_groups * 8, block, full, NT_CACHE_NORMAL);
      }
    }
}

// Brings x for all tiles of a block; one thread does.
__device__ __forceinline__ void nt_bring_rows(
  const nt_quantized_product_arguments &a, const nt_tensor_map *map, nt_u32 shared) {
  nt_prefetch_tensor_map(map);
  nt_wait_for_predecessors();
  nt_ring<NT_X_STAGES> stage;
  int count = nt_chunks(a.k) * (nt_chunk_columns / 64);
  for (nt_coded_walk walk(a); walk.is_there(); walk.next())
    for (int i = 0; i < count; i++, stage.next()) {
      nt_barrier_wait(shared + nt_x_free + stage.index * 8, stage.parity ^ 1);
      nt_u32 full = shared + nt_x_full + stage.index * 8;
      nt_barrier_expect(full, nt_x_bytes);
      nt_copy_box(shared + stage.index * nt_x_bytes, map, i * 64, walk.row, full, NT_CACHE_EVICT_LAST);
    }
}

extern "C" __global__ void __launch_bounds__(384, 1)
  nt_coded_matmul(
    const __grid_constant__ nt_quantized_product_arguments a, const __grid_constant__ nt_tensor_map x_map,
    const __grid_constant__ nt_tensor_map codes_map
#if NT_CODE != 6
    , const __grid_constant__ nt_tensor_map scales_map
#endif
  ) {
  extern __shared__ __align__(1024) char memory[];
  nt_u32 shared = nt_shared_address(memory);
  int warp = threadIdx.x / 32;
  if (threadIdx.x == 0) {
    for (int i = 0; i < NT_STAGES; i++) {
      nt_barrier_init(shared + nt_codes_full + i * 8, 1);
      nt_barrier_init(shared + nt_codes_free + i * 8, 8);
    }
    for (int i = 0; i < NT_X_STAGES; i++) {
      nt_barrier_init(shared + nt_x_full + i * 8, 1);
      nt_barrier_init(shared + nt_x_free + i * 8, 8);
    }
    nt_barrier_init_fence();
  }
  __syncthreads();
  nt_let_successors_start();
  if (warp >= 8) {
    asm volatile("setmaxnreg.dec.sync.aligned.u32 40;");
#if NT_CODE != 6
    if (threadIdx.x == 8 * 32) nt_bring_codes(a, &codes_map, &scales_map, shared);
#else
    if (threadIdx.x == 8 * 32) nt_bring_codes(a, &codes_map, nullptr, shared);
#endif
    if (threadIdx.x == 9 * 32) nt_bring_rows(a, &x_map, shared);
    __syncwarp();
    nt_wait_for_predecessors();
  } else {
    asm volatile("setmaxnreg.inc.sync.aligned.u32 232;");
    nt_wait_for_predecessors();
    nt_coded_multiplier multiplier = {shared, (int)nt_chunks(a.k), warp, (int)threadIdx.x % 32};
    nt_coded_writer writer(a, memory + nt_staging_at);
    for (nt_coded_walk walk(a); walk.is_there(); walk.next()) {
      float sums[NT_TILE_ROWS / 2] = {};
      multiplier.multiply(sums);
      writer.finish(sums, walk.row, walk.column);
    }
  }
}
