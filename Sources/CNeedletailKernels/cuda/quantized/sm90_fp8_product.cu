// The products of up to 16 rows with a weight in fp8 (quantized_product.h) on Hopper, at the rate of the memory.
//
// One block a multiprocessor takes 16 rows of the weight at a time. The copy engine brings them through a deep ring in
// shared memory, and the tensor cores multiply them there as they are. Their instructions take 64 rows: 16 rows of four
// slices of k under each other, and beside them the same four slices of x; where both are of one slice, sums are of use.
// So k is shared by 16 warps whatever the number of rows. x is coded by each block, normalized before if asked for, while
// the ring fills; the first columns are requested before the kernel waits for those ahead of it.
//
// Parameters: nt_quantized_product_arguments; a map of w with boxes of 128 columns and 16 rows under the 128-byte swizzle.
// k: a multiple of 16 (of 128 with NT_GROUPED); x: rows start at multiples of 16 bytes.
#define NT_IN 4  // NT_F8E4M3: the operands of wgmma
#include "common/launch.cuh"
#include "quantized/sm90_fp8_activations.cuh"
#include "quantized/sm90_fp8_results.cuh"
#include "quantized/sm90_fp8_stream.cuh"

extern "C" __global__ void __launch_bounds__(nt_threads, 1)
  sm90_fp8_product(const __grid_constant__ nt_quantized_product_arguments a, const __grid_constant__ nt_tensor_map weight) {
  extern __shared__ __align__(1024) char memory[];
  nt_u32 shared = nt_shared_address(memory);
  int warp = threadIdx.x >> 5, lane = threadIdx.x & 31, units = nt_units(a.n);
  nt_layout at(a.k);
  nt_let_successors_start();
  if (threadIdx.x == 0) nt_prefetch_tensor_map(&weight);
  if (threadIdx.x == nt_warps * 32) nt_init_barriers(shared, at);
  __syncthreads();
  if (warp >= nt_warps) {
    if (lane == 0)
      nt_bring_weight(&weight, at, shared, units, [&](int unit, int half) {
        return unit * nt_tile_rows + half * (a.n / 2);
      });
    __syncwarp();
    nt_wait_for_predecessors();
    return;
  }
  nt_activations(a, at, memory, warp, lane).bring([] { nt_wait_for_predecessors(); });

  nt_results results(a, at, memory);
  nt_multiplier multiplier((const float *)a.w_scales, at, memory, shared, a.k, warp, lane);
  for (int unit = blockIdx.x; unit < units; unit += gridDim.x) {
    nt_results::early early = results.read(unit);
    float whole[nt_halves];
#pragma unroll
    for (int half = 0; half < nt_halves; half++) {
      float useful[nt_useful];
      multiplier.multiply(useful, (nt_i64)unit * nt_tile_rows + half * (a.n / 2));
      results.sums.leave(useful);
      whole[half] = results.sums.take(results.has_result(unit));
    }
    results.write(unit, whole, early);
  }
}
