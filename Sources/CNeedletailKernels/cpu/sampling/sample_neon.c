#if defined(__aarch64__)
#include "../common/isa_neon.h"
#include "sample_body.h"
#include "../common/isa_end.h"
#endif
