// The matrix product for NEON: the first include sets the instruction set of the others.
#if defined(__aarch64__)
#include "../common/isa_neon.h"
#include "matmul_kernel.h"
#include "../experts/grouped_matmul_body.h"
#include "head_linear_body.h"
#include "../common/isa_end.h"
#endif
