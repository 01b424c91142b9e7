// Vectors without intrinsics: the compiler's own vector extension, four lanes, for any machine.
// A kernel's template includes exactly one isa_*.h per translation unit, and isa_end.h after its last function.
#ifndef NEEDLETAIL_ISA_H
#define NEEDLETAIL_ISA_H
#define NT_SUFFIX plain
#define NT_LANES 4
#include "vector.h"
#endif
