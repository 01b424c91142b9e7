// What a row of parameters asks for.
#ifndef NEEDLETAIL_CUDA_SAMPLE_KINDS_CUH
#define NEEDLETAIL_CUDA_SAMPLE_KINDS_CUH
#include "sample_cuda.h"

// A temperature that is zero, negative, not a number, or too small to divide by takes the largest logit.
__device__ __forceinline__ bool sample_is_greedy(const nt_sampling_row &row) { return !(row.temperature > 1e-30f); }

__device__ __forceinline__ bool sample_has_penalties(const nt_sampling_row &row) {
  return row.history_count > 0 &&
         (row.repetition_penalty != 1 || row.presence_penalty != 0 || row.frequency_penalty != 0);
}

__device__ __forceinline__ bool sample_has_edits(const nt_sampling_row &row) {
  return row.mask_start >= 0 || row.bias_count > 0 || sample_has_penalties(row);
}

// How many of the most likely tokens are listed.
__device__ __forceinline__ int sample_listed(const nt_sampling_row &row, const nt_sample_arguments &a) {
  nt_i64 wanted = row.top_logprobs < a.max_top ? row.top_logprobs : a.max_top;
  wanted = wanted < a.vocabulary ? wanted : a.vocabulary;
  return wanted > 0 ? (int)wanted : 0;
}

__device__ __forceinline__ bool sample_wants_logprobs(const nt_sampling_row &row, const nt_sample_arguments &a) {
  return row.wants_logprob != 0 || (row.top_logprobs > 0 && a.max_top > 0);
}

// The largest logit as it is, nothing else: sample_greedy's rows. All others are sample's.
__device__ __forceinline__ bool sample_is_plain(const nt_sampling_row &row, const nt_sample_arguments &a) {
  return sample_is_greedy(row) && !sample_has_edits(row) && !sample_wants_logprobs(row, a);
}

#endif
