// From the product of a query and a key to the score of base 2 that the softmax takes (attention.h).
//
// Constants: NT_SOFTCAP, NT_SLOPES (1: there are).
#ifndef NEEDLETAIL_CUDA_DECODE_SCORES_CUH
#define NEEDLETAIL_CUDA_DECODE_SCORES_CUH
#include "attention/decode_merge.cuh"

// distance: key position - query position, 0 or less; -inf for a key that is not seen.
__device__ __forceinline__ float nt_score(
  const nt_decode_attention_arguments &a, float product, int distance, float slope, bool is_seen) {
  float score = product * (NT_SOFTCAP ? a.scale : a.scale * nt_log2_e);
  if (NT_SOFTCAP) {
    // tanh(x) = 1 - 2 / (exp(2 x) + 1)
    float e = nt_exp2(score / a.softcap * (2 * nt_log2_e));
    score = a.softcap * nt_log2_e * (1 - __fdividef(2, e + 1));
  }
  if (NT_SLOPES) score = fmaf((float)distance, slope * nt_log2_e, score);
  return is_seen ? score : -nt_infinity();
}

#endif
