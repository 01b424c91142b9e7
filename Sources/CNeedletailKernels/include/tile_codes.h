// tile_codes: a weight coded in 4 or 8 bits from rows to the order in which the CUDA products of such weights read it.
//
//   codes: [n, k / 2] (NT_U4, NT_F4E2M1; even columns in the low halves) or [n, k] (NT_I8); k is even
//   scales: [n, groups] of 16 bits (NT_U4), exponents of 8 bits (NT_F4E2M1), or null (NT_I8); groups = k / group, rounded
//     up, and a group is 32, 64 or a multiple of 128 columns, or 0: the whole row
//   zeros: [n, groups], a byte each, or null: 8
//   out: blocks * chunks * 512 bytes, with n in blocks of 8 rows, an even number of them, and k in chunks of 128 columns (64
//     of NT_I8): see cuda/product/coded_weights.cuh
//   out_scales: blocks * chunks * (128 / group) * 32 bytes, with group at most 128: scales of wider groups are repeated
#ifndef NEEDLETAIL_TILE_CODES_H
#define NEEDLETAIL_TILE_CODES_H
#include "types.h"

typedef struct {
  const nt_u8 *codes;
  const void *scales;
  const nt_u8 *zeros;
  nt_u32 *out;
  nt_u32 *out_scales;
  nt_i64 n;
  nt_i64 k;
  nt_i32 group;
  nt_i32 code;         // NT_U4, NT_F4E2M1, NT_I8
  nt_i32 scale_dtype;  // NT_BF16, NT_F16: of NT_U4
  nt_i32 reserved;
} nt_tile_codes_arguments;
NT_CHECK_SIZE(nt_tile_codes_arguments, 72);

#endif
