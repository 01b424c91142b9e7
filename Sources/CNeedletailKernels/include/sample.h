// Chooses one token for each row of logits.
//
// Order, as in the field: logits + bias (a ban is a bias of -infinity), mask, repetition, presence and frequency
// penalties; temperature (0: the largest logit, ties to the lower id); top-k, top-p, min-p over what the earlier ones
// left; then one draw by a counter generator keyed by (seed, position): the same seed gives the same tokens whatever
// else runs. Log-probabilities are of the model's own distribution (softmax of the raw logits).
#ifndef NEEDLETAIL_SAMPLE_H
#define NEEDLETAIL_SAMPLE_H
#include "types.h"

// A token that a request's text holds: penalties apply to it. `generated` counts it in the output only.
typedef struct {
  nt_i32 token;
  nt_i32 generated;
} nt_token_count;
NT_CHECK_SIZE(nt_token_count, 8);

typedef struct {
  nt_i32 token;
  float bias;
} nt_token_bias;
NT_CHECK_SIZE(nt_token_bias, 8);

typedef struct {
  nt_u64 seed;
  nt_u64 position;           // index of the token being drawn in its request's output
  float temperature;
  float top_p;               // 1: off
  float min_p;               // 0: off
  float repetition_penalty;  // 1: off; prompt and output tokens
  float presence_penalty;    // 0: off; output tokens
  float frequency_penalty;   // 0: off; output tokens
  nt_i32 top_k;              // 0: off
  nt_i32 top_logprobs;       // how many of the most likely tokens are listed, 0 ... max_top
  nt_i64 history_start;      // into history
  nt_i64 bias_start;         // into biases
  nt_i64 mask_start;         // into masks, in 32-bit words; negative: no mask
  nt_i32 history_count;
  nt_i32 bias_count;
  nt_i32 wants_logprob;      // not zero: logprobs[r] is filled
  nt_i32 reserved;
} nt_sampling_row;
NT_CHECK_SIZE(nt_sampling_row, 88);

typedef struct {
  const float *logits;  // [rows, vocabulary], stride logits_stride
  const nt_sampling_row *parameters;
  const nt_token_count *history;
  const nt_token_bias *biases;
  const nt_u32 *masks;   // bit t % 32 of word t / 32: token t may be chosen
  nt_i32 *tokens;        // [rows]
  float *logprobs;       // [rows]
  nt_i32 *top_tokens;    // [rows, max_top]
  float *top_logprobs;   // [rows, max_top], descending
  nt_i64 rows;
  nt_i64 vocabulary;
  nt_i64 logits_stride;
  nt_i32 max_top;
  nt_i32 reserved;
} nt_sample_arguments;
NT_CHECK_SIZE(nt_sample_arguments, 104);

#endif
