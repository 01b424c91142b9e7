// What the fp8 products of few rows are specialised by, how their work is divided, and where things lie.
//
// k is cut into chunks of 32 columns (of 128 where scales are shared by so many) and these into 16 slices. The codes of a
// slice are multiplied and added up by the tensor cores, chunk after chunk; the slices are added in float32, two by two,
// these again, and so on: what is added in which order depends on k alone, never on the number of rows.
#ifndef NEEDLETAIL_QUANTIZED_SM90_FP8_SHAPE_CUH
#define NEEDLETAIL_QUANTIZED_SM90_FP8_SHAPE_CUH
#include "product/parts.cuh"
#include "quantized_product.h"

// Storage of x: NT_F8E4M3 (coded already), NT_BF16, NT_F16, NT_F32; of out.
#ifndef NT_X
#define NT_X NT_BF16
#endif
#ifndef NT_OUT
#define NT_OUT NT_BF16
#endif
// The 16-bit type that x is rounded to before it is coded.
#ifndef NT_OPERAND
#define NT_OPERAND NT_BF16
#endif
// Rows of x that the code has room for: 2, 4, 8, 16.
#ifndef NT_ROWS
#define NT_ROWS 2
#endif
// The most rows there are.
#ifndef NT_X_ROWS
#define NT_X_ROWS NT_ROWS
#endif
// 1: x's scale is given, one for all rows (x_scales); else each row's or group's is found here, unless x is coded.
#ifndef NT_STATIC
#define NT_STATIC 0
#endif
// 1: columns of x are divided by input_scale before they are coded.
#ifndef NT_SCALED
#define NT_SCALED 0
#endif
// 1: 128 columns share a scale of x, and with 128 rows one of the weight.
#ifndef NT_GROUPED
#define NT_GROUPED 0
#endif
// Stages of the ring: a multiple of 4.
#ifndef NT_STAGES
#define NT_STAGES 24
#endif

// Blocks that share a multiprocessor: those of two launches where the ring is shallow enough.
#ifndef NT_BLOCKS
#define NT_BLOCKS 1
#endif

constexpr int nt_slices = 16;
// Rows of the weight of a tile.
constexpr int nt_tile_rows = 16;
// Columns that are brought at a time, of each slice.
constexpr int nt_step_columns = 128;
constexpr int nt_chunk_columns = NT_GROUPED ? 128 : 32;
constexpr int nt_step_chunks = nt_step_columns / nt_chunk_columns;

// Chunks of k, the first of a slice, and the most that a slice has. k is at most 512 K.
__device__ __forceinline__ int nt_chunks(int k) { return (k + nt_chunk_columns - 1) / nt_chunk_columns; }
__device__ __forceinline__ int nt_first_chunk(int chunks, int slice) { return chunks * slice / nt_slices; }
__device__ __forceinline__ int nt_most_chunks(int chunks) { return (chunks + nt_slices - 1) / nt_slices; }
// How often columns are brought for a tile.
__device__ __forceinline__ int nt_steps(int chunks) {
  return (nt_most_chunks(chunks) + nt_step_chunks - 1) / nt_step_chunks;
}

// Rows of the result that tiles (gated: pairs of tiles) are taken over.
__device__ __forceinline__ int nt_width(int n) { return NT_GATED ? n / 2 : n; }
__device__ __forceinline__ int nt_units(int n) { return (nt_width(n) + nt_tile_rows - 1) / nt_tile_rows; }
constexpr int nt_halves = NT_GATED ? 2 : 1;

#endif
