// Chooses one token for each row of logits (include/sample.h). A piece of work is a row.
//
// The definition is by sorted lists; what runs is passes over the vocabulary and cuts of short lists:
//   top-k: the k-th largest of the maxima of groups bounds the k-th largest logit from below; few elements reach it.
//   top-p: weights below (1 - p) sum / vocabulary cannot matter, even all together.
//   min-p: a bound on the weight, the largest being 1.
// The draw takes u = (Philox bits) / 2^64 of the kept mass, over the kept tokens in the order of their ids.
#include "../../include/sample.h"
#include "sample_list.h"

// What one worker's scratch has room for.
#define SAMPLE_MAX_VOCABULARY 491520

typedef struct {
  sample_list list;  // its arrays are as long as the vocabulary
  float *groups;     // maxima
  nt_i64 group_count;
  nt_i64 *blocks;    // masses of each SAMPLE_BLOCK tokens
  sample_list spare; // for sample_bound, in the same memory as blocks
} sample_state;

// Applies the row's biases and penalties to clean logits.
static void sample_edit(
  float *values, const nt_sample_arguments *a, const nt_sampling_row *row, nt_i64 vocabulary) {
  for (nt_i32 i = 0; i < row->bias_count; i++) {
    nt_token_bias bias = a->biases[row->bias_start + i];
    if (bias.token >= 0 && bias.token < vocabulary) values[bias.token] += bias.bias;
  }
  for (nt_i32 i = 0; i < row->history_count; i++) {
    nt_token_count entry = a->history[row->history_start + i];
    if (entry.token < 0 || entry.token >= vocabulary) continue;
    float value = values[entry.token];
    value = value > 0 ? value / row->repetition_penalty : value * row->repetition_penalty;
    if (entry.generated > 0) value -= row->presence_penalty + row->frequency_penalty * (float)entry.generated;
    values[entry.token] = value;
  }
  for (nt_i32 i = 0; i < row->bias_count + row->history_count; i++) {
    nt_i32 token = i < row->bias_count ? a->biases[row->bias_start + i].token
                                       : a->history[row->history_start + i - row->bias_count].token;
    if (token >= 0 && token < vocabulary) values[token] = sample_clean(nt_splat(values[token]))[0];
  }
}

// Where nothing has a finite logit: the lowest id that the mask allows and no bias bans, else that the mask allows.
static nt_i64 sample_fallback(const nt_sample_arguments *a, const nt_sampling_row *row, nt_i64 vocabulary) {
  const nt_u32 *mask = row->mask_start >= 0 ? a->masks + row->mask_start : 0;
  nt_i64 allowed = -1;
  for (nt_i64 t = 0; t < vocabulary; t++) {
    if (mask && !(mask[t / 32] >> (t % 32) & 1)) continue;
    if (allowed < 0) allowed = t;
    int banned = 0;
    for (nt_i32 i = 0; i < row->bias_count; i++) {
      nt_token_bias bias = a->biases[row->bias_start + i];
      banned |= bias.token == t && bias.bias == SAMPLE_NONE;
    }
    if (!banned) return t;
  }
  return allowed < 0 ? 0 : allowed;
}

// A list of the `wanted` largest values (all finite ones if there are fewer), without weights.
static void sample_largest(sample_state *s, nt_i64 wanted, nt_i64 vocabulary) {
  float least = sample_bound(&s->spare, s->groups, s->group_count, wanted);
  sample_collect(&s->list, s->list.values, least, vocabulary, 0);
  if (s->list.count > wanted) sample_cut(&s->list, wanted, 1);
}

