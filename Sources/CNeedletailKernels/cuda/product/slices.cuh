// How k is divided: chunks of 32 columns, and these into 16 slices. A slice is added up chunk by chunk, the slices in
// fours, and these in order: what is added in which order depends on k alone, never on the number of rows.
#ifndef NEEDLETAIL_PRODUCT_SLICES_CUH
#define NEEDLETAIL_PRODUCT_SLICES_CUH
#include "types.h"

// Slices of k, and of them so many are added before they are added to the others.
constexpr int nt_slices = 16;
constexpr int nt_group_slices = 4;
// Columns of a chunk.
constexpr int nt_chunk_columns = 32;

// Chunks of k, and the first of a slice.
__device__ __forceinline__ int nt_chunks(int k) { return (k + nt_chunk_columns - 1) / nt_chunk_columns; }
__device__ __forceinline__ int nt_first_chunk(int k, int slice) {
  return (int)((nt_i64)nt_chunks(k) * slice / nt_slices);
}

#endif
