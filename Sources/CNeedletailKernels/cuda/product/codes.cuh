// Codes of 4 and 8 bits as operands of 16 bits, two at a time, by integer tricks: a code's bits below an exponent make a
// number that differs from the code by a constant.
#ifndef NEEDLETAIL_PRODUCT_CODES_CUH
#define NEEDLETAIL_PRODUCT_CODES_CUH
#include "product/shape.cuh"

// The type of the operands, two of them in a word.
struct nt_pair {
  // a * b + c, rounded once.
  static __device__ __forceinline__ nt_u32 multiply_add(nt_u32 a, nt_u32 b, nt_u32 c) {
    nt_u32 d;
    if constexpr (nt_operand == NT_BF16) asm("fma.rn.bf16x2 %0, %1, %2, %3;" : "=r"(d) : "r"(a), "r"(b), "r"(c));
    else asm("fma.rn.f16x2 %0, %1, %2, %3;" : "=r"(d) : "r"(a), "r"(b), "r"(c));
    return d;
  }
  static constexpr nt_u32 one = nt_operand == NT_BF16 ? 0x3F803F80u : 0x3C003C00u;
  static constexpr nt_u32 minus_zero = 0x80008000u;
  static __device__ __forceinline__ nt_u32 add(nt_u32 a, nt_u32 b) { return multiply_add(a, one, b); }
  static __device__ __forceinline__ nt_u32 multiply(nt_u32 a, nt_u32 b) { return multiply_add(a, b, minus_zero); }
};

// (a & b) | c
__device__ __forceinline__ nt_u32 nt_and_or(nt_u32 a, nt_u32 b, nt_u32 c) {
  nt_u32 d;
  asm("lop3.b32 %0, %1, %2, %3, 0xEA;" : "=r"(d) : "r"(a), "r"(b), "r"(c));
  return d;
}

// A number whose low bits count by one: 128 in bf16, 1024 in fp16.
constexpr nt_u32 nt_counting = nt_operand == NT_BF16 ? 0x43004300u : 0x64006400u;

// -(the number + 8): what is added to a counting number to give code - 8, which is exact.
constexpr nt_u32 nt_minus_eight = nt_counting | 0x80088008u;

// Operand words of a word of codes: NT_U4 and NT_F4E2M1 give four of them, 4 bits from 4 p and from 4 p + 16 on the p-th;
// NT_I8 two, bytes p and p + 2.
constexpr int nt_code_words = NT_CODE == NT_I8 ? 2 : 4;

__device__ __forceinline__ void nt_decode(
  nt_u32 (&values)[nt_code_words], nt_u32 codes, nt_u32 minus_zero_point, nt_u32 scale) {
#pragma unroll
  for (int p = 0; p < nt_code_words; p++) {
    if constexpr (NT_CODE == NT_U4) {
      values[p] = nt_pair::add(nt_and_or(codes >> 4 * p, 0x000F000Fu, nt_counting), minus_zero_point);
      values[p] = nt_pair::multiply(values[p], scale);
    } else if constexpr (NT_CODE == NT_I8) {
      // The low 7 bits count up from a number, the sign from the same number: code = low - 128 sign.
      nt_u32 word = codes >> 8 * p;
      if constexpr (nt_operand == NT_BF16) {
        nt_u32 low = nt_and_or(word, 0x007F007Fu, nt_counting), sign = nt_and_or(word, 0x00800080u, 0xC300C300u);
        values[p] = nt_pair::add(low, sign);
      } else {
        // 1024 + 128 + code
        nt_u32 high = nt_and_or(word, 0x00FF00FFu, nt_counting) ^ 0x00800080u;
        values[p] = nt_pair::add(high, 0xE480E480u);
      }
    } else {
      // Sign, two bits of exponent, one of mantissa: as bits of bf16 they are the value times 2^-126.
      static_assert(NT_CODE == 0 || NT_CODE == NT_U4 || NT_CODE == NT_I8 || nt_operand == NT_BF16, "e2m1 times powers of 2");
      nt_u32 sign = codes << (12 - 4 * p) & 0x80008000u;
      nt_u32 shifted = 4 * p <= 6 ? codes << (6 - 4 * p & 31) : codes >> (4 * p - 6 & 31);
      values[p] = nt_pair::multiply(nt_and_or(shifted, 0x01C001C0u, sign), 0x7E807E80u);
      values[p] = nt_pair::multiply(values[p], scale);
    }
  }
}

#endif
