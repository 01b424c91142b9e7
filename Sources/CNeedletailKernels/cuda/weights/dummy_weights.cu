// Fills rows of a weight with dummy weights (include/dummy_weights.h), the same bits as NeedletailCheckpoint's
// DummyWeights. A thread has eight columns (x) of some rows (y).
//
// NT_OUT: storage type.
#include "dummy_weights.h"
#include "common/launch.cuh"
#include "elementwise/vectors.cuh"

__device__ __forceinline__ nt_u64 mix64(nt_u64 z) {
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ z >> 27) * 0x94D049BB133111EBull;
  return z ^ z >> 31;
}

// One for each 2^32 elements.
__device__ __forceinline__ nt_u64 stream_key(nt_u64 tensor_key, nt_u64 index) {
  return mix64(tensor_key + (index >> 32) * 0x9E3779B97F4A7C15ull);
}

// Wellons' lowbias32 with half of the key between its multiplications.
__device__ __forceinline__ float dummy_weight(nt_u64 key, nt_u64 index) {
  nt_u32 x = (nt_u32)index + (nt_u32)key;
  x ^= x >> 16;
  x *= 0x21F0AAADu;
  x ^= x >> 15;
  x = (x + (nt_u32)(key >> 32)) * 0x735A2D97u;
  x ^= x >> 15;
  // (x >> 9) + 16 as a float: the bits are added below 2^23's, which is exact and cheaper than a conversion.
  const float whole = __fsub_rn(__uint_as_float(x >> 9 | 0x4b000000u), 8388592.0f);
  const float magnitude = __fmul_rn(whole, 0x1.1EB82Ep-28f);
  return __uint_as_float(__float_as_uint(magnitude) | x << 31);
}

extern "C" __global__ void dummy_weights(const __grid_constant__ nt_dummy_weights_arguments a) {
  const nt_i64 column = ((nt_i64)blockIdx.x * blockDim.x + threadIdx.x) * NT_VECTOR;
  const bool aligned = nt_vectors_are_aligned<NT_OUT>(a.out, a.out_stride);
  nt_let_successors_start();
  nt_wait_for_predecessors();
  if (column >= a.columns) return;
  const int left = a.columns - column < NT_VECTOR ? (int)(a.columns - column) : NT_VECTOR;
  nt_u64 part = ~0ull, key = 0;
  for (nt_i64 row = blockIdx.y; row < a.rows; row += gridDim.y) {
    const nt_u64 index = (nt_u64)(a.first + row * a.source_stride + column);
    if (index >> 32 != part) {
      part = index >> 32;
      key = stream_key(a.tensor_key, index);
    }
    float values[NT_VECTOR];
#pragma unroll
    for (int i = 0; i < NT_VECTOR; i++) values[i] = dummy_weight(key, index + i);
    if ((index + NT_VECTOR - 1) >> 32 != part)
      for (int i = 0; i < NT_VECTOR; i++) values[i] = dummy_weight(stream_key(a.tensor_key, index + i), index + i);
    nt_store_part<NT_OUT>(a.out, row * a.out_stride + column, values, left, aligned);
  }
}
