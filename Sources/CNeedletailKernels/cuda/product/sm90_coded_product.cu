// The products of 9 to 64 rows with a coded weight on Hopper (quantized_product.h), with the bits that coded_product.cu has
// for fewer.
//
// Each warp brings a tile of the weight's codes and makes operands of them in registers, from where wgmma takes them; the
// other operand is x, which the copy engine brings to shared memory once for all rows of a block. As in
// sm90_wide_product.cu a cluster of four blocks shares rows of the weight, each with four slices of k, and the sums meet
// at the end of a pass in the order of the slices. Parameters: the arguments; a map of x with boxes of 64 columns and
// NT_ROWS rows under the 128-byte swizzle. Rows of x are not gathered.
#include "common/launch.cuh"
#include "common/tensor_copies.cuh"
#include "product/coded_weights.cuh"
#include "product/sm90_register_wgmma.cuh"
#include "product/sm90_wide_results.cuh"

__device__ __forceinline__ void nt_add(nt_sums &to, nt_sums &from, bool is_first) {
#pragma unroll
  for (int i = 0; i < nt_row_tiles * 4; i++) {
    to[i] = is_first ? from[i] : to[i] + from[i];
    from[i] = 0;
  }
}

// Brings x for all passes of a block; one thread does.
__device__ __forceinline__ void nt_bring_x(
  const nt_tensor_map *map, nt_u32 shared, int first, int chunks, int passes) {
  nt_prefetch_tensor_map(map);
  nt_wait_for_predecessors();
  int count = nt_x_stays(chunks) && passes > 0 ? chunks : chunks * passes, stage = 0, turn = 0;
  for (int i = 0, chunk = 0; i < count; i++) {
    if (turn > 0) nt_barrier_wait(shared + nt_x_free + stage * 8, (turn - 1) & 1);
    nt_u32 full = shared + nt_x_full + stage * 8;
    nt_barrier_expect(full, nt_x_stage_bytes);
#pragma unroll
    for (int box = 0; box < nt_chunk_columns / 64; box++)
      nt_copy_box(
        shared + stage * nt_x_stage_bytes + box * nt_x_box_bytes, map, (first + chunk) * nt_chunk_columns + box * 64, 0,
        full, NT_CACHE_EVICT_LAST);
    if (++stage == NT_X_STAGES) stage = 0, turn++;
    if (++chunk == chunks) chunk = 0;
  }
}

extern "C" __global__ void __launch_bounds__(nt_threads, 1)
  nt_coded_product(const __grid_constant__ nt_quantized_product_arguments a, const __grid_constant__ nt_tensor_map x_map) {
  extern __shared__ __align__(1024) char memory[];
  nt_u32 shared = nt_shared_address(memory);
  int warp = threadIdx.x >> 5, lane = threadIdx.x & 31;
  int rank = (int)nt_cluster_rank(), first_pass = blockIdx.x / NT_CLUSTER, pass_step = gridDim.x / NT_CLUSTER;
  int first_slice = rank * nt_block_slices, first = nt_first_chunk(a.k, first_slice);
  int chunks = nt_first_chunk(a.k, first_slice + nt_block_slices) - first, passes = nt_passes(a.n, nt_warps);
  nt_let_successors_start();
  if (threadIdx.x == 0) nt_init_barriers(shared);
  nt_cluster_let();
  __syncthreads();

  if (warp == nt_warps) {
    if (lane == 0) nt_bring_x(&x_map, shared, first, chunks, (passes - first_pass + pass_step - 1) / pass_step);
    __syncwarp();
    nt_wait_for_predecessors();
    nt_cluster_wait();
    return;
  }
  // This warp's place in the stage that is filled next, and in the one that is used next.
  nt_u32 begin = shared + nt_weight_at + warp * nt_part_bytes, end = begin + NT_STAGES * nt_stage_bytes;
  nt_u32 fill = begin, use = begin;
  nt_coded_pieces weights(a, lane, first, chunks, nt_warps, warp, first_pass, pass_step);
#pragma unroll
  for (int i = 0; i < NT_STAGES - 1; i++) {
    weights.request(fill, fill + nt_weight_bytes);
    nt_end_requests();
    fill += nt_stage_bytes;
  }
  nt_wait_for_predecessors();

  nt_wide_results results(a, shared, rank, warp, lane);
  bool x_stays = nt_x_stays(chunks);
  int x_stage = 0, x_turn = 0;
  for (int pass = first_pass; pass < passes; pass += pass_step) {
    results.start();
    nt_sums sums = {}, group;
    int slice = 0, slice_end = nt_first_chunk(a.k, first_slice + 1) - first;
    // A slice without chunks counts as zeros, as it does where each slice is a warp's.
    auto end_slices = [&](int chunk) {
      while (slice < nt_block_slices && chunk == slice_end) {
        nt_add(group, sums, slice == 0);
        slice++;
        slice_end = nt_first_chunk(a.k, first_slice + slice + 1) - first;
      }
    };
    end_slices(0);
    if (x_stays) x_stage = 0;
    for (int chunk = 0; chunk < chunks; chunk++) {
      nt_wait_for_requests<NT_STAGES - 2>();
      __syncwarp();
      nt_coded_operands operands;
      operands.load(use, use + nt_weight_bytes, lane);
      use = use + nt_stage_bytes == end ? begin : use + nt_stage_bytes;
      weights.request(fill, fill + nt_weight_bytes);
      nt_end_requests();
      fill = fill + nt_stage_bytes == end ? begin : fill + nt_stage_bytes;
      nt_barrier_wait(shared + nt_x_full + x_stage * 8, x_turn);
      nt_u32 x = shared + x_stage * nt_x_stage_bytes;
      nt_wgmma_hold(sums);
#pragma unroll
      for (int i = 0; i < 4; i++) {
        nt_u32 decoded[nt_coded_operands::steps_of_word][4];
        operands.decode(decoded, i);
        nt_wgmma_fence();
#pragma unroll
        for (int s = 0; s < nt_coded_operands::steps_of_word; s++) {
          int step = i * nt_coded_operands::steps_of_word + s;
          nt_register_wgmma<NT_ROWS, nt_operand>::run(
            sums, decoded[s], nt_wgmma_tile(x + step / 4 * nt_x_box_bytes) + step % 4 * 2);
        }
        nt_wgmma_commit();
      }
      nt_wgmma_wait<0>();
      nt_wgmma_hold(sums);
      __syncwarp();
      if (!x_stays && lane == 0) nt_barrier_arrive(shared + nt_x_free + x_stage * 8);
      if (++x_stage == NT_X_STAGES) x_stage = 0, x_turn ^= x_stays ? 0 : 1;
      end_slices(chunk + 1);
    }
    results.write(group, pass, pass == first_pass, pass + pass_step >= passes);
  }
}
