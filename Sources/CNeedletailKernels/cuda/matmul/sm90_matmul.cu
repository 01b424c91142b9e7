// matmul.h on Hopper: tiles brought by the copy engine, multiplied by wgmma, for 65 rows and more.
//
// With NT_IN = 4 both operands are codes in e4m3 (quantized_product.h), a chunk has 128 columns, and sums are scaled as
// sm90_scales.cuh says: NT_STATIC, NT_GROUPED.
//
// One block a multiprocessor walks over tiles of TILE_M rows and TILE_N rows of the weight. One warp brings k in
// chunks of 64 through a ring of stages; two warpgroups multiply, each half of the tile's rows, and write what they
// hold. Blocks of a cluster share: with NT_SHARE = 1 two row tiles get the same rows of the weight, with NT_SHARE = 2
// two column tiles the same rows of x; each block brings half of it for both. With NT_SPLIT > 1 blocks take parts of
// k; each then sums a part of the columns over the blocks, in their order, out of their shared memory. With NT_PARTS >
// 1 neighbouring clusters take parts of k, of one tile or pair each, and sum through the second-level cache, since
// clusters of more than two blocks would leave multiprocessors out.
//
// Definitions: NT_IN, NT_OUT (types.h), NT_TILE_M (128, 256), NT_TILE_N, NT_STAGES, NT_SHARE, NT_SPLIT, NT_PARTS (1 if
// not defined), NT_GROUP (row tiles or pairs of them that are walked together for each column tile, so that what they
// read stays in the second-level cache), NT_X_ROWS (rows of x's map where they are no multiple of a unit's rows, else
// 0), NT_GATE (an activation, or -1), NT_BIAS, NT_RESIDUAL (0, 1). n and k: any; k a multiple of 8.
// Parameters: nt_matmul_arguments; maps of x and of w, with boxes of 64 columns under the 128-byte swizzle: TILE_M
// rows of x (half of them where x is shared, else at most NT_X_ROWS), TILE_N of w (half of them where w is shared or
// gated).
// The ways of CUTLASS's and DeepGEMM's Hopper kernels: a warp that only copies, registers moved to those that multiply.
#include "common/cluster.cuh"
#include "common/launch.cuh"
#include "matmul/epilogue.cuh"
#include "matmul/sm90_ring.cuh"
#if NT_PARTS > 1
#include "matmul/sm90_parts.cuh"
#endif
#include "matmul/sm90_scales.cuh"

// With parts of k: every block leaves its sums in its own shared memory, where the ring was.
__device__ __forceinline__ void nt_leave_part(const float (&sums)[M_TILES][TILE_N / 2], char *memory) {
  nt_named_barrier(1, 256);  // both warpgroups have read the last stages
  float4 *mine = (float4 *)memory + threadIdx.x;
#pragma unroll
  for (int m = 0; m < M_TILES; m++) {
#pragma unroll
    for (int j = 0; j < TILE_N / 8; j++) {
      const float *four = sums[m] + j * 4;
      mine[(m * (TILE_N / 8) + j) * 256] = make_float4(four[0], four[1], four[2], four[3]);
    }
  }
  nt_cluster_sync();
}

// Then it takes its share of the columns from all of them, in the order of the parts.
template <int BLOCKS>
__device__ __forceinline__ void nt_sum_parts(
  float (&sums)[BLOCKS * 4], int m, char *memory, nt_u32 share, nt_u32 split
) {
  const nt_u32 first = nt_shared_address(memory) + threadIdx.x * 16 + (m * (TILE_N / 8) + split * BLOCKS) * 4096;
#pragma unroll
  for (int i = 0; i < BLOCKS * 4; i++) sums[i] = 0.0f;
#pragma unroll
  for (int part = 0; part < NT_SPLIT; part++) {
    const nt_u32 from = nt_cluster_address(first, part * SHARED + share);
#pragma unroll
    for (int j = 0; j < BLOCKS; j++) {
      float a, b, c, d;
      asm volatile("ld.shared::cluster.v4.f32 {%0, %1, %2, %3}, [%4];"
                   : "=f"(a), "=f"(b), "=f"(c), "=f"(d)
                   : "r"(from + j * 4096));
      sums[j * 4] += a;
      sums[j * 4 + 1] += b;
      sums[j * 4 + 2] += c;
      sums[j * 4 + 3] += d;
    }
  }
}

