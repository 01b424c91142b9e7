// From the whole sums to the result: scales, bias, gate, residual and rounding.
#ifndef NEEDLETAIL_QUANTIZED_SM90_FP8_RESULTS_CUH
#define NEEDLETAIL_QUANTIZED_SM90_FP8_RESULTS_CUH
#include "quantized/sm90_fp8_slice_sums.cuh"
#include "product/finish.cuh"

struct nt_results {
  const nt_quantized_product_arguments &a;
  const float *row_values;
  nt_slice_sums sums;

  __device__ __forceinline__ nt_results(const nt_quantized_product_arguments &a, const nt_layout &at, char *memory)
      : a(a), row_values((const float *)(memory + at.row_values)), sums(at, memory) {}

  __device__ __forceinline__ nt_i64 column(int unit) const { return (nt_i64)unit * nt_tile_rows + sums.tile_row; }
  __device__ __forceinline__ bool has_result(int unit) const {
    return sums.x_row < NT_ROWS && sums.x_row < (int)a.rows && column(unit) < nt_width(a.n);
  }

  // A scale of the weight's rows, 1 where each step is scaled.
  __device__ __forceinline__ float weight_scale(nt_i64 row) const {
    return NT_GROUPED ? 1 : ((const float *)a.w_scales)[row];
  }

  // Read ahead of their use: the weight's scales, the residual.
  struct early {
    float scale = 0, factor_scale = 0, residual = 0;
  };
  __device__ __forceinline__ early read(int unit) const {
    early values;
    if (has_result(unit)) {
      values.scale = weight_scale(column(unit));
      if (NT_GATED) values.factor_scale = weight_scale(a.n / 2 + column(unit));
      if (NT_RESIDUAL) values.residual = nt_residual(a, sums.x_row, column(unit));
    }
    return values;
  }

  __device__ __forceinline__ void write(int unit, const float (&whole)[nt_halves], const early &values) const {
    if (!has_result(unit)) return;
    float x_scale = NT_GROUPED ? 1 : row_values[sums.x_row * 4 + 3];
    float value = __fmul_rn(__fmul_rn(x_scale, values.scale), whole[0]);
    float factor = NT_GATED ? __fmul_rn(__fmul_rn(x_scale, values.factor_scale), whole[nt_halves - 1]) : 0;
    nt_write_result(a, sums.x_row, column(unit), value, factor, values.residual);
  }
};

#endif
