// Copies of boxes of matrices by the copy engine (Hopper and later), to one block or to several of a cluster.
#ifndef NEEDLETAIL_CUDA_TENSOR_COPIES_CUH
#define NEEDLETAIL_CUDA_TENSOR_COPIES_CUH
#include "common/barriers.cuh"
#include "common/copies.cuh"

// How the second-level cache treats what a copy reads: the values that createpolicy makes for whole accesses.
#define NT_CACHE_NORMAL 0x1000000000000000ull
#define NT_CACHE_EVICT_FIRST 0x12F0000000000000ull
#define NT_CACHE_EVICT_LAST 0x14F0000000000000ull

// Brings the box at (column, row) of a matrix and counts its bytes at the barrier.
__device__ __forceinline__ void nt_copy_box(
  nt_u32 destination, const nt_tensor_map *map, int column, int row, nt_u32 barrier, nt_u64 policy
) {
  asm volatile(
    "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes.L2::cache_hint"
    " [%0], [%1, {%2, %3}], [%4], %5;" ::"r"(destination),
    "l"(map), "r"(column), "r"(row), "r"(barrier), "l"(policy)
    : "memory");
}

// The same to the same place of each block of the cluster that the mask names; each counts the bytes at its own
// barrier.
__device__ __forceinline__ void nt_copy_box_to_cluster(
  nt_u32 destination, const nt_tensor_map *map, int column, int row, nt_u32 barrier, int blocks, nt_u64 policy
) {
  asm volatile(
    "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster.L2::cache_hint"
    " [%0], [%1, {%2, %3}], [%4], %5, %6;" ::"r"(destination),
    "l"(map), "r"(column), "r"(row), "r"(barrier), "h"((nt_u16)blocks), "l"(policy)
    : "memory");
}

#endif
