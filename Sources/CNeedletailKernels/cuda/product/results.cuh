// From the warps' sums over their slices of k to the result: then come bias, gate, residual and rounding.
#ifndef NEEDLETAIL_PRODUCT_RESULTS_CUH
#define NEEDLETAIL_PRODUCT_RESULTS_CUH
#include "product/slice_sums.cuh"
#include "product/finish.cuh"

typedef float nt_sums[NT_TILES][nt_row_tiles][4];

struct nt_results {
  const nt_product_arguments &a;
  float *places;
  int turn = 0;
  // What this thread adds up of a round's units: unit, row of x and of the tile.
  int unit, x_row, tile_row;

  __device__ __forceinline__ nt_results(const nt_product_arguments &a, char *memory)
      : a(a), places((float *)(memory + nt_sums_at)), unit(threadIdx.x >> 7), x_row(threadIdx.x >> 4 & 7),
        tile_row(threadIdx.x & 15) {}

  // Where the thread's result of unit `unit` of a pass lies; false where it has none.
  __device__ __forceinline__ bool find(int pass, int unit, int &row, nt_i64 &column) const {
    row = unit % nt_row_tiles * 8 + x_row;
    column = (nt_i64)(pass * NT_TILES + unit / nt_row_tiles) * nt_tile_rows + tile_row;
    return this->unit < nt_round_units && unit < nt_units && tile_row < nt_tile_rows && row < a.rows &&
           column < (NT_GATED ? a.n / 2 : a.n);
  }

  // Reads what is added to the first round of a pass ahead of its use.
  __device__ __forceinline__ float early_residual(int pass) const {
    int row;
    nt_i64 column;
    return NT_RESIDUAL && find(pass, unit, row, column) ? nt_residual(a, row, column) : 0;
  }

  // Adds up and writes the results of a pass; all threads of the block call it. A place is written again two rounds
  // later, when all threads have passed a barrier since it was read.
  __device__ __forceinline__ void write(const nt_sums &sums, int pass, float residual) {
    int warp = threadIdx.x >> 5, lane = threadIdx.x & 31, g = lane >> 2, t = lane & 3;
#pragma unroll
    for (int first = 0; first < nt_units; first += nt_round_units) {
      float *place = places + turn * nt_round_floats;
#pragma unroll
      for (int u = 0; u < nt_round_units; u++) {
        if (first + u >= nt_units) break;
        const float(&c)[4] = sums[(first + u) / nt_row_tiles][(first + u) % nt_row_tiles];
        nt_leave_sums(place + (u * nt_warps + warp) * nt_unit_floats + t * 2 * nt_unit_pitch + g, c);
      }
      __syncthreads();
      int row;
      nt_i64 column;
      if (find(pass, first + unit, row, column)) {
        const float *from = place + unit * nt_warps * nt_unit_floats + x_row * nt_unit_pitch + tile_row;
        float value = nt_sum_of_slices(from);
        float factor = NT_GATED ? nt_sum_of_slices(from + 8) : 0;
        nt_write_result(
          a, row, column, value, factor, !NT_RESIDUAL || first == 0 ? residual : nt_residual(a, row, column));
      }
      turn ^= 1;
    }
  }
};

#endif
