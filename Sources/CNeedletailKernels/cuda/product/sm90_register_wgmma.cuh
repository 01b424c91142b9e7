// wgmma with its first operand in registers: out[64, N] += a[64, 16] b[N, 16]. A lane's four registers of `a` are those of
// the matrix instructions of a warp (common/mma.cuh), for the 16 rows of its warp of four; b lies in shared memory as
// its descriptor says: without a swizzle (below), or as matmul/sm90_wgmma.cuh has it.
#ifndef NEEDLETAIL_PRODUCT_SM90_REGISTER_WGMMA_CUH
#define NEEDLETAIL_PRODUCT_SM90_REGISTER_WGMMA_CUH
#include "matmul/sm90_wgmma.cuh"

// The descriptor of b: 8 rows of 16 bytes stand together; the other 16 bytes of their columns are 128 bytes further, the
// next 8 rows 256.
__device__ __forceinline__ nt_u64 nt_wgmma_cores(nt_u32 address) {
  return (nt_u64)((address & 0x3FFFF) >> 4) | (nt_u64)(128 >> 4) << 16 | (nt_u64)(256 >> 4) << 32;
}

#define NT_TEN(t)                                                                                                    \
  "%" #t "0,%" #t "1,%" #t "2,%" #t "3,%" #t "4,%" #t "5,%" #t "6,%" #t "7,%" #t "8,%" #t "9,"
#define NT_R8(i)                                                                                                     \
  "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3]), "+f"(d[i + 4]), "+f"(d[i + 5]), "+f"(d[i + 6]),        \
    "+f"(d[i + 7])
#define NT_RUN(n, type, numbers, a_, b_, ...)                                                                        \
  asm volatile("{ .reg .pred p; setp.eq.u32 p, 1, 1; wgmma.mma_async.sync.aligned.m64n" #n "k16.f32." type           \
               " {" numbers "}, {" a_ "}, " b_ ", p, 1, 1, 0; }"                                                     \
               : __VA_ARGS__                                                                                         \
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b))

// d: the sums of N columns, N / 2 registers.
template <int N, int dtype> struct nt_register_wgmma;
#define NT_REGISTER_WGMMA(n, dtype, ...)                                                                             \
  template <> struct nt_register_wgmma<n, dtype> {                                                                   \
    static __device__ __forceinline__ void run(float (&d)[n / 2], const nt_u32 (&a)[4], nt_u64 b) {                  \
      NT_RUN(n, __VA_ARGS__);                                                                                        \
    }                                                                                                                \
  };

NT_REGISTER_WGMMA(32, NT_BF16, "bf16.bf16", NT_TEN() "%10,%11,%12,%13,%14,%15", "%16,%17,%18,%19", "%20", NT_R8(0),
  NT_R8(8))
NT_REGISTER_WGMMA(32, NT_F16, "f16.f16", NT_TEN() "%10,%11,%12,%13,%14,%15", "%16,%17,%18,%19", "%20", NT_R8(0),
  NT_R8(8))
NT_REGISTER_WGMMA(64, NT_BF16, "bf16.bf16", NT_TEN() NT_TEN(1) NT_TEN(2) "%30,%31", "%32,%33,%34,%35", "%36",
  NT_R8(0), NT_R8(8), NT_R8(16), NT_R8(24))
NT_REGISTER_WGMMA(64, NT_F16, "f16.f16", NT_TEN() NT_TEN(1) NT_TEN(2) "%30,%31", "%32,%33,%34,%35", "%36", NT_R8(0),
  NT_R8(8), NT_R8(16), NT_R8(24))

NT_REGISTER_WGMMA(128, NT_BF16, "bf16.bf16", NT_TEN() NT_TEN(1) NT_TEN(2) NT_TEN(3) NT_TEN(4) NT_TEN(5)
  "%60,%61,%62,%63", "%64,%65,%66,%67", "%68", NT_R8(0), NT_R8(8), NT_R8(16), NT_R8(24), NT_R8(32), NT_R8(40),
  NT_R8(48), NT_R8(56))
NT_REGISTER_WGMMA(128, NT_F16, "f16.f16", NT_TEN() NT_TEN(1) NT_TEN(2) NT_TEN(3) NT_TEN(4) NT_TEN(5)
  "%60,%61,%62,%63", "%64,%65,%66,%67", "%68", NT_R8(0), NT_R8(8), NT_R8(16), NT_R8(24), NT_R8(32), NT_R8(40),
  NT_R8(48), NT_R8(56))
NT_REGISTER_WGMMA(256, NT_BF16, "bf16.bf16", NT_TEN() NT_TEN(1) NT_TEN(2) NT_TEN(3) NT_TEN(4) NT_TEN(5) NT_TEN(6)
  NT_TEN(7) NT_TEN(8) NT_TEN(9) NT_TEN(10) NT_TEN(11) "%120,%121,%122,%123,%124,%125,%126,%127",
  "%128,%129,%130,%131", "%132", NT_R8(0), NT_R8(8), NT_R8(16), NT_R8(24), NT_R8(32), NT_R8(40), NT_R8(48), NT_R8(56),
  NT_R8(64), NT_R8(72), NT_R8(80), NT_R8(88), NT_R8(96), NT_R8(104), NT_R8(112), NT_R8(120))
NT_REGISTER_WGMMA(256, NT_F16, "f16.f16", NT_TEN() NT_TEN(1) NT_TEN(2) NT_TEN(3) NT_TEN(4) NT_TEN(5) NT_TEN(6)
  NT_TEN(7) NT_TEN(8) NT_TEN(9) NT_TEN(10) NT_TEN(11) "%120,%121,%122,%123,%124,%125,%126,%127",
  "%128,%129,%130,%131", "%132", NT_R8(0), NT_R8(8), NT_R8(16), NT_R8(24), NT_R8(32), NT_R8(40), NT_R8(48), NT_R8(56),
  NT_R8(64), NT_R8(72), NT_R8(80), NT_R8(88), NT_R8(96), NT_R8(104), NT_R8(112), NT_R8(120))
#undef NT_TEN
#undef NT_R8
#undef NT_RUN
#undef NT_REGISTER_WGMMA

#endif
