// From the sums of the blocks of a cluster, each over a group of slices, to the results: each block gets those of its rows
// of x from all, adds them in the order of the groups and writes.
#ifndef NEEDLETAIL_PRODUCT_SM90_WIDE_RESULTS_CUH
#define NEEDLETAIL_PRODUCT_SM90_WIDE_RESULTS_CUH
#include "common/cluster.cuh"
#include "product/sm90_wide_layout.cuh"
#include "product/finish.cuh"

// The sums of a warp's tile of the weight with all rows of x.
typedef float nt_sums[nt_row_tiles * 4];

struct nt_wide_results {
  const nt_product_arguments &a;
  nt_u32 shared;
  int rank, warp, lane, turn = 0;

  __device__ __forceinline__ nt_wide_results(const nt_product_arguments &a, nt_u32 shared, int rank, int warp, int lane)
      : a(a), shared(shared), rank(rank), warp(warp), lane(lane) {}

  __device__ __forceinline__ nt_u32 place(int from, int j) const {
    return shared + nt_sums_at + ((from * nt_warps + warp) * nt_owned + j) * 512 + lane * 16;
  }

  // Where the result of number i of a lane's sums of tile j lies; false where there is none.
  __device__ __forceinline__ bool find(int pass, int j, int i, int &row, nt_i64 &column) const {
    row = (rank * nt_owned + j) * 8 + (lane & 3) * 2 + (i & 1);
    column = ((nt_i64)pass * nt_warps + warp) * nt_tile_rows + (lane >> 2) + (i >> 1) * 8;
    return row < a.rows && column < (NT_GATED ? a.n / 2 : a.n);
  }

  // Ahead of a pass.
  __device__ __forceinline__ void start() const {
    if (threadIdx.x == 0) nt_barrier_expect(shared + nt_sums_full, nt_sums_bytes);
  }

  // At the end of it.
  __device__ __forceinline__ void write(const nt_sums &sums, int pass, bool is_first, bool is_last) {
    // All have started, and have read what was there.
    if (is_first) nt_cluster_wait();
    else nt_barrier_wait(shared + nt_sums_free, turn ^ 1);
#pragma unroll
    for (int q = 0; q < nt_row_tiles; q++) {
      int owner = q / nt_owned;
      nt_send_floats(
        nt_cluster_address(place(rank, q % nt_owned), owner), sums + q * 4,
        nt_cluster_address(shared + nt_sums_full, owner));
    }
    float residual[nt_owned][4];
#pragma unroll
    for (int j = 0; j < nt_owned; j++)
#pragma unroll
      for (int i = 0; i < 4; i++) {
        int row;
        nt_i64 column;
        residual[j][i] = NT_RESIDUAL && find(pass, j, i, row, column) ? nt_residual(a, row, column) : 0;
      }
    nt_barrier_wait(shared + nt_sums_full, turn);
    turn ^= 1;
    float total[nt_owned][4];
#pragma unroll
    for (int j = 0; j < nt_owned; j++)
#pragma unroll
      for (int from = 0; from < NT_CLUSTER; from++) {
        float part[4];
        asm volatile("ld.shared.v4.f32 {%0, %1, %2, %3}, [%4];"
                     : "=f"(part[0]), "=f"(part[1]), "=f"(part[2]), "=f"(part[3])
                     : "r"(place(from, j))
                     : "memory");
#pragma unroll
        for (int i = 0; i < 4; i++) total[j][i] = from == 0 ? part[i] : total[j][i] + part[i];
      }
    __syncwarp();
    if (!is_last && lane < NT_CLUSTER) nt_barrier_arrive_cluster(nt_cluster_address(shared + nt_sums_free, lane));
#pragma unroll
    for (int j = 0; j < nt_owned; j++)
#pragma unroll
      for (int i = 0; i < (NT_GATED ? 2 : 4); i++) {
        int row;
        nt_i64 column;
        if (find(pass, j, i, row, column))
          nt_write_result(a, row, column, total[j][i], total[j][i | 2], residual[j][i]);
      }
  }
};

#endif
