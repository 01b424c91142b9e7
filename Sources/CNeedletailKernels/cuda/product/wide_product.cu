// The products of 17 to 64 rows (product.h), with the bits that product.cu has for fewer.
//
// Here a row of the weight meets so many rows of x that bringing x to every multiprocessor costs more than the weight
// itself. So a block takes many rows of the weight at a time, 128, and a cluster of four blocks shares them, each with four
// slices of k: x passes through a multiprocessor once for 128 rows of the weight. Each of 8 warps brings a tile of the
// weight and its share of x to a ring that all read; it multiplies two tiles with half of the rows of x. At the end of a
// pass each block sends its sums to the one that adds them, in the order of the slices, and writes them.
#include "common/cluster.cuh"
#include "common/launch.cuh"
#include "common/mma.cuh"
#include "product/finish.cuh"
#include "product/rows.cuh"
#include "product/weights.cuh"

static_assert(NT_TILES == 1, "a warp brings one tile");
constexpr int nt_warps = 8;
constexpr int nt_threads = nt_warps * 32;
// Warps side by side over the rows of x, and what each multiplies: tiles of the weight and of x.
constexpr int nt_sides = 2;
constexpr int nt_warp_tiles = nt_sides;
constexpr int nt_side_tiles = nt_row_tiles / nt_sides;
// A stage: each warp's pieces of the weight, then x.
constexpr int nt_x_at = nt_warps * nt_weight_bytes;
constexpr int nt_stage_bytes = nt_x_at + nt_row_tiles * 512;
// Tiles of 8 rows of x that a block of the cluster writes the results of.
constexpr int nt_owned = nt_row_tiles / NT_CLUSTER;
constexpr int nt_block_slices = nt_slices / NT_CLUSTER;
// Sums of a tile of the weight on their way: [block they come from][pair of tiles][tile of x][lane][4 floats].
constexpr int nt_sums_at = NT_STAGES * nt_stage_bytes;
static_assert(nt_owned > 0 && nt_block_slices % nt_group_slices == 0, "a cluster of 1 or 4 blocks");

typedef float nt_sums[nt_warp_tiles][nt_side_tiles][4];

// A thread's pieces of x: every nt_warps-th tile of rows.
struct nt_shared_x {
  static constexpr int count = (nt_row_tiles + nt_warps - 1) / nt_warps;
  const nt_product_arguments &a;
  int warp, lane;
  const nt_u16 *rows[count];

  __device__ __forceinline__ nt_shared_x(const nt_product_arguments &a, int warp, int lane)
      : a(a), warp(warp), lane(lane) {
#pragma unroll
    for (int j = 0; j < count; j++) {
      int row = (j * nt_warps + warp) * 8 + (lane >> 2);
      rows[j] = row < min((int)a.rows, NT_ROWS) ? (const nt_u16 *)nt_x_row(a, row) : nullptr;
    }
  }
  __device__ __forceinline__ void request(nt_u32 stage, int chunk) const {
    int column = chunk * nt_chunk_columns + (lane & 3) * nt_lane_columns;
#pragma unroll
    for (int j = 0; j < count; j++)
      if (rows[j]) nt_request_piece(stage + nt_x_at + (j * nt_warps + warp) * 512 + lane * 16, rows[j], column, a.k);
  }
};

__device__ __forceinline__ void nt_add(nt_sums &to, nt_sums &from, bool is_first) {
#pragma unroll
  for (int m = 0; m < nt_warp_tiles; m++)
#pragma unroll
    for (int q = 0; q < nt_side_tiles; q++)
#pragma unroll
      for (int i = 0; i < 4; i++) {
        to[m][q][i] = is_first ? from[m][q][i] : to[m][q][i] + from[m][q][i];
        from[m][q][i] = 0;
      }
}

// Writes what a lane has of a tile of the weight and a tile of x.
__device__ __forceinline__ void nt_write_sums(
  const nt_product_arguments &a, const float (&sums)[4], nt_i64 tile, int q, int lane) {
#pragma unroll
  for (int i = 0; i < (NT_GATED ? 2 : 4); i++) {
    int row = q * 8 + (lane & 3) * 2 + (i & 1);
    nt_i64 column = tile * nt_tile_rows + (lane >> 2) + (i >> 1) * 8;
    if (row < a.rows && column < (NT_GATED ? a.n / 2 : a.n))
      nt_write_result(a, row, column, sums[i], sums[i | 2], NT_RESIDUAL ? nt_residual(a, row, column) : 0);
  }
}

// Exchanges the sums of a pass and writes the results. `shared` is the block's memory.
__device__ __forceinline__ void nt_write_pass(
  const nt_product_arguments &a, const nt_sums &sums, nt_u32 shared, int rank, int pass, int warp, int lane) {
  int pair = warp / nt_sides, side = warp % nt_sides;
#pragma unroll
  for (int m = 0; m < nt_warp_tiles; m++) {
    nt_i64 tile = (nt_i64)pass * nt_warps + pair * nt_warp_tiles + m;
    if constexpr (NT_CLUSTER == 1) {
#pragma unroll
      for (int q = 0; q < nt_side_tiles; q++) nt_write_sums(a, sums[m][q], tile, side * nt_side_tiles + q, lane);
    } else {
      auto place = [&](int from, int j) {
        return shared + nt_sums_at + ((from * (nt_warps / nt_sides) + pair) * nt_owned + j) * 512 + lane * 16;
      };
      nt_cluster_wait();  // all have read what was there
#pragma unroll
      for (int q = 0; q < nt_side_tiles; q++) {
        int of_all = side * nt_side_tiles + q;
        asm volatile("st.shared::cluster.v4.f32 [%0], {%1, %2, %3, %4};" ::"r"(
                       nt_cluster_address(place(rank, of_all % nt_owned), of_all / nt_owned)),
                     "f"(sums[m][q][0]), "f"(sums[m][q][1]), "f"(sums[m][q][2]), "f"(sums[m][q][3])
                     : "memory");
      }
      nt_cluster_arrive();
      nt_cluster_wait();
      for (int j = side; j < nt_owned; j += nt_sides) {
        float total[4];
#pragma unroll
        for (int from = 0; from < NT_CLUSTER; from++) {
          float part[4];
          asm volatile("ld.shared.v4.f32 {%0, %1, %2, %3}, [%4];"
                       : "=f"(part[0]), "=f"(part[1]), "=f"(part[2]), "=f"(part[3])
                       : "r"(place(from, j))
                       : "memory");
#pragma unroll
          for (int i = 0; i < 4; i++) total[i] = from == 0 ? part[i] : total[i] + part[i];
        }
        nt_write_sums(a, total, tile, rank * nt_owned + j, lane);
      }
      nt_cluster_arrive();
    }
  }
}