// Log-probabilities of the model's own distribution; returns what to take from a logit for its own.
static double sample_logprobs(
  sample_state *s, const nt_sample_arguments *a, const nt_sampling_row *parameters, nt_i64 row, nt_i64 vocabulary) {
  sample_list *list = &s->list;
  sample_copy(list->values, a->logits + row * a->logits_stride, vocabulary, 0);
  float maximum = sample_maxima(list->values, vocabulary, s->groups, &s->group_count);
  nt_i64 total = sample_weights(list->weights, list->values, vocabulary, maximum, 1, 0);
  double base = maximum + (total > 0 ? sample_log((double)total) - SAMPLE_LOG_MASS_ONE : 0);
  nt_i64 wanted = parameters->top_logprobs < a->max_top ? parameters->top_logprobs : a->max_top;
  if (wanted > vocabulary) wanted = vocabulary;
  list->count = 0;
  if (wanted > 0) {
    sample_largest(s, wanted, vocabulary);
    sample_sort(list);
  }
  for (nt_i64 i = 0; i < a->max_top; i++) {
    a->top_tokens[row * a->max_top + i] = i < list->count ? list->ids[i] : -1;
    a->top_logprobs[row * a->max_top + i] = i < list->count ? (float)(list->values[i] - base) : SAMPLE_NONE;
  }
  return base;
}

// The list's token in which `place` (0 ..< sum of masses) falls.
static nt_i32 sample_pick(const sample_list *list, nt_i64 place) {
  for (nt_i64 i = 0; i < list->count; i++) {
    place -= sample_mass(list->weights[i]);
    if (place < 0) return list->ids[i];
  }
  return list->ids[list->count - 1];
}

static nt_i64 sample_place(const nt_sampling_row *row, nt_i64 total) {
  return (nt_i64)((unsigned __int128)sample_random(row->seed, row->position) * (nt_u64)total >> 64);
}

// Draws out of all tokens of the vocabulary.
static nt_i32 sample_draw_all(sample_state *s, const nt_sampling_row *row, nt_i64 vocabulary, nt_i64 total) {
  nt_i64 place = sample_place(row, total), block = 0, last = (vocabulary - 1) / SAMPLE_BLOCK;
  while (block < last && place >= s->blocks[block]) place -= s->blocks[block++];
  for (nt_i64 i = block * SAMPLE_BLOCK; i < vocabulary; i++) {
    place -= sample_mass(s->list.weights[i]);
    if (place < 0) return (nt_i32)i;
  }
  return (nt_i32)(vocabulary - 1);
}

// The mass that top-p keeps at least, rounded up.
static nt_i64 sample_goal(float top_p, nt_i64 total) {
  double exact = (double)top_p * (double)total;
  nt_i64 goal = exact > 1 ? (nt_i64)exact : 1;
  return (double)goal < exact ? goal + 1 : goal;
}

// Draws one token; values hold the edited logits.
static nt_i32 sample_draw(sample_state *s, const nt_sampling_row *row, nt_i64 vocabulary, float maximum) {
  sample_list *list = &s->list;
  float scale = row->temperature < 1e30f ? 1 / row->temperature : 1e-30f;
  int has_top_k = row->top_k > 0 && row->top_k < vocabulary, has_top_p = row->top_p < 1;
  float least = row->min_p > 1 ? 1 : row->min_p;
  nt_i64 total, goal;
  if (has_top_k) {
    sample_largest(s, row->top_k, vocabulary);
    for (nt_i64 i = list->count; i < sample_padded(list->count); i++) list->values[i] = SAMPLE_NONE;
    total = sample_weights(list->weights, list->values, list->count, maximum, scale, 0);
  } else {
    total = sample_weights(list->weights, list->values, vocabulary, maximum, scale, s->blocks);
    if (!has_top_p && !(least > 0)) return sample_draw_all(s, row, vocabulary, total);
    float bound = least;
    if (has_top_p) {
      goal = sample_goal(row->top_p, total);
      // Half of what cannot matter, for the rounding of masses; below their unit nothing is left out.
      double negligible = 0.5 * (1 - (double)row->top_p) * ((double)total / SAMPLE_MASS_ONE) / (double)vocabulary;
      bound = negligible > 0x1p-38 ? (float)negligible : 0;
      if (bound > 1) bound = 1;
      // Mostly far fewer tokens bring the mass.
      for (float higher = 1.0f / 32; higher > bound; higher /= 32)
        if (sample_mass_above(list->weights, vocabulary, higher) >= goal) bound = higher;
    }
    sample_collect(list, list->weights, bound, vocabulary, 1);
  }
  if (has_top_p) sample_cut(list, sample_goal(row->top_p, total), 0);
  nt_i64 count = 0;
  total = 0;
  for (nt_i64 i = 0; i < list->count; i++) {
    if (list->weights[i] < least) continue;
    total += sample_mass(list->weights[i]);
    list->ids[count] = list->ids[i];
    list->weights[count++] = list->weights[i];
  }
  list->count = count;
  return sample_pick(list, sample_place(row, total));
}

