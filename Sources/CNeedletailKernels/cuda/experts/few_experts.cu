// grouped_matmul (experts.h) for steps of few tokens, at the rate of the memory: only the weights of chosen experts
// are read.
//
// The design is that of product/product.cu: a block a multiprocessor, 16 warps with a slice of k each, a deep ring in
// shared memory that every lane fills with the very bytes that it will multiply. The work is found on the device,
// from the experts that the tokens have chosen; a tile of an expert's weight meets the tokens of this expert only. A
// token's sum over k is added up in slices as in product.cu, whatever the other tokens are.
//
// The first product waits for the launch ahead before anything else, since that tells which weights are needed, and
// lets the next launch start only then. So the second product finds `chosen` complete when it starts, and fills its
// ring with weights before it waits for the first one's results.
//
// Definitions: those of product/shape.cuh (NT_WEIGHT, also the type of x; NT_OUT; NT_ROWS, at least 8 and the pairs
// of an item; NT_GATED, NT_ACTIVATION, NT_BIAS, NT_COLUMNS, NT_TILES, NT_STAGES), those of ending.cuh, NT_GATHERS (1:
// x has a row a token, 0: a row a pair).
#ifndef NT_X_WAY
#define NT_X_WAY 1  // NT_STREAMED
#endif
#include "common/launch.cuh"
#include "experts/few_results.cuh"

extern "C" __global__ void __launch_bounds__(nt_threads, 1)
  few_experts(const __grid_constant__ nt_grouped_matmul_arguments a) {
  extern __shared__ __align__(128) char memory[];
  nt_few_lists &lists = *(nt_few_lists *)(memory + nt_few_lists_at);
  const nt_u32 shared = (nt_u32)__cvta_generic_to_shared(memory);
  const int warp = threadIdx.x >> 5, lane = threadIdx.x & 31;
  const int first = nt_first_chunk(a.k, warp), chunks = nt_first_chunk(a.k, warp + 1) - first;

  if (NT_GATHERS) nt_wait_for_predecessors();
  nt_let_successors_start();
  const int experts = nt_make_lists(lists, a.chosen, (int)a.rows * a.choices, a.experts, a.rows == 1);
  nt_few_walk walk(lists, experts, nt_few_tiles(a), blockIdx.x);

  // The warp's part of the stage that is filled next, and of the one that is used next.
  const nt_u32 begin = shared + nt_ring_at + warp * nt_part_bytes, end = begin + NT_STAGES * nt_stage_bytes;
  nt_u32 fill = begin, use = begin;
  const nt_u32 mine = nt_piece_place(lane >> 2, lane & 3);
  nt_few_weights weights(a, walk, lane, first, chunks);
#pragma unroll
  for (int i = 0; i < NT_STAGES - 1; i++) {
    weights.request(fill + mine);
    fill += nt_stage_bytes;
  }
  if (!NT_GATHERS) nt_wait_for_predecessors();
  nt_few_x x_pieces(a, walk, lane, first, chunks);
#pragma unroll
  for (int i = 0; i < NT_STAGES - 1; i++) {
    x_pieces.request(begin + mine + i * nt_stage_bytes);
    nt_end_requests();
  }

  nt_few_results results(a, memory);
  for (; walk.is_there(); walk.next()) {
    nt_sums sums = {};
    const int row_tiles = nt_row_tiles == 1 ? 1 : (walk.count + 7) / 8;
#pragma unroll(nt_units > 4 ? 1 : 4)
    for (int chunk = 0; chunk < chunks; chunk++) {
      nt_wait_for_requests<NT_STAGES - 2>();
      __syncwarp();  // of all lanes
      nt_u32 low[NT_TILES][4], high[NT_TILES][4], x[nt_row_tiles][4];
#pragma unroll
      for (int m = 0; m < NT_TILES; m++) nt_few_weights::operands(low[m], high[m], use, lane, m);
#pragma unroll
      for (int q = 0; q < nt_row_tiles; q++)
        if (q < row_tiles) nt_few_x::operand(x[q], use, lane, q);
      use = use + nt_stage_bytes == end ? begin : use + nt_stage_bytes;
      weights.request(fill + mine);
      x_pieces.request(fill + mine);
      nt_end_requests();
      fill = fill + nt_stage_bytes == end ? begin : fill + nt_stage_bytes;
#pragma unroll
      for (int q = 0; q < nt_row_tiles; q++)
        if (q < row_tiles)
#pragma unroll
          for (int m = 0; m < NT_TILES; m++) {
            nt_mma_16x8x16<nt_operand>(sums[m][q], low[m], x[q][0], x[q][1]);
            nt_mma_16x8x16<nt_operand>(sums[m][q], high[m], x[q][2], x[q][3]);
          }
    }
    results.write(sums, walk, row_tiles);
  }
}
