// The rows of x in memory.
#ifndef NEEDLETAIL_PRODUCT_ROWS_CUH
#define NEEDLETAIL_PRODUCT_ROWS_CUH
#include "common/conversions.cuh"
#include "product/pieces.cuh"

typedef nt_storage<NT_X>::bits nt_x_bits;

// Where row r of x starts.
__device__ __forceinline__ const nt_x_bits *nt_x_row(const nt_arguments &a, int r) {
  nt_i64 row = NT_GATHER ? (nt_i64)a.row_indices[r] : (nt_i64)r;
  return (const nt_x_bits *)a.x + row * a.x_stride;
}

#endif
