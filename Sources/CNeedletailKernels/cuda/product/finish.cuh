// What happens to a whole sum: bias, gate, residual and rounding. The arguments are those of any product;
// to be included behind what tells NT_OUT.
#ifndef NEEDLETAIL_PRODUCT_FINISH_CUH
#define NEEDLETAIL_PRODUCT_FINISH_CUH
#include "common/activation.cuh"
#include "common/conversions.cuh"
#include "product/parts.cuh"

template <typename Arguments>
__device__ __forceinline__ float nt_residual(const Arguments &a, nt_i64 row, nt_i64 column) {
  return a.residual[row * a.out_stride + column];
}

// value: the sum, of the gate if it is gated; factor: the sum of the value that is gated.
template <typename Arguments>
__device__ __forceinline__ void nt_write_result(
  const Arguments &a, nt_i64 row, nt_i64 column, float value, float factor, float residual) {
  if (NT_BIAS) value += a.bias[column];
  if constexpr (NT_GATED) {
    if (NT_BIAS) factor += a.bias[a.n / 2 + column];
    value = nt_activate<NT_ACTIVATION>(value) * factor;
  }
  if (NT_RESIDUAL) value += residual;
  typedef nt_storage<NT_OUT>::bits bits;
  ((bits *)a.out)[row * a.out_stride + column] = bits(nt_from_float<NT_OUT>(value));
}

#endif
