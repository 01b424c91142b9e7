#include "../common/isa_plain.h"
#include "sample_body.h"
#include "../common/isa_end.h"
