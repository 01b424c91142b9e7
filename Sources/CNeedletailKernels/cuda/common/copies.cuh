// Copies from global to shared memory that run by themselves: boxes of tensors by the copy engine (sm_90 and later),
// 16 bytes a thread elsewhere.
#ifndef NEEDLETAIL_CUDA_COPIES_CUH
#define NEEDLETAIL_CUDA_COPIES_CUH
#include "types.h"
#ifndef NT_ARCH
#define NT_ARCH __CUDA_ARCH__
#endif

// A description of a tensor for the copy engine, a parameter of the kernel.
struct alignas(64) nt_tensor_map {
  nt_u64 words[16];
};

#if NT_ARCH >= 900
__device__ __forceinline__ void nt_prefetch_tensor_map(const nt_tensor_map *map) {
  asm volatile("prefetch.tensormap [%0];" ::"l"(map) : "memory");
}

// Starts copying the box at (x, y, z) to shared memory; its bytes count on the barrier.
__device__ __forceinline__ void nt_copy_box(
  nt_u32 target, const nt_tensor_map *map, nt_i32 x, nt_i32 y, nt_i32 z, nt_u32 barrier) {
  asm volatile(
    "cp.async.bulk.tensor.3d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3, %4}], [%5];" ::"r"(
      target),
    "l"(map), "r"(x), "r"(y), "r"(z), "r"(barrier)
    : "memory");
}
#endif

// 16 bytes; zeros instead of those from `bytes` on.
__device__ __forceinline__ void nt_copy_16(nt_u32 target, const void *source, nt_u32 bytes) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(target), "l"(source), "r"(bytes) : "memory");
}

// The barrier gets this thread's arrival when the copies that the thread has started so far are done.
__device__ __forceinline__ void nt_arrive_after_copies(nt_u32 barrier) {
  asm volatile("cp.async.mbarrier.arrive.noinc.shared::cta.b64 [%0];" ::"r"(barrier) : "memory");
}

#endif
