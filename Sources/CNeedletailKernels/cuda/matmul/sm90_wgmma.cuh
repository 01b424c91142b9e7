// wgmma: out[64, N] += a[64, 16] b[N, 16], both 16-bit, K-major in shared memory under the 128-byte swizzle; the sum
// in float32 registers. Of the four warps of a warpgroup, warp w holds rows 16 w ... of out; a lane's registers 4 j
// ... 4 j + 3 are columns 8 j + 2 (lane % 4) and the next one of row lane / 4, then of row lane / 4 + 8.
#ifndef NEEDLETAIL_CUDA_SM90_WGMMA_CUH
#define NEEDLETAIL_CUDA_SM90_WGMMA_CUH
#include "types.h"

// The descriptor of a tile of rows of 128 bytes, swizzled in groups of 8 rows; 16 elements further along k: + 2.
__device__ __forceinline__ nt_u64 nt_wgmma_tile(nt_u32 address) {
  return (nt_u64)((address & 0x3FFFF) >> 4) | 1ull << 16 | 64ull << 32 | 1ull << 62;
}

__device__ __forceinline__ void nt_wgmma_fence() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
__device__ __forceinline__ void nt_wgmma_commit() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }
template <int PENDING> __device__ __forceinline__ void nt_wgmma_wait() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(PENDING) : "memory");
}
// The compiler must not move uses of these registers across.
template <int COUNT> __device__ __forceinline__ void nt_wgmma_hold(float (&registers)[COUNT]) {
#pragma unroll
  for (int i = 0; i < COUNT; i++) asm volatile("" : "+f"(registers[i])::"memory");
}

// "%0, %1, ..." up to a number of tens; then the registers themselves.
#define NT_TEN(t)                                                                                                    \
  "%" #t "0,%" #t "1,%" #t "2,%" #t "3,%" #t "4,%" #t "5,%" #t "6,%" #t "7,%" #t "8,%" #t "9,"
#define NT_TENS_1 NT_TEN()
#define NT_TENS_2 NT_TENS_1 NT_TEN(1)
#define NT_TENS_3 NT_TENS_2 NT_TEN(2)
#define NT_TENS_4 NT_TENS_3 NT_TEN(3)
#define NT_TENS_5 NT_TENS_4 NT_TEN(4)
#define NT_TENS_6 NT_TENS_5 NT_TEN(5)
#define NT_TENS_7 NT_TENS_6 NT_TEN(6)
#define NT_TENS_8 NT_TENS_7 NT_TEN(7)
#define NT_TENS_9 NT_TENS_8 NT_TEN(8)
#define NT_TENS_10 NT_TENS_9 NT_TEN(9)
#define NT_TENS_11 NT_TENS_10 NT_TEN(10)
#define NT_TENS_12 NT_TENS_11 NT_TEN(11)
#define NT_R8(i)                                                                                                     \
  "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3]), "+f"(d[i + 4]), "+f"(d[i + 5]), "+f"(d[i + 6]),        \
    "+f"(d[i + 7])
#define NT_R32(i) NT_R8(i), NT_R8(i + 8), NT_R8(i + 16), NT_R8(i + 24)

#if NT_IN == 3  // NT_BF16
#define NT_WGMMA_TYPE "bf16.bf16"
#else
#define NT_WGMMA_TYPE "f16.f16"
#endif

// Where `keeps` is 0, d is overwritten.
template <int N> struct nt_wgmma;
// n, the numbers of its registers, those of the other operands, the registers.
#define NT_WGMMA(n, numbers, a_, b_, keeps_, ...)                                                                    \
  template <> struct nt_wgmma<n> {                                                                                   \
    static __device__ __forceinline__ void run(float (&d)[n / 2], nt_u64 a, nt_u64 b, int keeps) {                   \
      asm volatile(                                                                                                  \
        "{ .reg .pred p; setp.ne.b32 p, " keeps_ ", 0; wgmma.mma_async.sync.aligned.m64n" #n "k16.f32."              \
        NT_WGMMA_TYPE " {" numbers "}, " a_ ", " b_ ", p, 1, 1, 0, 0; }"                                             \
        : __VA_ARGS__                                                                                                \
        : "l"(a), "l"(b), "r"(keeps));                                                                               \
    }                                                                                                                \
  };

