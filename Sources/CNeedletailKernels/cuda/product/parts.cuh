// What stands before and after a product, where its code is not told.
#ifndef NEEDLETAIL_PRODUCT_PARTS_CUH
#define NEEDLETAIL_PRODUCT_PARTS_CUH
#include "types.h"

// 0: none, 1: rms, 2: layer.
#ifndef NT_NORM
#define NT_NORM 0
#endif
#ifndef NT_GATED
#define NT_GATED 0
#endif
#ifndef NT_ACTIVATION
#define NT_ACTIVATION NT_IDENTITY
#endif
#ifndef NT_BIAS
#define NT_BIAS 0
#endif
#ifndef NT_RESIDUAL
#define NT_RESIDUAL 0
#endif
#ifndef NT_GATHER
#define NT_GATHER 0
#endif

#endif