#if NT_IN == 4  // NT_F8E4M3
extern "C" __global__ void __launch_bounds__(384, 1) sm90_fp8_matmul(
  const __grid_constant__ nt_quantized_product_arguments quantized, const __grid_constant__ nt_tensor_map x_map,
  const __grid_constant__ nt_tensor_map w_map
) {
  const nt_matmul_arguments arguments = nt_arguments_of(quantized);
  const nt_scales scales(quantized);
#else
extern "C" __global__ void __launch_bounds__(384, 1) sm90_matmul(
  const __grid_constant__ nt_matmul_arguments arguments, const __grid_constant__ nt_tensor_map x_map,
  const __grid_constant__ nt_tensor_map w_map
) {
  const nt_scales scales;
#endif
  extern __shared__ char dynamic[];
  char *memory = (char *)(((nt_u64)dynamic + 1023) / 1024 * 1024);
  char *staging = memory + NT_STAGES * STAGE_BYTES;
  const nt_u32 base = nt_shared_address(memory);
  const nt_u32 full = nt_shared_address(staging + STAGING_BYTES), empty = full + NT_STAGES * 8;
  const nt_u32 rank = CLUSTER == 1 ? 0 : nt_cluster_rank();
  const nt_u32 share = rank % SHARED, split = rank / SHARED;
  const int warp = threadIdx.x / 32;

  if (threadIdx.x == 0) {
    for (int i = 0; i < NT_STAGES; i++) {
      nt_barrier_init(full + i * 8, 1);
      nt_barrier_init(empty + i * 8, 8 * SHARED);
    }
    nt_barrier_init_fence();
  }
  __syncthreads();
  if constexpr (CLUSTER > 1) nt_cluster_meet();
  nt_let_successors_start();

  constexpr int PARTS = NT_SPLIT * NT_PARTS;
  const nt_tiles tiles(arguments, blockIdx.x / CLUSTER / NT_PARTS, gridDim.x / CLUSTER / NT_PARTS);
  const int part = NT_PARTS == 1 ? (int)split : (int)(blockIdx.x / CLUSTER) % NT_PARTS;
  const int chunks_of_k = (arguments.k + CHUNK - 1) / CHUNK;
  const int first_chunk = chunks_of_k * part / PARTS;
  const int chunks = chunks_of_k * (part + 1) / PARTS - first_chunk;

  if (warp >= 8) {
    asm volatile("setmaxnreg.dec.sync.aligned.u32 40;");
    if (warp == 8 && threadIdx.x % 32 == 0) {
      nt_prefetch_tensor_map(&x_map);
      nt_prefetch_tensor_map(&w_map);
    }
    // Rows of the weight that only one row tile reads need not stay in the cache.
    const nt_u64 w_policy = tiles.rows == 1 ? NT_CACHE_EVICT_FIRST : NT_CACHE_NORMAL;
    nt_producer producer = {&x_map, &w_map, base, full, empty, share, split, w_policy, 0, 0};
    bool waited = false;
    for (int unit = tiles.first; unit < tiles.count; unit += tiles.step) {
      if (warp == 8 && threadIdx.x % 32 == 0) {
        const nt_tile tile = tiles.at(unit, share);
        int chunk = 0;
        if (!waited) {
          // The weight does not depend on the kernel before: the ring is filled with it while that one ends.
          const int ahead = chunks < NT_STAGES ? chunks : NT_STAGES;
          for (int i = 0; i < ahead; i++) {
            nt_barrier_expect(full + i * 8, COPIED_BYTES);
            producer.load_w(i, tile, first_chunk + i, arguments.n);
          }
          nt_wait_for_predecessors();
          waited = true;
          for (; chunk < ahead; chunk++) {
            producer.load_x(chunk, tile, first_chunk + chunk);
            producer.next();
          }
        }
        for (; chunk < chunks; chunk++) {
          nt_barrier_wait(empty + producer.stage * 8, producer.parity ^ 1);
          nt_barrier_expect(full + producer.stage * 8, COPIED_BYTES);
          producer.load_x(producer.stage, tile, first_chunk + chunk);
          producer.load_w(producer.stage, tile, first_chunk + chunk, arguments.n);
          producer.next();
        }
      }
      __syncwarp();
      if constexpr (NT_SPLIT > 1) {
        nt_cluster_sync();
        nt_cluster_meet();
      }
    }
    nt_wait_for_predecessors();
  } else {
    asm volatile("setmaxnreg.inc.sync.aligned.u32 232;");
    nt_wait_for_predecessors();
    nt_consumer consumer = {base, full, empty, split, 0, 0};
    const float *bias = (const float *)arguments.bias;
    const int width = GATED ? arguments.n / 2 : arguments.n;
    typedef nt_rows_writer<NT_OUT, NT_RESIDUAL != 0> Writer;
    Writer writer(arguments, staging + warp * NT_PANEL_BYTES(STAGED_BYTES), width);
    for (int unit = tiles.first; unit < tiles.count; unit += tiles.step) {
      const nt_tile tile = tiles.at(unit, share);
      const nt_i64 row = tile.row + warp / 4 * (TILE_M / 2) + warp % 4 * 16;
      const int column = tile.column;
      writer.own_row = tile.own_row;
      writer.own_column = tile.own_column;
      if constexpr (NT_RESIDUAL) {
        constexpr int OWN = TILE_WIDTH / PARTS;
        nt_prefetch_residual(arguments, tile, column + part * OWN, OWN);
      }
      float sums[M_TILES][TILE_N / 2];
      scales.multiply(consumer, sums, row, column, first_chunk, chunks);
      if constexpr (NT_SPLIT > 1) {
        constexpr int BLOCKS = TILE_N / 8 / NT_SPLIT;
        const int own = column + (int)split * (BLOCKS * 8);
        typename Writer::Residuals<BLOCKS> residuals;
        // Residuals come while the parts are exchanged, where registers are left for them.
        constexpr bool EARLY = M_TILES == 1 && BLOCKS <= 10;
        if constexpr (EARLY) writer.load<BLOCKS>(residuals, row, own);
        nt_leave_part(sums, memory);
#pragma unroll 1
        for (int m = 0; m < M_TILES; m++) {
          if constexpr (!EARLY) writer.load<BLOCKS>(residuals, row + m * 64, own);
          float part[BLOCKS * 4];
          nt_sum_parts<BLOCKS>(part, m, memory, share, split);
          scales.apply<BLOCKS>(part, row + m * 64, own);
          if constexpr (NT_BIAS) nt_add_bias<BLOCKS>(part, bias + own, width - own);
          writer.write<BLOCKS>(part, residuals, row + m * 64, own);
        }
        // The copy engine may write there again once every block has read.
        nt_fence_async_shared();
        nt_cluster_meet();
#if NT_PARTS > 1
      } else if constexpr (NT_PARTS > 1) {
        const int own = column + part * (PART_BLOCKS * 8);
        typename Writer::Residuals<PART_BLOCKS> residuals;
        writer.load<PART_BLOCKS>(residuals, row, own);
        float total[PART_BLOCKS * 4];
        nt_parts(arguments, unit, share, part).sum(total, sums[0]);
        if constexpr (NT_BIAS) nt_add_bias<PART_BLOCKS>(total, bias + own, width - own);
        writer.write<PART_BLOCKS>(total, residuals, row, own);
        break;  // a tile for each cluster
#endif
      } else {
#pragma unroll
        for (int m = 0; m < M_TILES; m++) {
          scales.apply<TILE_N / 8>(sums[m], row + m * 64, column);
          nt_finish<TILE_N / 8, NT_GATE, NT_BIAS != 0>(sums[m], writer, bias, width, row + m * 64, column);
        }
      }
    }
  }
  // Nobody leaves while another block of the cluster may still write to its barriers or tiles.
  if constexpr (CLUSTER > 1) {
    __syncwarp();
    nt_cluster_meet();
  }
}
