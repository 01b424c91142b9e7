#include "../common/isa_plain.h"
#include "attention_body.h"
#include "../common/isa_end.h"
