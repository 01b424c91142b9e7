// Packing of weights for NEON: the first include sets the instruction set of the others.
#if defined(__aarch64__)
#include "../common/isa_neon.h"
#include "pack_weights_kernel.h"
#include "../common/isa_end.h"
#endif
