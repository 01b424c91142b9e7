// What every kernel needs of the launch it is part of.
#ifndef NEEDLETAIL_CUDA_LAUNCH_CUH
#define NEEDLETAIL_CUDA_LAUNCH_CUH
#include "types.h"

#ifndef NT_ARCH
#define NT_ARCH __CUDA_ARCH__
#endif

// Programmatic dependent launch (Hopper and later; elsewhere launches follow each other anyway). Every block waits
// before it touches anything that another kernel writes or reads, on early exits too; only weights are read before.
__device__ __forceinline__ void nt_wait_for_predecessors() {
#if NT_ARCH >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

// Lets the next kernel's blocks start where this one leaves room; they wait for this kernel's end themselves.
__device__ __forceinline__ void nt_let_successors_start() {
#if NT_ARCH >= 900
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}

#endif
