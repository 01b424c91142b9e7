// Vectors of 16 lanes with AVX-512's bfloat16 conversions and dot products. See isa_plain.h.
#ifndef NEEDLETAIL_ISA_H
#define NEEDLETAIL_ISA_H
#include <immintrin.h>
#pragma clang attribute push( \
  __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512bf16,avx2,fma,f16c"))), \
  apply_to = function)
#define NT_ATTRIBUTE_PUSHED 1
#define NT_SUFFIX avx512bf16
#define NT_LANES 16
#define NT_AVX512 1
#define NT_AVX512BF16 1
#include "vector.h"
#endif
