// Blocks of a cluster (Hopper and later): their numbers, each other's shared memory, and barriers among them.
#ifndef NEEDLETAIL_CUDA_CLUSTER_CUH
#define NEEDLETAIL_CUDA_CLUSTER_CUH
#include "common/barriers.cuh"

__device__ __forceinline__ nt_u32 nt_cluster_rank() {
  nt_u32 rank;
  asm("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
  return rank;
}

// The address of the same place in the shared memory of another block of the cluster.
__device__ __forceinline__ nt_u32 nt_cluster_address(nt_u32 address, nt_u32 rank) {
  nt_u32 result;
  asm("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(result) : "r"(address), "r"(rank));
  return result;
}

// Arrives at a barrier of another block, by its address from nt_cluster_address: what this thread has read it no longer
// needs. It does not make writes visible there, which would take a fence of about a microsecond.
__device__ __forceinline__ void nt_barrier_arrive_cluster(nt_u32 barrier) {
  asm volatile("mbarrier.arrive.shared::cluster.b64 _, [%0];" ::"r"(barrier) : "memory");
}

// Stores four floats to the shared memory of a block of the cluster and counts their bytes at a barrier there; both by their
// addresses from nt_cluster_address.
__device__ __forceinline__ void nt_send_floats(nt_u32 to, const float *four, nt_u32 barrier) {
  asm volatile(
    "st.async.weak.shared::cluster.mbarrier::complete_tx::bytes.v4.b32 [%0], {%1, %2, %3, %4}, [%5];" ::"r"(to),
    "r"(__float_as_uint(four[0])), "r"(__float_as_uint(four[1])), "r"(__float_as_uint(four[2])),
    "r"(__float_as_uint(four[3])), "r"(barrier)
    : "memory");
}

// All threads of the cluster; what one wrote before, to shared memory too, the others see after.
__device__ __forceinline__ void nt_cluster_sync() {
  asm volatile("barrier.cluster.arrive.release.aligned;\nbarrier.cluster.wait.acquire.aligned;" ::: "memory");
}

// The two halves of nt_cluster_sync, for what can be done between them.
__device__ __forceinline__ void nt_cluster_arrive() {
  asm volatile("barrier.cluster.arrive.release.aligned;" ::: "memory");
}
__device__ __forceinline__ void nt_cluster_wait() {
  asm volatile("barrier.cluster.wait.acquire.aligned;" ::: "memory");
}

// The first half where nothing was written that another block reads: only that this thread no longer needs what it read.
__device__ __forceinline__ void nt_cluster_let() {
  asm volatile("barrier.cluster.arrive.relaxed.aligned;" ::: "memory");
}

// The same where nothing was written that another block reads: only that all threads have come this far.
__device__ __forceinline__ void nt_cluster_meet() {
  asm volatile("barrier.cluster.arrive.relaxed.aligned;\nbarrier.cluster.wait.aligned;" ::: "memory");
}

#endif
