// The products of 17 to 64 rows (product.h) on Hopper, with the bits that product.cu has for fewer.
//
// The weight comes through a deep ring in shared memory, is read from there as the operands that product.cu makes of it, and
// multiplied from registers with wgmma, whose other operand is x in shared memory. So a row of the weight meets 32 or 64
// rows of x at a fraction of the time that the memory needs for it. A cluster of four blocks shares rows of the weight,
// each with four slices of k, so that a block can take several groups of 64 rows at a time: x comes to a multiprocessor
// once for all of them. At the end of a pass each block sends its sums to the one that adds them, in the order of the
// slices, and writes them.
#include "common/launch.cuh"
#include "product/sm90_register_wgmma.cuh"
#include "product/sm90_wide_results.cuh"
#include "product/sm90_wide_rows.cuh"
#include "product/sm90_wide_weight.cuh"

__device__ __forceinline__ void nt_add(nt_sums &to, nt_sums &from, bool is_first) {
#pragma unroll
  for (int i = 0; i < nt_row_tiles * 4; i++) {
    to[i] = is_first ? from[i] : to[i] + from[i];
    from[i] = 0;
  }
}

extern "C" __global__ void __launch_bounds__(nt_threads, 1)
  nt_wide_product(const __grid_constant__ nt_product_arguments a, const __grid_constant__ nt_tensor_map weight) {
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

  if (warp >= nt_warps) {
    if (warp == nt_warps + nt_x_warps) {
      if (lane == 0) nt_bring_weight(a, &weight, shared, first, chunks / NT_STEP, first_pass, pass_step, passes);
      __syncwarp();
    } else {
      nt_wait_for_predecessors();
      nt_wide_x(a, lane).bring(
        shared, warp - nt_warps, first, chunks, (passes - first_pass + pass_step - 1) / pass_step);
    }
    nt_cluster_wait();
    return;
  }
  nt_wait_for_predecessors();

  nt_wide_results results(a, shared, rank, warp, lane);
  nt_u32 place = nt_wide_operands::place(warp, lane);
  bool x_stays = nt_x_stays(chunks / NT_STEP);
  int stage = 0, turn = 0, x_stage = 0, x_turn = 0;
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
    for (int chunk = 0; chunk < chunks; chunk += NT_STEP) {
      nt_wide_operands operands;
      nt_barrier_wait(shared + nt_weight_full + stage * 8, turn);
      operands.load(shared + stage * nt_stage_bytes, place, lane);
      nt_barrier_wait(shared + nt_x_full + x_stage * 8, x_turn);
      nt_u32 x = shared + nt_x_at + x_stage * nt_x_stage_bytes;
      nt_wgmma_hold(sums);
      nt_wgmma_fence();
#pragma unroll
      for (int s = 0; s < NT_STEP; s++) {
        nt_u32 of_chunk = x + s * 2 * nt_instruction_bytes;
        nt_register_wgmma<NT_ROWS, nt_operand>::run(sums, operands.low[s], nt_wgmma_cores(of_chunk));
        nt_register_wgmma<NT_ROWS, nt_operand>::run(
          sums, operands.high[s], nt_wgmma_cores(of_chunk + nt_instruction_bytes));
      }
      nt_wgmma_commit();
      __syncwarp();
      if (lane == 0) nt_barrier_arrive(shared + nt_weight_free + stage * 8);
      if (++stage == NT_STAGES) stage = 0, turn ^= 1;
      nt_wgmma_wait<0>();
      nt_wgmma_hold(sums);
      if (!x_stays && lane == 0) nt_barrier_arrive(shared + nt_x_free + x_stage * 8);
      if (++x_stage == NT_X_STAGES) x_stage = 0, x_turn ^= x_stays ? 0 : 1;
      end_slices(chunk + NT_STEP);
    }
    results.write(group, pass, pass == first_pass, pass + pass_step >= passes);
  }
}
