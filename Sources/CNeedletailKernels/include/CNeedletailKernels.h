#ifndef CNEEDLETAILKERNELS_H
#define CNEEDLETAILKERNELS_H
#include "attention.h"
#include "cpu.h"
#include "cuda_sources.h"
#include "dummy_weights.h"
#include "elementwise.h"
#include "experts.h"
#include "matmul.h"
#include "paged_attention.h"
#include "product.h"
#include "read_bandwidth.h"
#include "rms_norm.h"
#include "rope.h"
#include "sample.h"
#include "sample_cuda.h"
#include "types.h"
#endif
