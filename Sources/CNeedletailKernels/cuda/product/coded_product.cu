// The products of up to 16 rows with a weight coded in 4 or 8 bits (quantized_product.h, activations of 16 bits), at the
// rate of the memory that the codes stream from: product.cu with another weight. A lane brings the very codes that it will
// multiply, makes 16-bit operands of them in registers, scale and zero point applied, and multiplies these.
#include "common/launch.cuh"
#include "product/coded_activations.cuh"
#include "product/coded_weights.cuh"
#include "product/normalized.cuh"
#include "product/results.cuh"

#ifndef NT_BLOCKS
#define NT_BLOCKS 1
#endif

extern "C" __global__ void __launch_bounds__(nt_threads, NT_BLOCKS)
  nt_coded_product(const __grid_constant__ nt_quantized_product_arguments a) {
  extern __shared__ __align__(128) char memory[];
  nt_u32 shared = (nt_u32)__cvta_generic_to_shared(memory);
  int warp = threadIdx.x >> 5, lane = threadIdx.x & 31;
  int first = nt_first_chunk(a.k, warp), chunks = nt_first_chunk(a.k, warp + 1) - first;
  nt_let_successors_start();

  // This warp's place in the stage that is filled next, and in the one that is used next.
  nt_u32 begin = shared + nt_ring_at + warp * nt_part_bytes, end = begin + NT_STAGES * nt_stage_bytes;
  nt_u32 fill = begin, use = begin;
  constexpr int x_at = nt_weight_bytes + nt_scale_bytes;
  nt_coded_pieces weights(a, lane, first, chunks, NT_TILES, 0, blockIdx.x, gridDim.x);
#pragma unroll
  for (int i = 0; i < NT_STAGES - 1; i++) {
    weights.request(fill, fill + nt_weight_bytes);
    fill += nt_stage_bytes;
    if (NT_X_WAY != NT_STREAMED) nt_end_requests();
  }

  if constexpr (NT_NORM != 0) {
    nt_keep_normalized_x(memory, shared, a, warp, lane, [] { nt_wait_for_predecessors(); });
  } else {
    nt_wait_for_predecessors();
    if constexpr (NT_X_WAY == NT_KEPT) nt_keep_x(shared, a);
  }
  nt_coded_x x_pieces(a, shared, lane, first, chunks);
  if constexpr (NT_X_WAY == NT_STREAMED)
#pragma unroll
    for (int i = 0; i < NT_STAGES - 1; i++) {
      x_pieces.request(begin + i * nt_stage_bytes + x_at);
      nt_end_requests();
    }

  nt_results results(a, memory);
  int passes = nt_passes(a.n, NT_TILES);
  for (int pass = blockIdx.x; pass < passes; pass += gridDim.x) {
    nt_sums sums = {};
    float residual = results.early_residual(pass);
#pragma unroll 2
    for (int chunk = 0; chunk < chunks; chunk++) {
      nt_wait_for_requests<NT_STAGES - 2>();
      // Lanes read scales, and x, that others of the warp brought.
      __syncwarp();
      nt_coded_operands operands[NT_TILES];
#pragma unroll
      for (int m = 0; m < NT_TILES; m++)
        operands[m].load(use + m * 1024, use + nt_weight_bytes + m * 8 * nt_row_scale_bytes, lane);
      nt_u32 x_place = use + x_at;
      use = use + nt_stage_bytes == end ? begin : use + nt_stage_bytes;
      weights.request(fill, fill + nt_weight_bytes);
      x_pieces.request(fill + x_at);
      nt_end_requests();
      fill = fill + nt_stage_bytes == end ? begin : fill + nt_stage_bytes;
#pragma unroll
      for (int i = 0; i < nt_chunk_columns / 32; i++) {
        nt_u32 x[nt_row_tiles][4];
#pragma unroll
        for (int q = 0; q < nt_row_tiles; q++) x_pieces.operand(x[q], x_place, q, chunk, i);
#pragma unroll
        for (int m = 0; m < NT_TILES; m++)
#pragma unroll
          for (int j = 0; j < 2 / nt_coded_operands::steps_of_word; j++) {
            nt_u32 decoded[nt_coded_operands::steps_of_word][4];
            operands[m].decode(decoded, i * (2 / nt_coded_operands::steps_of_word) + j);
#pragma unroll
            for (int s = 0; s < nt_coded_operands::steps_of_word; s++)
#pragma unroll
              for (int q = 0; q < nt_row_tiles; q++) {
                int step = j * nt_coded_operands::steps_of_word + s;
                nt_mma_16x8x16<nt_operand>(sums[m][q], decoded[s], x[q][step * 2], x[q][step * 2 + 1]);
              }
          }
      }
    }
    results.write(sums, pass, residual);
  }
}
