// Mixture of experts: route, sort_experts, grouped_matmul (twice), combine_experts. A "pair" is a token and one of its
// choices: pair = row * choices + choice. Sums are float32. A token's bits do not depend on the other tokens of the step:
// products sum over k in one order whatever the number of rows, and combine adds in the order of the choices.
#ifndef NEEDLETAIL_EXPERTS_H
#define NEEDLETAIL_EXPERTS_H
#include "types.h"

// How logits become scores; the values are those of Routing.Scoring in NeedletailGraph.
enum {
  NT_ROUTE_SOFTMAX = 0,            // over all experts
  NT_ROUTE_SOFTMAX_OF_CHOSEN = 1,  // logits choose; weights are a softmax over the logits of the chosen ones
  NT_ROUTE_SIGMOID = 2,
  // Logits choose. The weight of each choice is its share in a softmax over the logits that are not chosen yet and for
  // which (highest - logit) / max(|logit|, highest) <= 2 jitter, where highest is the highest of those not chosen yet.
  NT_ROUTE_SPARSE_MIXER = 3,
};

// route: for each row the k experts of the highest scores (+ bias, which chooses only), the highest first, among equals
// the lower number first. weights: scores without bias; if `renormalizes` divided by (their sum + 1e-20); times scale.
// groups > 1: groups of experts / groups neighbours; only the experts of the chosen_groups best groups may be chosen,
// where a group is as good as its highest (group_score 0) or its two highest together (1) scores + biases; among equals
// the lower group.
// Padding (CUDA device): where slots is not null, rows whose token has slot -1 choose expert -1 with weight 0; row r is of
// token row_indices[r], or r where row_indices is null. No expert works for them.
typedef struct {
  const void *logits;  // [rows, experts]
  const float *bias;   // [experts] or null
  nt_i32 *chosen;      // [rows, k], dense
  float *weights;      // [rows, k], dense
  const nt_i64 *slots;        // [tokens] or null
  const nt_i32 *row_indices;  // [rows] or null
  nt_i64 rows;
  nt_i64 logits_stride;
  nt_i32 experts;
  nt_i32 k;
  nt_i32 scoring;
  nt_i32 renormalizes;
  nt_i32 groups;  // 0 or 1: none
  nt_i32 chosen_groups;
  nt_i32 group_score;
  nt_i32 logits_dtype;
  float scale;
  float jitter;
} nt_route_arguments;
NT_CHECK_SIZE(nt_route_arguments, 104);

// sort_experts: the pairs of a step by expert; of one expert in ascending order (of token). Expert e has the places
// starts[e] ..< starts[e + 1]; at place p is pair pairs[p], and places[pairs[p]] == p. Pairs of expert -1 have place -1.
typedef struct {
  const nt_i32 *chosen;  // [rows, choices]
  nt_i32 *starts;        // [experts + 1]
  nt_i32 *pairs;         // [rows * choices]
  nt_i32 *places;        // [rows * choices] or null
  nt_i64 rows;
  nt_i32 experts;
  nt_i32 choices;
} nt_sort_experts_arguments;
NT_CHECK_SIZE(nt_sort_experts_arguments, 48);

// gather_experts: out[p, :] = x[pairs[p] / choices, :] for each place p (CUDA device). Rows are dense, at least 2 bytes
// wide.
typedef struct {
  const void *x;         // [rows, row_bytes]
  const nt_i32 *starts;  // [experts + 1]
  const nt_i32 *pairs;   // [rows * choices]
  void *out;             // [rows * choices, row_bytes]
  nt_i32 row_bytes;
  nt_i32 experts;
  nt_i32 choices;
  nt_i32 reserved;
} nt_gather_experts_arguments;
NT_CHECK_SIZE(nt_gather_experts_arguments, 48);

// grouped_matmul: for each place p of expert e
//     s[i] = (sum over k of x[row, k] w[e][i, k]) * factor + bias[e][i]
//     out[p, i] = s[i], or if `gated` activation(min(s[i], limit)) * (clamp(s[n / 2 + i], -limit, limit) + up_offset)
// row is pairs[p] / choices if gathers, else p. factor is weights[pairs[p]], or 1 where weights is null.
// Sorted: starts and pairs are those of sort_experts. With few tokens a step need not be sorted: starts and pairs are
// null, `chosen` is not; then p is the pair itself (pairs[p] = p) and its expert is chosen[p] (CUDA device only).
typedef struct {
  const void *x;         // [rows, k] (gathers) or [rows * choices, k]
  const void *w;         // [experts, n, k] row-major; on the CPU one matrix [experts * n, k] in panels (matmul.h)
  const float *bias;     // [experts, n] or null
  const float *weights;  // [rows, choices] or null
  const nt_i32 *starts;  // [experts + 1]
  const nt_i32 *pairs;   // [rows * choices]
  const nt_i32 *chosen;  // [rows, choices] or null
  void *out;             // [rows * choices, n], or n / 2 if gated
  nt_i64 rows;           // tokens of the step
  nt_i64 x_stride;
  nt_i64 w_stride;       // elements from row to row of w; from expert to expert n of them
  nt_i64 out_stride;
  nt_i32 experts;
  nt_i32 choices;
  nt_i32 n;
  nt_i32 k;
  nt_i32 gathers;
  nt_i32 gated;
  nt_i32 activation;
  float limit;  // infinity: none
  float up_offset;
  nt_i32 x_dtype;
  nt_i32 w_dtype;
  nt_i32 out_dtype;
} nt_grouped_matmul_arguments;
NT_CHECK_SIZE(nt_grouped_matmul_arguments, 144);

// combine_experts: out[r, :] = sum over choices c = 0, 1, ... of weights[r, c] * x[p, :] (+ residual[r, :] last), where p
// is places[r * choices + c], or r * choices + c where places is null. Added in this order, starting from the product of
// choice 0. weights null: all 1. Where chosen is not null, choices of expert -1 count as zeros.
typedef struct {
  const void *x;           // [rows * choices, width]
  const nt_i32 *places;    // [rows * choices] or null
  const float *weights;    // [rows, choices] or null
  const nt_i32 *chosen;    // [rows, choices] or null
  const float *residual;   // [rows, width], stride as out, or null
  void *out;               // [rows, width]
  nt_i64 rows;
  nt_i64 x_stride;
  nt_i64 out_stride;
  nt_i32 width;
  nt_i32 choices;
  nt_i32 x_dtype;
  nt_i32 out_dtype;
} nt_combine_experts_arguments;
NT_CHECK_SIZE(nt_combine_experts_arguments, 88);

#endif
