// Vectors of 16 lanes: AVX-512 F, BW, DQ, VL, VNNI. See isa_plain.h.
#ifndef NEEDLETAIL_ISA_H
#define NEEDLETAIL_ISA_H
#include <immintrin.h>
#pragma clang attribute push( \
  __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c"))), apply_to = function)
#define NT_ATTRIBUTE_PUSHED 1
#define NT_SUFFIX avx512
#define NT_LANES 16
#define NT_AVX512 1
#include "vector.h"
#endif
