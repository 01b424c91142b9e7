// The matrix product for any machine: the first include sets the instruction set of the others.
#include "../common/isa_plain.h"
#include "matmul_kernel.h"
#include "../experts/grouped_matmul_body.h"
#include "head_linear_body.h"
#include "../common/isa_end.h"
