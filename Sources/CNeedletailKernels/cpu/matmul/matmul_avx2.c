// The matrix product for AVX2: the first include sets the instruction set that the others are compiled for.
#if defined(__x86_64__)
#include "../common/isa_avx2.h"
#include "matmul_kernel.h"
#include "../common/isa_end.h"
#endif
