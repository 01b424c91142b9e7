// The element-wise functions of types.h in float32, chosen when a kernel is compiled.
#ifndef NEEDLETAIL_CUDA_ACTIVATION_CUH
#define NEEDLETAIL_CUDA_ACTIVATION_CUH
#include "types.h"

template <int ACTIVATION> __device__ __forceinline__ float nt_activate(float x) {
  if constexpr (ACTIVATION == NT_SILU) {
    return __fdividef(x, 1.0f + __expf(-fmaxf(x, -80.0f)));
  } else if constexpr (ACTIVATION == NT_GELU) {
    return 0.5f * x * (1.0f + erff(x * 0.70710678118654752f));
  } else if constexpr (ACTIVATION == NT_GELU_TANH) {
    return 0.5f * x * (1.0f + tanhf(0.79788456080286536f * (x + 0.044715f * x * x * x)));
  } else if constexpr (ACTIVATION == NT_RELU) {
    return fmaxf(x, 0.0f);
  } else if constexpr (ACTIVATION == NT_RELU_SQUARED) {
    const float positive = fmaxf(x, 0.0f);
    return positive * positive;
  } else if constexpr (ACTIVATION == NT_SIGMOID) {
    return __fdividef(1.0f, 1.0f + __expf(-fmaxf(x, -80.0f)));
  } else if constexpr (ACTIVATION == NT_TANH) {
    return tanhf(x);
  } else if constexpr (ACTIVATION == NT_QUICK_GELU) {
    return __fdividef(x, 1.0f + __expf(-1.702f * fmaxf(x, -45.0f)));
  } else {
    return x;
  }
}

#endif
