#if defined(__x86_64__)
#include "../common/isa_avx2.h"
#include "sample_body.h"
#include "../common/isa_end.h"
#endif
