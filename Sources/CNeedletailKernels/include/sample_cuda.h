// What the CUDA device's sampling kernels take: sample_greedy and sample (sample.h says what they compute).
#ifndef NEEDLETAIL_SAMPLE_CUDA_H
#define NEEDLETAIL_SAMPLE_CUDA_H
#include "sample.h"

// The longest list of most likely tokens a row may ask for: max_top's limit.
#define NT_SAMPLE_MAXIMUM_TOP 1024

typedef struct {
  nt_sample_arguments sample;
  void *workspace;    // GPUSampling.workspaceBytes; holds nothing between launches
  nt_u32 *counters;   // [rows], zero before and after each launch
} nt_sample_cuda_arguments;
NT_CHECK_SIZE(nt_sample_cuda_arguments, 120);

#endif
