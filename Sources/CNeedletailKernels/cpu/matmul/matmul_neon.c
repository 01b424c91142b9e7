#if defined(__aarch64__)
#include "../common/isa_neon.h"
// The includes' order matters: the first one sets the instruction set that the others are compiled for.
#include "matmul_kernel.h"
#include "../common/isa_end.h"
#endif
