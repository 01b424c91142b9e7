// Packing of weights for any machine: the first include sets the instruction set of the others.
#include "../common/isa_plain.h"
#include "pack_weights_kernel.h"
#include "../common/isa_end.h"
