// From the sums of sm90_coded_matmul.cu to the result. A lane has two rows of the weight, which are columns of the result:
// scale, bias and gate are its own business. Then the sums turn in shared memory, 32 rows of x at a time, so that lines of
// memory are written whole.
#ifndef NEEDLETAIL_CUDA_SM90_CODED_WRITER_CUH
#define NEEDLETAIL_CUDA_SM90_CODED_WRITER_CUH
#include "common/activation.cuh"
#include "common/conversions.cuh"
#include "matmul/sm90_coded_tile.cuh"

struct nt_coded_writer {
  typedef nt_storage<NT_OUT>::bits bits;
  const nt_quantized_product_arguments &a;
  float *panel;
  int width;
  bool is_aligned;

  __device__ __forceinline__ nt_coded_writer(const nt_quantized_product_arguments &a, char *staging)
      : a(a), panel((float *)(staging + threadIdx.x / 128 * nt_panel_bytes)), width(NT_GATED ? a.n / 2 : a.n) {
    is_aligned = ((nt_u64)a.out | (nt_u64)a.residual | (nt_u64)(a.out_stride * (nt_i64)sizeof(bits))) % 16 == 0;
  }

  // The scale and the bias of a row of the weight.
  __device__ __forceinline__ float2 of_row(int row) const {
    float2 pair = make_float2(1, 0);
    if (row < a.n) {
      if (NT_CODE == NT_I8) pair.x = ((const float *)a.w_scales)[row];
      if (NT_BIAS) pair.y = a.bias[row];
    }
    return pair;
  }

  __device__ __forceinline__ void store(nt_i64 row, int column, float4 four) const {
    if (row >= a.rows || column >= width) return;
    bits *to = (bits *)a.out + row * a.out_stride + column;
    const float *residual = NT_RESIDUAL ? a.residual + row * a.out_stride + column : nullptr;
    float values[4] = {four.x, four.y, four.z, four.w};
    if (is_aligned && column + 4 <= width) {
      if (NT_RESIDUAL) {
        float4 more = *(const float4 *)residual;
        values[0] += more.x, values[1] += more.y, values[2] += more.z, values[3] += more.w;
      }
      nt_store_vector<NT_OUT>(to, 0, values);
    } else {
#pragma unroll
      for (int i = 0; i < 4; i++)
        if (column + i < width) to[i] = (bits)nt_from_float<NT_OUT>(NT_RESIDUAL ? values[i] + residual[i] : values[i]);
    }
  }

  // Those of a tile that starts at row and column of the result; by the 128 threads of a warpgroup.
  __device__ __forceinline__ void finish(float (&sums)[NT_TILE_ROWS / 2], int row, int column) const {
    int thread = threadIdx.x % 128, warp = thread / 32, g = thread % 32 / 4, t = thread % 4, group = threadIdx.x / 128;
    constexpr int group_width = nt_tile_width / 2;
    column += group * group_width;
    int mine = warp * (NT_GATED ? 8 : 16) + g;
    float2 upper = of_row(column + mine), lower = of_row(NT_GATED ? a.n / 2 + column + mine : column + mine + 8);
#pragma unroll
    for (int first = 0; first < NT_TILE_ROWS; first += 32) {
      nt_named_barrier(1 + group, 128);
#pragma unroll
      for (int j = 0; j < 4; j++)
#pragma unroll
        for (int i = 0; i < 2; i++) {
          const float *four = sums + (first / 8 + j) * 4;
          float one = four[i] * upper.x + upper.y, other = four[2 + i] * lower.x + lower.y;
          float *to = panel + (j * 8 + t * 2 + i) * nt_panel_pitch + mine;
          if constexpr (NT_GATED) {
            to[0] = nt_activate<NT_ACTIVATION>(one) * other;
          } else {
            to[0] = one;
            to[8] = other;
          }
        }
      nt_named_barrier(1 + group, 128);
#pragma unroll
      for (int i = thread; i < 32 * group_width / 4; i += 128) {
        int r = i / (group_width / 4), c = i % (group_width / 4) * 4;
        store(row + first + r, column + c, *(const float4 *)(panel + r * nt_panel_pitch + c));
      }
    }
  }
};

#endif
