// Vectors of 4 lanes with NEON's multiply-add and half precision conversions. See isa_plain.h.
#ifndef NEEDLETAIL_ISA_H
#define NEEDLETAIL_ISA_H
#include <arm_neon.h>
#define NT_SUFFIX neon
#define NT_LANES 4
#define NT_NEON 1
#include "vector.h"
#endif
