// The kernels that go over rows once, for one instruction set.
#if defined(__aarch64__)
#include "isa_neon.h"
#include "../activation/gated_activation_body.h"
#include "../elementwise/binary_body.h"
#include "../elementwise/code_weights_body.h"
#include "../elementwise/gather_rows_body.h"
#include "../elementwise/position_scale_body.h"
#include "../elementwise/quantize_rows_body.h"
#include "../elementwise/unary_body.h"
#include "../experts/combine_experts_body.h"
#include "../experts/route_body.h"
#include "../norm/rms_norm_body.h"
#include "../rope/rope_cache_write_body.h"
#include "../rope/rope_table_body.h"
#include "isa_end.h"
#endif