extern "C" __global__ void __launch_bounds__(nt_threads, NT_CLUSTER > 1 ? 2 : 1)
  nt_wide_product(const __grid_constant__ nt_product_arguments a) {
  extern __shared__ __align__(128) char memory[];
  nt_u32 shared = (nt_u32)__cvta_generic_to_shared(memory);
  int warp = threadIdx.x >> 5, lane = threadIdx.x & 31;
  int rank = NT_CLUSTER > 1 ? (int)nt_cluster_rank() : 0, step = gridDim.x / NT_CLUSTER;
  int first_slice = rank * nt_block_slices, first = nt_first_chunk(a.k, first_slice);
  int chunks = nt_first_chunk(a.k, first_slice + nt_block_slices) - first;
  nt_let_successors_start();

  nt_weight_pieces weights(
    a, lane, first, chunks, nt_warps, warp, blockIdx.x / NT_CLUSTER, step);
  nt_u32 mine = warp * nt_weight_bytes + lane * 16;
  // What this warp reads of a stage.
  nt_u32 tiles_at = warp / nt_sides * nt_warp_tiles * nt_weight_bytes + lane * 16;
  nt_u32 rows_at = nt_x_at + warp % nt_sides * nt_side_tiles * 512 + lane * 16;
#pragma unroll
  for (int i = 0; i < NT_STAGES - 1; i++) weights.request(shared + i * nt_stage_bytes + mine);
  if constexpr (NT_CLUSTER > 1) nt_cluster_arrive();
  nt_wait_for_predecessors();
  nt_shared_x x(a, warp, lane);
  // The chunk of x that is requested next; passes follow each other without a gap.
  int x_pass = blockIdx.x / NT_CLUSTER, x_chunk = 0, passes = nt_passes(a.n, nt_warps);
  auto request_x = [&](nt_u32 stage) {
    if (x_pass < passes && chunks > 0) {
      x.request(stage, first + x_chunk);
      if (++x_chunk == chunks) x_chunk = 0, x_pass += step;
    }
    nt_end_requests();
  };
#pragma unroll
  for (int i = 0; i < NT_STAGES - 1; i++) request_x(shared + i * nt_stage_bytes);

  nt_u32 end = shared + NT_STAGES * nt_stage_bytes, use = shared, fill = end - nt_stage_bytes;
  for (int pass = blockIdx.x / NT_CLUSTER; pass < passes; pass += step) {
    nt_sums sums = {}, group, total;
    int slice = first_slice, slice_end = nt_first_chunk(a.k, slice + 1) - first;
    // A slice without chunks counts as zeros, as it does where each slice is a warp's.
    auto end_slices = [&](int chunk) {
      while (slice < first_slice + nt_block_slices && chunk == slice_end) {
        nt_add(group, sums, slice % nt_group_slices == 0);
        slice++;
        if (NT_CLUSTER == 1 && slice % nt_group_slices == 0) nt_add(total, group, slice == nt_group_slices);
        slice_end = nt_first_chunk(a.k, slice + 1) - first;
      }
    };
    end_slices(0);
    for (int chunk = 0; chunk < chunks; chunk++) {
      nt_wait_for_requests<NT_STAGES - 2>();
      __syncthreads();
      weights.request(fill + mine);
      request_x(fill);
      fill = fill + nt_stage_bytes == end ? shared : fill + nt_stage_bytes;
      // What follows on itself is kept apart.
      nt_u32 low[nt_warp_tiles][4], high[nt_warp_tiles][4], b[nt_side_tiles][4];
#pragma unroll
      for (int m = 0; m < nt_warp_tiles; m++) nt_weight_pieces::operands(low[m], high[m], use + tiles_at, m);
#pragma unroll
      for (int q = 0; q < nt_side_tiles; q++) nt_load_piece(b[q], use + rows_at + q * 512);
#pragma unroll
      for (int q = 0; q < nt_side_tiles; q++)
#pragma unroll
        for (int m = 0; m < nt_warp_tiles; m++) nt_mma_16x8x16<nt_operand>(sums[m][q], low[m], b[q][0], b[q][1]);
#pragma unroll
      for (int q = 0; q < nt_side_tiles; q++)
#pragma unroll
        for (int m = 0; m < nt_warp_tiles; m++) nt_mma_16x8x16<nt_operand>(sums[m][q], high[m], b[q][2], b[q][3]);
      use = use + nt_stage_bytes == end ? shared : use + nt_stage_bytes;
      end_slices(chunk + 1);
    }
    nt_write_pass(a, NT_CLUSTER == 1 ? total : group, shared, rank, pass, warp, lane);
  }
  if constexpr (NT_CLUSTER > 1) nt_cluster_wait();
}