NT_WGMMA(16, "%0,%1,%2,%3,%4,%5,%6,%7", "%8", "%9", "%10", NT_R8(0))
NT_WGMMA(32, NT_TENS_1 "%10,%11,%12,%13,%14,%15", "%16", "%17", "%18", NT_R8(0), NT_R8(8))
NT_WGMMA(48, NT_TENS_2 "%20,%21,%22,%23", "%24", "%25", "%26", NT_R8(0), NT_R8(8), NT_R8(16))
NT_WGMMA(64, NT_TENS_3 "%30,%31", "%32", "%33", "%34", NT_R32(0))
NT_WGMMA(80, NT_TENS_3 "%30,%31,%32,%33,%34,%35,%36,%37,%38,%39", "%40", "%41", "%42", NT_R32(0), NT_R8(32))
NT_WGMMA(96, NT_TENS_4 "%40,%41,%42,%43,%44,%45,%46,%47", "%48", "%49", "%50", NT_R32(0), NT_R8(32), NT_R8(40))
NT_WGMMA(112, NT_TENS_5 "%50,%51,%52,%53,%54,%55", "%56", "%57", "%58", NT_R32(0), NT_R8(32), NT_R8(40), NT_R8(48))
NT_WGMMA(128, NT_TENS_6 "%60,%61,%62,%63", "%64", "%65", "%66", NT_R32(0), NT_R32(32))
NT_WGMMA(144, NT_TENS_7 "%70,%71", "%72", "%73", "%74", NT_R32(0), NT_R32(32), NT_R8(64))
NT_WGMMA(160, NT_TENS_7 "%70,%71,%72,%73,%74,%75,%76,%77,%78,%79", "%80", "%81", "%82",
  NT_R32(0), NT_R32(32), NT_R8(64), NT_R8(72))
NT_WGMMA(176, NT_TENS_8 "%80,%81,%82,%83,%84,%85,%86,%87", "%88", "%89", "%90",
  NT_R32(0), NT_R32(32), NT_R8(64), NT_R8(72), NT_R8(80))
NT_WGMMA(192, NT_TENS_9 "%90,%91,%92,%93,%94,%95", "%96", "%97", "%98", NT_R32(0), NT_R32(32), NT_R32(64))
NT_WGMMA(208, NT_TENS_10 "%100,%101,%102,%103", "%104", "%105", "%106", NT_R32(0), NT_R32(32), NT_R32(64), NT_R8(96))
NT_WGMMA(224, NT_TENS_11 "%110,%111", "%112", "%113", "%114",
  NT_R32(0), NT_R32(32), NT_R32(64), NT_R8(96), NT_R8(104))
NT_WGMMA(240, NT_TENS_11 "%110,%111,%112,%113,%114,%115,%116,%117,%118,%119", "%120", "%121", "%122",
  NT_R32(0), NT_R32(32), NT_R32(64), NT_R8(96), NT_R8(104), NT_R8(112))
NT_WGMMA(256, NT_TENS_12 "%120,%121,%122,%123,%124,%125,%126,%127", "%128", "%129", "%130",
  NT_R32(0), NT_R32(32), NT_R32(64), NT_R32(96))

#undef NT_TEN
#undef NT_TENS_1
#undef NT_TENS_2
#undef NT_TENS_3
#undef NT_TENS_4
#undef NT_TENS_5
#undef NT_TENS_6
#undef NT_TENS_7
#undef NT_TENS_8
#undef NT_TENS_9
#undef NT_TENS_10
#undef NT_TENS_11
#undef NT_TENS_12
#undef NT_R8
#undef NT_R32
#undef NT_WGMMA

#endif
