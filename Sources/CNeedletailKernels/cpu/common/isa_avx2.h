// Vectors of 8 lanes: AVX2, FMA, F16C. See isa_plain.h.
#ifndef NEEDLETAIL_ISA_H
#define NEEDLETAIL_ISA_H
#include <immintrin.h>
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#define NT_ATTRIBUTE_PUSHED 1
#define NT_SUFFIX avx2
#define NT_LANES 8
#define NT_AVX2 1
#include "vector.h"
#endif
