// wgmma with its first operand in registers: out[64, N] += a[64, 16] b[16, N], b in shared memory as rows of 16-bit
// columns (a tile of values as it lies in the cache) under the 128-byte swizzle. A lane's four registers of `a` are its
// four pairs of the sums' layout for 16 columns (matmul/sm90_wgmma.cuh), so that weights go in as scores come out.
#ifndef NEEDLETAIL_CUDA_SM90_WGMMA_REGISTERS_CUH
#define NEEDLETAIL_CUDA_SM90_WGMMA_REGISTERS_CUH
#include "matmul/sm90_wgmma.cuh"

// The descriptor of rows of values: 64 columns of a row are 128 bytes, rows stand in groups of 8; the next 64 columns
// of the same rows are `part_bytes` further. 16 rows further: + 128.
__device__ __forceinline__ nt_u64 nt_wgmma_rows(nt_u32 address, nt_u32 part_bytes) {
  return (nt_u64)((address & 0x3FFFF) >> 4) | (nt_u64)(part_bytes >> 4) << 16 | 64ull << 32 | 1ull << 62;
}

#define NT_TEN(t)                                                                                                    \
  "%" #t "0,%" #t "1,%" #t "2,%" #t "3,%" #t "4,%" #t "5,%" #t "6,%" #t "7,%" #t "8,%" #t "9,"
#define NT_R8(i)                                                                                                     \
  "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3]), "+f"(d[i + 4]), "+f"(d[i + 5]), "+f"(d[i + 6]),        \
    "+f"(d[i + 7])
#define NT_R32(i) NT_R8(i), NT_R8(i + 8), NT_R8(i + 16), NT_R8(i + 24)

// d: N / 2 registers, of which these are the sums.
template <int N> struct nt_wgmma_registers;
#define NT_WGMMA_REGISTERS(n, numbers, a_, b_, ...)                                                                   \
  template <> struct nt_wgmma_registers<n> {                                                                         \
    static __device__ __forceinline__ void run(float *d, const nt_u32 *a, nt_u64 b) {                                \
      asm volatile(                                                                                                  \
        "{ .reg .pred p; setp.eq.u32 p, 1, 1; wgmma.mma_async.sync.aligned.m64n" #n NT_WGMMA_TYPE                    \
        " {" numbers "}, {" a_ "}, " b_ ", p, 1, 1, 1; }"                                                            \
        : __VA_ARGS__                                                                                                \
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));                                                       \
    }                                                                                                                \
  };

NT_WGMMA_REGISTERS(64, NT_TEN() NT_TEN(1) NT_TEN(2) "%30,%31", "%32,%33,%34,%35", "%36", NT_R32(0))
NT_WGMMA_REGISTERS(96, NT_TEN() NT_TEN(1) NT_TEN(2) NT_TEN(3) "%40,%41,%42,%43,%44,%45,%46,%47", "%48,%49,%50,%51",
  "%52", NT_R32(0), NT_R8(32), NT_R8(40))
NT_WGMMA_REGISTERS(128, NT_TEN() NT_TEN(1) NT_TEN(2) NT_TEN(3) NT_TEN(4) NT_TEN(5) "%60,%61,%62,%63",
  "%64,%65,%66,%67", "%68", NT_R32(0), NT_R32(32))

#undef NT_TEN
#undef NT_R8
#undef NT_R32
#undef NT_WGMMA_REGISTERS

#endif
