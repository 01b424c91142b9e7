// Barriers in shared memory that copies complete (mbarrier), and barriers of some of a block's warps.
#ifndef NEEDLETAIL_CUDA_BARRIERS_CUH
#define NEEDLETAIL_CUDA_BARRIERS_CUH
#include "types.h"
#ifndef NT_ARCH
#define NT_ARCH __CUDA_ARCH__
#endif

// The address of shared memory as instructions take it.
__device__ __forceinline__ nt_u32 nt_shared_address(const void *memory) {
  return (nt_u32)__cvta_generic_to_shared(memory);
}

__device__ __forceinline__ void nt_barrier_init(nt_u32 barrier, nt_u32 arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(barrier), "r"(arrivals) : "memory");
}

// After the barriers of a block are made, by the thread that made them and before the block's own barrier.
__device__ __forceinline__ void nt_barrier_init_fence() {
#if NT_ARCH >= 900
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
#endif
}

__device__ __forceinline__ void nt_barrier_arrive(nt_u32 barrier) {
  asm volatile("{ .reg .b64 state; mbarrier.arrive.shared::cta.b64 state, [%0]; }" ::"r"(barrier) : "memory");
}

// Arrives and adds bytes that bulk copies will bring.
__device__ __forceinline__ void nt_barrier_expect(nt_u32 barrier, nt_u32 bytes) {
#if NT_ARCH >= 900
  asm volatile("{ .reg .b64 state; mbarrier.arrive.expect_tx.shared::cta.b64 state, [%0], %1; }" ::"r"(barrier),
               "r"(bytes)
               : "memory");
#endif
}

// Waits until the phase of this parity (0 for a new barrier's first) is complete.
__device__ __forceinline__ void nt_barrier_wait(nt_u32 barrier, nt_u32 parity) {
  nt_u32 done = 0;
  while (!done) {
#if NT_ARCH >= 900
    asm volatile(
      "{ .reg .pred p; mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2; selp.u32 %0, 1, 0, p; }"
      : "=r"(done)
      : "r"(barrier), "r"(parity)
      : "memory");
#else
    asm volatile(
      "{ .reg .pred p; mbarrier.test_wait.parity.shared::cta.b64 p, [%1], %2; selp.u32 %0, 1, 0, p; }"
      : "=r"(done)
      : "r"(barrier), "r"(parity)
      : "memory");
#endif
  }
}

// A barrier of `threads` threads of the block; numbers 1 ... 15.
__device__ __forceinline__ void nt_named_barrier(int number, int threads) {
  asm volatile("bar.sync %0, %1;" ::"r"(number), "r"(threads) : "memory");
}

// Arrives at one that other threads wait at.
__device__ __forceinline__ void nt_named_arrive(int number, int threads) {
  asm volatile("bar.arrive %0, %1;" ::"r"(number), "r"(threads) : "memory");
}

// What threads wrote to shared memory comes before what the copy engine or wgmma does there after the next barrier.
__device__ __forceinline__ void nt_fence_async_shared() {
#if NT_ARCH >= 900
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
#endif
}

#endif
