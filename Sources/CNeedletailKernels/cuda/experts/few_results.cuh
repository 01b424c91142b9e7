// From the warps' sums over their slices of k to the results of an item: then come weight, bias, gate and rounding.
#ifndef NEEDLETAIL_EXPERTS_FEW_RESULTS_CUH
#define NEEDLETAIL_EXPERTS_FEW_RESULTS_CUH
#include "common/conversions.cuh"
#include "experts/ending.cuh"
#include "experts/few_pieces.cuh"
#include "product/slice_sums.cuh"

// Where the lists lie: behind the ring and the sums.
constexpr int nt_few_lists_at = nt_kept_at;
static_assert(nt_threads == nt_most_experts, "a thread for each expert");

typedef float nt_sums[NT_TILES][nt_row_tiles][4];

struct nt_few_results {
  const nt_grouped_matmul_arguments &a;
  float *places;
  int turn = 0;
  // What this thread adds up of a round's units: unit, row of x and of the tile.
  int unit, x_row, tile_row;

  __device__ __forceinline__ nt_few_results(const nt_grouped_matmul_arguments &a, char *memory)
      : a(a), places((float *)(memory + nt_sums_at)), unit(threadIdx.x >> 7), x_row(threadIdx.x >> 4 & 7),
        tile_row(threadIdx.x & 15) {}

  __device__ __forceinline__ void write_one(const float *from, const nt_few_walk &walk, int m, int q) const {
    const int index = q * 8 + x_row, width = nt_few_width(a);
    const int column = (walk.tile * NT_TILES + m) * nt_tile_rows + tile_row;
    if (tile_row >= nt_tile_rows || index >= walk.count || column >= width) return;
    const int pair = walk.lists.pairs[walk.first + index];
    const float *bias = NT_BIAS ? a.bias + (nt_i64)walk.expert * a.n + column : nullptr;
    const float weight = NT_WEIGHTED ? a.weights[pair] : 1;
    float value = nt_weighted(nt_sum_of_slices(from), weight, NT_BIAS ? bias[0] : 0);
    if constexpr (NT_GATED) {
      const float factor = nt_weighted(nt_sum_of_slices(from + 8), weight, NT_BIAS ? bias[width] : 0);
      value = nt_gated<NT_ACTIVATION>(a, value, factor);
    }
    typedef nt_storage<NT_OUT>::bits bits;
    ((bits *)a.out)[(nt_i64)pair * a.out_stride + column] = bits(nt_from_float<NT_OUT>(value));
  }

  // Adds up and writes the results of an item; all threads of the block call it. A place is written again two rounds
  // later, when all threads have passed a barrier since it was read.
  __device__ __forceinline__ void write(const nt_sums &sums, const nt_few_walk &walk, int row_tiles) {
    const int warp = threadIdx.x >> 5, lane = threadIdx.x & 31, g = lane >> 2, t = lane & 3;
#pragma unroll
    for (int first = 0; first < nt_units; first += nt_round_units) {
      // Units: tiles of 8 pairs outside, tiles of the weight inside, so that those that are not there come last.
      if (first / NT_TILES >= row_tiles) break;
      float *place = places + turn * nt_round_floats;
#pragma unroll
      for (int u = 0; u < nt_round_units; u++) {
        if (first + u >= nt_units) break;
        const float(&c)[4] = sums[(first + u) % NT_TILES][(first + u) / NT_TILES];
        nt_leave_sums(place + (u * nt_warps + warp) * nt_unit_floats + t * 2 * nt_unit_pitch + g, c);
      }
      __syncthreads();
      const int own = first + unit;
      if (unit < nt_round_units && own < nt_units)
        write_one(
          place + unit * nt_warps * nt_unit_floats + x_row * nt_unit_pitch + tile_row, walk, own % NT_TILES,
          own / NT_TILES);
      turn ^= 1;
    }
  }
};

#endif
