// The products of up to 16 rows (product.h) at the rate of the memory that the weight streams from.
//
// One block a multiprocessor, 16 warps, each with a slice of k. A lane brings the very bytes of the weight that it will
// multiply, 16 at a time, through a deep ring in shared memory: nothing synchronizes on the way but the lane with its own
// copies, and the memory is always asked for more than it can give (bandwidth x latency). The weight is the operand of 16
// rows of the matrix instructions, 8 rows of x are the other one. The first pieces are requested before the kernel waits
// for those ahead of it.
#include "common/launch.cuh"
#include "product/normalized.cuh"
#include "product/results.cuh"
#include "product/weights.cuh"

extern "C" __global__ void __launch_bounds__(nt_threads, 1)
  nt_product(const __grid_constant__ nt_product_arguments a) {
  extern __shared__ __align__(128) char memory[];
  nt_u32 shared = (nt_u32)__cvta_generic_to_shared(memory);
  int warp = threadIdx.x >> 5, lane = threadIdx.x & 31;
  int first = nt_first_chunk(a.k, warp), chunks = nt_first_chunk(a.k, warp + 1) - first;
  nt_let_successors_start();

  // This lane's place in the stage that is filled next, and in the one that is used next.
  nt_u32 begin = shared + nt_ring_at + warp * nt_part_bytes + lane * 16, end = begin + NT_STAGES * nt_stage_bytes;
  nt_u32 fill = begin, use = begin;
  nt_weight_pieces weights(a, lane, first, chunks, NT_TILES, 0, blockIdx.x, gridDim.x);
#pragma unroll
  for (int i = 0; i < NT_STAGES - 1; i++) {
    weights.request(fill);
    fill += nt_stage_bytes;
    if (NT_X_WAY != NT_STREAMED) nt_end_requests();
  }

  if constexpr (NT_NORM != 0) {
    nt_keep_normalized_x(memory, shared, a, warp, lane, [] { nt_wait_for_predecessors(); });
  } else {
    nt_wait_for_predecessors();
    if constexpr (NT_X_WAY == NT_KEPT) nt_keep_x(shared, a);
  }
  nt_x_pieces x_pieces(a, shared, lane, first, chunks);
  if constexpr (NT_X_WAY == NT_STREAMED)
#pragma unroll
    for (int i = 0; i < NT_STAGES - 1; i++) {
      x_pieces.request(begin + i * nt_stage_bytes);
      nt_end_requests();
    }

  nt_results results(a, memory);
  int passes = nt_passes(a.n, NT_TILES);
  for (int pass = blockIdx.x; pass < passes; pass += gridDim.x) {
    nt_sums sums = {};
    float residual = results.early_residual(pass);
#pragma unroll 4
    for (int chunk = 0; chunk < chunks; chunk++) {
      nt_wait_for_requests<NT_STAGES - 2>();
      nt_u32 low[NT_TILES][4], high[NT_TILES][4], x[nt_row_tiles][4];
#pragma unroll
      for (int m = 0; m < NT_TILES; m++) nt_weight_pieces::operands(low[m], high[m], use, m);
#pragma unroll
      for (int q = 0; q < nt_row_tiles; q++) x_pieces.operand(x[q], use, q, chunk);
      use = use + nt_stage_bytes == end ? begin : use + nt_stage_bytes;
      weights.request(fill);
      x_pieces.request(fill);
      nt_end_requests();
      fill = fill + nt_stage_bytes == end ? begin : fill + nt_stage_bytes;
#pragma unroll
      for (int m = 0; m < NT_TILES; m++)
#pragma unroll
        for (int q = 0; q < nt_row_tiles; q++) {
          nt_mma_16x8x16<nt_operand>(sums[m][q], low[m], x[q][0], x[q][1]);
          nt_mma_16x8x16<nt_operand>(sums[m][q], high[m], x[q][2], x[q][3]);
        }
    }
    results.write(sums, pass, residual);
  }
}
