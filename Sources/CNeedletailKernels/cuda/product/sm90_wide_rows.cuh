// x for all warps of a block, brought by warps that do nothing else: what orders their writes before wgmma's reads waits
// for all that a thread has on its way.
#ifndef NEEDLETAIL_PRODUCT_SM90_WIDE_ROWS_CUH
#define NEEDLETAIL_PRODUCT_SM90_WIDE_ROWS_CUH
#include "product/rows.cuh"
#include "product/sm90_wide_layout.cuh"

struct nt_wide_x {
  const nt_product_arguments &a;
  int lane;
  const nt_u16 *rows[nt_row_tiles];
  nt_u32 pieces[nt_row_tiles][4];

  __device__ __forceinline__ nt_wide_x(const nt_product_arguments &a, int lane) : a(a), lane(lane) {
#pragma unroll
    for (int q = 0; q < nt_row_tiles; q++) {
      int row = q * 8 + (lane >> 2);
      rows[q] = row < min((int)a.rows, NT_ROWS) ? (const nt_u16 *)nt_x_row(a, row) : nullptr;
    }
  }

  // Starts loading a chunk. What is not there is zeros.
  __device__ __forceinline__ void load(int chunk) {
#pragma unroll
    for (int q = 0; q < nt_row_tiles; q++) {
      pieces[q][0] = pieces[q][1] = pieces[q][2] = pieces[q][3] = 0;
      int column = chunk * nt_chunk_columns + (lane & 3) * nt_lane_columns;
      if (rows[q] && (NT_COLUMNS == 32 || column < a.k)) {
        uint4 words = *(const uint4 *)(rows[q] + column);
        pieces[q][0] = words.x, pieces[q][1] = words.y, pieces[q][2] = words.z, pieces[q][3] = words.w;
      }
    }
  }

  // Writes what was loaded: a lane's words are those of its columns in the two instructions of a chunk.
  __device__ __forceinline__ void store(nt_u32 to) const {
#pragma unroll
    for (int q = 0; q < nt_row_tiles; q++)
#pragma unroll
      for (int i = 0; i < 4; i++)
        asm volatile("st.shared.u32 [%0], %1;" ::"r"(to + (i >> 1) * nt_instruction_bytes + q * 256 + (i & 1) * 128 + lane * 4),
                     "r"(pieces[q][i])
                     : "memory");
  }

  // All chunks, by turns of the warps: `passes` times so many, from `first` on.
  __device__ __forceinline__ void bring(nt_u32 shared, int warp, int first, int chunks, int passes) {
    int count = nt_x_stays(chunks / NT_STEP) && passes > 0 ? chunks : chunks * passes;
    if (warp < count) load(first + warp % chunks);
    for (int i = warp; i < count; i += nt_x_warps) {
      int step = i / NT_STEP, stage = step % NT_X_STAGES, turn = step / NT_X_STAGES;
      if (turn > 0) nt_barrier_wait(shared + nt_x_free + stage * 8, (turn - 1) & 1);
      store(shared + nt_x_at + stage * nt_x_stage_bytes + i % NT_STEP * 2 * nt_instruction_bytes);
      nt_fence_async_shared();
      __syncwarp();
      if (lane == 0) nt_barrier_arrive(shared + nt_x_full + stage * 8);
      if (i + nt_x_warps < count) load(first + (i + nt_x_warps) % chunks);
    }
  }
};

#endif
