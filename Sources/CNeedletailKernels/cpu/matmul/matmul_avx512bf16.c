// The matrix product for AVX-512 with bfloat16: the first include sets the instruction set of the others.
#if defined(__x86_64__)
#include "../common/isa_avx512bf16.h"
#include "matmul_kernel.h"
#include "../experts/grouped_matmul_body.h"
#include "head_linear_body.h"
#include "../common/isa_end.h"
#endif
