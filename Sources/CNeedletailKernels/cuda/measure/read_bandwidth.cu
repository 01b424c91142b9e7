// Reads memory as fast as it comes: 16 bytes a thread and load, eight loads in flight, neighbouring blocks in
// neighbouring pieces.
#include "common/launch.cuh"
#include "read_bandwidth.h"

#define NT_LOADS 8

struct nt_read_words {
  nt_u32 x, y, z, w;
};

__device__ __forceinline__ nt_read_words nt_read_once(const nt_read_words *source) {
  nt_read_words words;
  asm volatile("ld.global.L1::no_allocate.v4.u32 {%0, %1, %2, %3}, [%4];"
               : "=r"(words.x), "=r"(words.y), "=r"(words.z), "=r"(words.w)
               : "l"(source));
  return words;
}

extern "C" __global__ void __launch_bounds__(512)
read_bandwidth(const __grid_constant__ nt_read_bandwidth_arguments arguments) {
  nt_wait_for_predecessors();
  const nt_read_words *memory = (const nt_read_words *)arguments.memory;
  const nt_i64 count = arguments.bytes / 16;
  const nt_i64 piece = (nt_i64)blockDim.x * NT_LOADS;
  nt_u32 sum = 0;
  for (nt_i64 start = blockIdx.x * piece; start < count; start += gridDim.x * piece) {
    nt_read_words words[NT_LOADS];
#pragma unroll
    for (int i = 0; i < NT_LOADS; i++) {
      nt_i64 index = start + (nt_i64)i * blockDim.x + threadIdx.x;
      words[i] = nt_read_once(memory + (index < count ? index : count - 1));
    }
#pragma unroll
    for (int i = 0; i < NT_LOADS; i++) sum ^= words[i].x ^ words[i].y ^ words[i].z ^ words[i].w;
  }
  if (sum == 0x9E3779B9u) *arguments.sink = sum;
}
