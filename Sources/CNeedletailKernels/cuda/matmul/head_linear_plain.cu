// head_linear.h for any storage types and sizes: for small models in float32, and as what head_linear.cu is held
// against.
//
// A warp has 32 outputs of one row and head. A transposed weight is read by neighbouring lanes; of one that is not,
// lanes read rows of their own.
//
// Definitions: NT_X, NT_W, NT_OUT (types.h), NT_TRANSPOSED (0, 1). Blocks: 128 outputs, rows (any number, which take
// turns), heads; 128 threads.
#include "common/conversions.cuh"
#include "common/launch.cuh"
#include "head_linear.h"

extern "C" __global__ void __launch_bounds__(128)
  head_linear_plain(const __grid_constant__ nt_head_linear_arguments a) {
  nt_let_successors_start();
  nt_wait_for_predecessors();
  const int output = blockIdx.x * 128 + threadIdx.x, head = blockIdx.z;
  if (output >= a.n) return;
  const nt_i64 base = (nt_i64)head * a.n * a.k + (NT_TRANSPOSED ? output : (nt_i64)output * a.k);
  const nt_i64 step = NT_TRANSPOSED ? a.n : 1;
  for (nt_i64 row = blockIdx.y; row < a.rows; row += gridDim.y) {
    const nt_i64 x = row * a.x_stride + head * a.x_head_stride;
    float sum = 0;
    for (int i = 0; i < a.k; i++) {
      float left[1], right[1];
      nt_load_vector<NT_X>(left, a.x, x + i);
      nt_load_vector<NT_W>(right, a.w, base + i * step);
      sum = fmaf(left[0], right[0], sum);
    }
    const float result[1] = {sum};
    nt_store_vector<NT_OUT>(a.out, row * a.out_stride + head * a.out_head_stride + output, result);
  }
}
