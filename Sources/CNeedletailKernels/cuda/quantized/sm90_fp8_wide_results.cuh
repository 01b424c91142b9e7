// From the sums of the blocks of a cluster, each over its slices of k, to the results: a block gets those of its rows of x
// from all, adds them two by two and writes.
#ifndef NEEDLETAIL_QUANTIZED_SM90_FP8_WIDE_RESULTS_CUH
#define NEEDLETAIL_QUANTIZED_SM90_FP8_WIDE_RESULTS_CUH
#include "common/cluster.cuh"
#include "quantized/sm90_fp8_wide_layout.cuh"
#include "product/finish.cuh"

// The sums of a warpgroup's tile of the weight with all rows of x.
typedef float nt_wide_sums[nt_row_tiles * 4];

struct nt_wide_results {
  const nt_quantized_product_arguments &a;
  nt_u32 sums, full, free;  // this warpgroup's
  int rank, warp, lane, turn = 0;

  __device__ __forceinline__ nt_wide_results(
    const nt_quantized_product_arguments &a, const nt_wide_layout &at, nt_u32 shared, int group, int rank, int warp, int lane)
      : a(a), sums(shared + at.sums + group * nt_sums_bytes), full(shared + at.sums_full + group * 8),
        free(shared + at.sums_free + group * 8), rank(rank), warp(warp), lane(lane) {}

  __device__ __forceinline__ nt_u32 place(int from, int j) const {
    return sums + ((from * nt_owned + j) * 4 + warp) * 512 + lane * 16;
  }

  // Where the result of number i of a lane's sums of tile j lies; false where there is none.
  __device__ __forceinline__ bool find(int tile, int j, int i, int &row, nt_i64 &column) const {
    row = (rank * nt_owned + j) * 8 + (lane & 3) * 2 + (i & 1);
    column = (nt_i64)tile * nt_wide_width + warp * (NT_GATED ? 8 : 16) + (lane >> 2) + (NT_GATED ? 0 : (i >> 1) * 8);
    return row < a.rows && column < nt_width(a.n);
  }
  __device__ __forceinline__ float scale(int row, nt_i64 weight_row) const {
    return NT_GROUPED ? 1 : __fmul_rn(a.x_scales[NT_STATIC ? 0 : row], ((const float *)a.w_scales)[weight_row]);
  }

  // Ahead of a tile; one thread of the warpgroup calls it.
  __device__ __forceinline__ void expect() const {
    if (rank < nt_owners) nt_barrier_expect(full, nt_sums_bytes);
  }

  // At the end of it.
  __device__ __forceinline__ void write(const nt_wide_sums &own, int tile, bool is_first, bool is_last) {
    // All have started, and have read what was there.
    if (is_first) nt_cluster_wait();
    else nt_barrier_wait(free, turn ^ 1);
#pragma unroll
    for (int q = 0; q < nt_row_tiles; q++) {
      int owner = q / nt_owned;
      nt_send_floats(
        nt_cluster_address(place(rank, q % nt_owned), owner), own + q * 4, nt_cluster_address(full, owner));
    }
    if (rank < nt_owners) {
      float scales[nt_owned][4], residual[nt_owned][4];
#pragma unroll
      for (int j = 0; j < nt_owned; j++)
#pragma unroll
        for (int i = 0; i < 4; i++) {
          int row;
          nt_i64 column;
          bool is_there = find(tile, j, i, row, column);
          scales[j][i] = is_there ? scale(row, column + (NT_GATED && i >= 2 ? a.n / 2 : 0)) : 0;
          residual[j][i] = NT_RESIDUAL && is_there ? nt_residual(a, row, column) : 0;
        }
      nt_barrier_wait(full, turn);
      float total[nt_owned][4];
#pragma unroll
      for (int j = 0; j < nt_owned; j++) add(total[j], j);
      __syncwarp();
      if (!is_last && lane < NT_CLUSTER) nt_barrier_arrive_cluster(nt_cluster_address(free, lane));
#pragma unroll
      for (int j = 0; j < nt_owned; j++)
#pragma unroll
        for (int i = 0; i < (NT_GATED ? 2 : 4); i++) {
          int row;
          nt_i64 column;
          if (find(tile, j, i, row, column))
            nt_write_result(
              a, row, column, __fmul_rn(scales[j][i], total[j][i]), __fmul_rn(scales[j][i | 2], total[j][i | 2]),
              residual[j][i]);
        }
    }
    turn ^= 1;
  }

  // The blocks' sums, two by two.
  __device__ __forceinline__ void add(float (&total)[4], int j) const {
    float parts[NT_CLUSTER][4];
#pragma unroll
    for (int from = 0; from < NT_CLUSTER; from++)
      asm volatile("ld.shared.v4.f32 {%0, %1, %2, %3}, [%4];"
                   : "=f"(parts[from][0]), "=f"(parts[from][1]), "=f"(parts[from][2]), "=f"(parts[from][3])
                   : "r"(place(from, j))
                   : "memory");
#pragma unroll
    for (int distance = 1; distance < NT_CLUSTER; distance *= 2)
#pragma unroll
      for (int from = 0; from < NT_CLUSTER; from += 2 * distance)
#pragma unroll
        for (int i = 0; i < 4; i++) parts[from][i] += parts[from + distance][i];
#pragma unroll
    for (int i = 0; i < 4; i++) total[i] = parts[0][i];
  }
};

#endif
