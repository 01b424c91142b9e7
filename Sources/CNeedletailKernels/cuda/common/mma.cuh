// Matrix instructions of a warp on 16-bit operands, and the loads of their fragments from shared memory.
//
// a lane's parts, with g = lane / 4 and t = lane % 4: a[16 x 16] has rows g and g + 8 and columns 2t, 2t + 1 (a[0],
// a[1]) and 2t + 8, 2t + 9 (a[2], a[3]); b[16 x 8] has rows 2t, 2t + 1 (b0) and 2t + 8, 2t + 9 (b1) of column g;
// c[16 x 8] has columns 2t, 2t + 1 of row g (c[0], c[1]) and of row g + 8 (c[2], c[3]).
#ifndef NEEDLETAIL_CUDA_MMA_CUH
#define NEEDLETAIL_CUDA_MMA_CUH
#include "types.h"

// c += a b
template <int dtype>
__device__ __forceinline__ void nt_mma_16x8x16(float (&c)[4], const nt_u32 (&a)[4], nt_u32 b0, nt_u32 b1) {
  if (dtype == NT_BF16)
    asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
  else
    asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// Four 8 x 8 matrices of 16-bit elements; lane l gives the address of row l % 8 of matrix l / 8 (16 bytes).
__device__ __forceinline__ void nt_load_matrices(nt_u32 (&r)[4], nt_u32 address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(address)
               : "memory");
}
__device__ __forceinline__ void nt_load_matrices_transposed(nt_u32 (&r)[4], nt_u32 address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(address)
               : "memory");
}

// Transposes an 8 x 8 matrix of 16-bit elements; a lane has columns 2t, 2t + 1 of row g, before and after.
__device__ __forceinline__ nt_u32 nt_transpose_matrix(nt_u32 a) {
  nt_u32 b;
  asm volatile("movmatrix.sync.aligned.m8n8.trans.b16 %0, %1;" : "=r"(b) : "r"(a));
  return b;
}

#endif
