// How sm90_fp8_product.cu is divided into warps, and where things lie in its shared memory.
#ifndef NEEDLETAIL_QUANTIZED_SM90_FP8_LAYOUT_CUH
#define NEEDLETAIL_QUANTIZED_SM90_FP8_LAYOUT_CUH
#include "common/barriers.cuh"
#include "common/row_norm.cuh"
#include "quantized/sm90_fp8_shape.cuh"

// Four warpgroups multiply, each four slices; one more warp brings the weight.
constexpr int nt_warpgroups = 4;
constexpr int nt_warps = nt_warpgroups * 4;
constexpr int nt_threads = (nt_warps + 1) * 32;
static_assert(NT_STAGES % nt_warpgroups == 0, "each warpgroup has stages of its own");
constexpr int nt_own_stages = NT_STAGES / nt_warpgroups;

// A stage: 16 rows of the weight of each of a warpgroup's four slices, one operand of 64 rows.
constexpr int nt_piece_bytes = nt_tile_rows * nt_step_columns;
constexpr int nt_stage_bytes = 4 * nt_piece_bytes;
// The other operand: of each of the four slices the same columns of x; only where both are of one slice are sums of use.
constexpr int nt_columns = 4 * NT_ROWS;
constexpr int nt_x_tile_bytes = nt_columns * nt_step_columns;

// Sums of the slices on their way, in two places by turns. The rows of x are 20 floats apart, so that a warp's stores fall
// into different banks.
constexpr int nt_sums_pitch = 20;
constexpr int nt_slice_floats = NT_ROWS * nt_sums_pitch;
constexpr int nt_sums_floats = nt_slices * nt_slice_floats;

// Offsets; the last depend on k.
constexpr int nt_ring_at = 0;
constexpr int nt_x_at = NT_STAGES * nt_stage_bytes;

struct nt_layout {
  int chunks, steps, segments;
  nt_u32 slice_factor;  // 2^32 / chunks, rounded up
  nt_u32 sums, row_values, full, empty, segment_sums, group_scales;

  __device__ __forceinline__ nt_layout(int k)
      : chunks(nt_chunks(k)), steps(nt_steps(chunks)), segments(nt_segments(k)),
        slice_factor(chunks > 1 ? 0xffffffffu / chunks + 1 : 0xffffffffu) {
    sums = nt_x_at + nt_warpgroups * steps * nt_x_tile_bytes;
    row_values = sums + 2 * nt_sums_floats * 4;  // of each row: the largest magnitude, mean, scale
    full = row_values + NT_ROWS * 16;
    empty = full + NT_STAGES * 8;
    segment_sums = empty + NT_STAGES * 8;                    // [row][segment]
    group_scales = segment_sums + NT_ROWS * segments * 4;    // [row][two groups of a segment]
  }
};

// Where codes of x from `column` on lie, up to 16 of them: the operand's place, without the row.
struct nt_x_place {
  nt_u32 tile;
  int first_row, byte;

  __device__ __forceinline__ nt_x_place(const nt_layout &at, int column) {
    int chunk = column / nt_chunk_columns, own = column % nt_chunk_columns;
    // The last slice that begins at this chunk or before it: (16 (chunk + 1) - 1) / chunks.
    int slice = at.chunks > 1 ? (int)__umulhi(nt_slices * (chunk + 1) - 1, at.slice_factor) : nt_slices - 1;
    own += (chunk - nt_first_chunk(at.chunks, slice)) * nt_chunk_columns;
    tile = nt_x_at + (slice / 4 * at.steps + own / nt_step_columns) * nt_x_tile_bytes;
    first_row = slice % 4 * NT_ROWS;
    byte = own % nt_step_columns;
  }
  __device__ __forceinline__ nt_u32 of_row(int row) const {
    int n = first_row + row;
    return tile + n * nt_step_columns + (byte ^ (n & 7) << 4);
  }
};

#endif