static void sample_row(sample_state *s, const nt_sample_arguments *a, nt_i64 row, nt_i64 vocabulary) {
  const nt_sampling_row *parameters = &a->parameters[row];
  const float *logits = a->logits + row * a->logits_stride;
  const nt_u32 *mask = parameters->mask_start >= 0 ? a->masks + parameters->mask_start : 0;
  int wants_top = parameters->top_logprobs > 0 && a->max_top > 0;
  double base = 0;
  if (parameters->wants_logprob || wants_top) base = sample_logprobs(s, a, parameters, row, vocabulary);

  // A temperature that is zero, negative, not a number, or too small to divide by takes the largest logit.
  int greedy = !(parameters->temperature > 1e-30f);
  nt_i64 token;
  if (greedy && !mask && parameters->bias_count == 0 && parameters->history_count == 0) {
    token = sample_argmax(logits, vocabulary);
  } else {
    sample_copy(s->list.values, logits, vocabulary, mask);
    sample_edit(s->list.values, a, parameters, vocabulary);
    float maximum = sample_maxima(s->list.values, vocabulary, s->groups, &s->group_count);
    if (maximum == SAMPLE_NONE) token = sample_fallback(a, parameters, vocabulary);
    else if (greedy) token = sample_find(s->list.values, vocabulary, maximum);
    else token = sample_draw(s, parameters, vocabulary, maximum);
  }
  a->tokens[row] = (nt_i32)token;
  if (parameters->wants_logprob)
    a->logprobs[row] = (float)((double)sample_clean(nt_splat(logits[token]))[0] - base);
}

void NT_KERNEL(sample)(const void *arguments, const nt_task *task) {
  const nt_sample_arguments *a = arguments;
  nt_i64 vocabulary = a->vocabulary < SAMPLE_MAX_VOCABULARY ? a->vocabulary : SAMPLE_MAX_VOCABULARY;
  // Room for whole vectors behind the end; groups are as many as whole runs of vectors give.
  nt_i64 length = sample_padded(vocabulary) + 16, group_length = vocabulary / SAMPLE_GROUP + 32;
  sample_state s = {};
  char *next = task->scratch;
  s.blocks = (nt_i64 *)next, next += (vocabulary / SAMPLE_BLOCK + 1) * 8;
  s.list.histogram = s.spare.histogram = (nt_i64 *)next, next += SAMPLE_BUCKETS * 8;
  s.list.values = (float *)next, next += length * 4;
  s.list.weights = (float *)next, next += length * 4;
  s.list.ids = (nt_i32 *)next, next += length * 4;
  s.list.members = s.spare.members = (nt_i32 *)next, next += length * 4;
  s.groups = (float *)next, next += group_length * 4;
  // sample_bound's list is done with before the ids are written.
  s.spare.ids = s.list.ids;
  s.spare.values = (float *)next, next += group_length * 4;
  s.spare.weights = (float *)next;
  for (;;) {
    nt_i64 row = (nt_i64)__atomic_fetch_add(task->counter, 1, __ATOMIC_RELAXED);
    if (row >= a->rows) break;
    sample_row(&s, a, row, vocabulary);
  }
}
