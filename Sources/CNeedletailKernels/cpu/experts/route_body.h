// The experts of each row and their weights (include/experts.h). A worker takes whole rows.
#include "../../include/experts.h"
#include "../common/rows.h"
#include "../common/vector_math.h"

// x = exp(x - highest); their sum.
NT_INLINE float route_exponentials(float *x, nt_i64 count, float highest) {
  nt_vec sum = {};
  for (nt_i64 i = 0; i < count; i += NT_LANES) {
    nt_i64 left = count - i;
    nt_vec e = nt_exp(nt_load_left(x + i, left) - highest);
    nt_store_left(x + i, e, left);
    // Added as they lie in memory: what stands behind the end is left out.
    sum += nt_load_left(x + i, left);
  }
  return nt_sum(sum);
}

NT_INLINE float route_highest(const float *x, nt_i64 count) {
  float highest = x[0];
  for (nt_i64 i = 1; i < count; i++) highest = x[i] > highest ? x[i] : highest;
  return highest;
}

// The place of the highest of those not taken, the first among equals.
NT_INLINE nt_i32 route_best(const float *x, const nt_u8 *taken, nt_i32 first, nt_i32 end) {
  nt_i32 best = -1;
  for (nt_i32 i = first; i < end; i++)
    if (!taken[i] && (best < 0 || x[i] > x[best])) best = i;
  return best;
}

// Marks the experts of all but the best groups as taken.
static void route_close_groups(const nt_route_arguments *a, const float *choice, nt_u8 *taken, float *quality,
                               nt_u8 *open) {
  const nt_i32 size = a->experts / a->groups;
  for (nt_i32 g = 0; g < a->groups; g++) {
    const nt_i32 first = g * size, best = route_best(choice, taken, first, first + size);
    quality[g] = choice[best];
    if (a->group_score == 1) {
      taken[best] = 1;
      const nt_i32 second = route_best(choice, taken, first, first + size);
      if (second >= 0) quality[g] += choice[second];
      taken[best] = 0;
    }
    open[g] = 0;
  }
  for (nt_i32 i = 0; i < a->chosen_groups; i++) open[route_best(quality, open, 0, a->groups)] = 1;
  for (nt_i32 e = 0; e < a->experts; e++) taken[e] = !open[e / size];
}

// The share of the highest in a softmax over the logits near it that are not taken.
static float route_sparse_share(const nt_route_arguments *a, const float *logits, const nt_u8 *taken, float highest,
                                float *buffer) {
  nt_i64 count = 0;
  for (nt_i32 e = 0; e < a->experts; e++) {
    const float size = logits[e] < 0 ? -logits[e] : logits[e];
    const float difference = (highest - logits[e]) / (size > highest ? size : highest);
    if (!taken[e] && !(difference > 2 * a->jitter)) buffer[count++] = logits[e];
  }
  return 1 / route_exponentials(buffer, count, highest);
}

static void route_row(const nt_route_arguments *a, nt_i64 row, float *scratch) {
  const nt_i32 experts = a->experts, k = a->k;
  float *scores = scratch, *choice = scores + experts, *buffer = choice + experts;
  nt_u8 *taken = (nt_u8 *)(buffer + experts), *open = taken + experts;
  nt_i32 *chosen = a->chosen + row * k;
  float *weights = a->weights + row * k;
  nt_row_load(scores, a->logits, row * a->logits_stride, experts, a->logits_dtype);
  if (a->scoring == NT_ROUTE_SOFTMAX) {
    const float sum = route_exponentials(scores, experts, route_highest(scores, experts));
    for (nt_i64 i = 0; i < experts; i += NT_LANES)
      nt_store_left(scores + i, nt_load_left(scores + i, experts - i) / sum, experts - i);
  } else if (a->scoring == NT_ROUTE_SIGMOID) {
    for (nt_i64 i = 0; i < experts; i += NT_LANES)
      nt_store_left(scores + i, nt_sigmoid(nt_load_left(scores + i, experts - i)), experts - i);
  }
  for (nt_i64 i = 0; i < experts; i++) choice[i] = a->bias ? scores[i] + a->bias[i] : scores[i];
  memset(taken, 0, (size_t)experts);
  if (a->groups > 1) route_close_groups(a, choice, taken, buffer, open);
  for (nt_i32 i = 0; i < k; i++) {
    const nt_i32 best = route_best(choice, taken, 0, experts);
    chosen[i] = best;
    weights[i] = scores[best];
    if (a->scoring == NT_ROUTE_SPARSE_MIXER) weights[i] = route_sparse_share(a, scores, taken, scores[best], buffer);
    taken[best] = 1;
  }
  if (a->scoring == NT_ROUTE_SOFTMAX_OF_CHOSEN) {
    const float sum = route_exponentials(weights, k, route_highest(weights, k));
    for (nt_i32 i = 0; i < k; i++) weights[i] /= sum;
  }
  float sum = 1;
  if (a->renormalizes) {
    sum = 1e-20f;
    for (nt_i32 i = 0; i < k; i++) sum += weights[i];
  }
  for (nt_i32 i = 0; i < k; i++) weights[i] = weights[i] / sum * a->scale;
}

void NT_KERNEL(route)(const void *arguments, const nt_task *task) {
  const nt_route_arguments *a = arguments;
  nt_share share = nt_worker_share(a->rows, task);
  for (nt_i64 row = share.first; row < share.end; row++) route_row(a, row, task->scratch);
}
