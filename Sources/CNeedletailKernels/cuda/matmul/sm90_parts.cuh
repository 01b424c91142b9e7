// Parts of k of a tile in blocks that are in no cluster together: each sums a part of the columns over all of them.
//
// What a block leaves for another lies in memory that is zero before, stays in the second-level cache and is its own
// signal: a sum of 0 is left as -0, so that a word that is not zero is there. Whoever reads makes it zero again. So
// neither fences nor counters stand between a store and the load that sees it. The sum is in the order of the parts.
//
// All parts of a tile are neighbours in the grid, and a block of more is not waited for: those that have started end.
#ifndef NEEDLETAIL_CUDA_SM90_PARTS_CUH
#define NEEDLETAIL_CUDA_SM90_PARTS_CUH
#include "matmul/sm90_tiles.cuh"

enum {
  PART_BLOCKS = TILE_N / 8 / NT_PARTS,  // blocks of 8 columns that one block sums
  OTHERS = NT_PARTS - 1,
};
static_assert(TILE_N / 8 % NT_PARTS == 0, "columns for each part");
static_assert(OTHERS * PART_BLOCKS <= 12, "what the others leave lies in registers");

__device__ __forceinline__ nt_u32 nt_nonzero(float value) {
  const nt_u32 bits = __float_as_uint(value);
  return bits == 0 ? 0x80000000u : bits;
}

// The sums of a tile's parts.
struct nt_parts {
  uint4 *memory;  // of the tile, this thread's
  int part;

  __device__ __forceinline__ nt_parts(const nt_matmul_arguments &arguments, int unit, nt_u32 share, int part)
      : part(part) {
    const nt_i64 tile = (nt_i64)unit * SHARED + share;
    memory = (uint4 *)arguments.counters + tile * (NT_PARTS * OTHERS * PART_BLOCKS * 256) + threadIdx.x;
  }

  // Where one part leaves what another one sums.
  __device__ __forceinline__ uint4 *place(int from, int to) const {
    return memory + (to * OTHERS + (from < to ? from : from - 1)) * (PART_BLOCKS * 256);
  }

  __device__ __forceinline__ void leave(const float (&sums)[TILE_N / 2]) const {
#pragma unroll
    for (int to = 0; to < NT_PARTS; to++) {
      if (to == part) continue;
      uint4 *there = place(part, to);
#pragma unroll
      for (int j = 0; j < PART_BLOCKS; j++) {
        const float *four = sums + (to * PART_BLOCKS + j) * 4;
        asm volatile("st.relaxed.gpu.global.v4.u32 [%0], {%1, %2, %3, %4};" ::"l"(there + j * 256),
                     "r"(nt_nonzero(four[0])), "r"(nt_nonzero(four[1])), "r"(nt_nonzero(four[2])),
                     "r"(nt_nonzero(four[3]))
                     : "memory");
      }
    }
  }

  // Waits for what the others leave.
  __device__ __forceinline__ void take(uint4 (&left)[OTHERS * PART_BLOCKS]) const {
    uint4 *here = memory + part * (OTHERS * PART_BLOCKS * 256);
    bool all;
    do {
      all = true;
#pragma unroll
      for (int i = 0; i < OTHERS * PART_BLOCKS; i++) {
        asm volatile("ld.relaxed.gpu.global.v4.u32 {%0, %1, %2, %3}, [%4];"
                     : "=r"(left[i].x), "=r"(left[i].y), "=r"(left[i].z), "=r"(left[i].w)
                     : "l"(here + i * 256)
                     : "memory");
      }
#pragma unroll
      for (int i = 0; i < OTHERS * PART_BLOCKS; i++) {
        all = all && left[i].x != 0 && left[i].y != 0 && left[i].z != 0 && left[i].w != 0;
      }
    } while (!__all_sync(0xFFFFFFFF, all));
#pragma unroll
    for (int i = 0; i < OTHERS * PART_BLOCKS; i++) here[i * 256] = make_uint4(0, 0, 0, 0);
  }

  // This block's columns over all parts, in their order.
  __device__ __forceinline__ void sum(float (&total)[PART_BLOCKS * 4], const float (&sums)[TILE_N / 2]) const {
    leave(sums);
    float own[PART_BLOCKS * 4];
#pragma unroll
    for (int to = 0; to < NT_PARTS; to++) {
      if (to != part) continue;
#pragma unroll
      for (int i = 0; i < PART_BLOCKS * 4; i++) own[i] = sums[to * PART_BLOCKS * 4 + i];
    }
    uint4 left[OTHERS * PART_BLOCKS];
    take(left);
#pragma unroll
    for (int i = 0; i < PART_BLOCKS * 4; i++) total[i] = 0.0f;
#pragma unroll
    for (int from = 0; from < NT_PARTS; from++) {
      const bool mine = from == part;
#pragma unroll
      for (int j = 0; j < PART_BLOCKS; j++) {
        // Of the parts before this one, then itself, then those behind it.
        const uint4 before = left[(from == OTHERS ? OTHERS - 1 : from) * PART_BLOCKS + j];
        const uint4 behind = left[(from == 0 ? 0 : from - 1) * PART_BLOCKS + j];
        const uint4 other = from < part ? before : behind;
        total[j * 4] += mine ? own[j * 4] : __uint_as_float(other.x);
        total[j * 4 + 1] += mine ? own[j * 4 + 1] : __uint_as_float(other.y);
        total[j * 4 + 2] += mine ? own[j * 4 + 2] : __uint_as_float(other.z);
        total[j * 4 + 3] += mine ? own[j * 4 + 3] : __uint_as_float(other.w);
      }
    }
  }
};

#endif
