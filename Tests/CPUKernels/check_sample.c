// sample: against the definition by sorted lists in double precision.
//
// Where the definition is discrete (the largest logit, which tokens top-k keeps, ties) the kernel must agree; a draw
// must be a token whose part of the kept mass holds the generator's number, within the rounding of the weights.
#include "check.h"

typedef struct {
  int id;
  double logit, weight;
} entry;

static int by_logit(const void *a, const void *b) {
  const entry *x = a, *y = b;
  if (x->logit != y->logit) return x->logit < y->logit ? 1 : -1;
  return x->id - y->id;
}
static int by_id(const void *a, const void *b) { return ((const entry *)a)->id - ((const entry *)b)->id; }

// Philox4x32-10, written anew from its paper: rounds on four words with two multipliers.
static double generator(nt_u64 seed, nt_u64 position) {
  nt_u32 k0 = (nt_u32)seed, k1 = (nt_u32)(seed >> 32);
  nt_u32 c0 = (nt_u32)position, c1 = (nt_u32)(position >> 32), c2 = 0, c3 = 0;
  for (int i = 0; i < 10; i++) {
    nt_u64 p0 = 0xD2511F53ull * c0, p1 = 0xCD9E8D57ull * c2;
    nt_u32 n0 = (nt_u32)(p1 >> 32) ^ c1 ^ k0, n2 = (nt_u32)(p0 >> 32) ^ c3 ^ k1;
    c0 = n0, c1 = (nt_u32)p1, c2 = n2, c3 = (nt_u32)p0;
    k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
  }
  return ldexp(c0, -64) + ldexp(c1, -32);
}

static double clean(double x) { return isnan(x) ? -INFINITY : x > 0x1.fffffep127 ? 0x1.fffffep127 : x; }

// What the definition says of a row: which tokens can be kept, with slack for masses on the edge of top-p and min-p.
typedef struct {
  const nt_sample_arguments *a;
  nt_i64 row;
} subject;

// The row's logits after mask, biases and penalties, in single precision as everything that decides an order.
static void edited(entry *entries, subject s) {
  const nt_sampling_row *p = &s.a->parameters[s.row];
  const float *logits = s.a->logits + s.row * s.a->logits_stride;
  for (int t = 0; t < s.a->vocabulary; t++) {
    int allowed = p->mask_start < 0 || (s.a->masks[p->mask_start + t / 32] >> (t % 32) & 1);
    entries[t] = (entry){t, allowed ? clean(logits[t]) : -INFINITY, 0};
  }
  for (int i = 0; i < p->bias_count; i++) {
    nt_token_bias b = s.a->biases[p->bias_start + i];
    entries[b.token].logit = (float)entries[b.token].logit + b.bias;
  }
  for (int i = 0; i < p->history_count; i++) {
    nt_token_count h = s.a->history[p->history_start + i];
    float x = (float)entries[h.token].logit;
    x = x > 0 ? x / p->repetition_penalty : x * p->repetition_penalty;
    if (h.generated > 0) x -= p->presence_penalty + p->frequency_penalty * (float)h.generated;
    entries[h.token].logit = x;
  }
  for (int t = 0; t < s.a->vocabulary; t++) entries[t].logit = clean(entries[t].logit);
}

// Whether `token` may be drawn: with the kept set shrunk and grown by the slack, u lies in its part.
static int may_be_drawn(entry *entries, subject s, int token) {
  const nt_sampling_row *p = &s.a->parameters[s.row];
  int count = (int)s.a->vocabulary;
  qsort(entries, (size_t)count, sizeof(entry), by_logit);
  while (count > 0 && entries[count - 1].logit == -INFINITY) count -= 1;
  if (p->top_k > 0 && p->top_k < count) count = p->top_k;
  double sum = 0;
  for (int i = 0; i < count; i++)
    sum += entries[i].weight = exp((entries[i].logit - entries[0].logit) / p->temperature);
  int least = count, most = count;
  double slack = 3e-6;
  if (p->top_p < 1) {
    double front = 0;
    for (least = 0; least < count && front < (p->top_p - slack) * sum; least++) front += entries[least].weight;
    if (least == 0) least = 1;
    for (most = least; most < count && front < (p->top_p + slack) * sum; most++) front += entries[most].weight;
  }
  double bound = p->min_p > 1 ? 1 : p->min_p;
  while (most > 1 && entries[most - 1].weight < bound * (1 - slack)) most -= 1;
  while (least > 1 && entries[least - 1].weight < bound * (1 + slack)) least -= 1;
  if (least > most) least = most;
  // The kernel keeps some front of between `least` and `most` entries; ties of one value may lie between.
  double u = generator(p->seed, p->position);
  if (most - least > 64) least = most - 64;
  entry *kept = malloc((size_t)most * sizeof(entry));
  int found = 0;
  for (int length = least; length <= most && !found; length++) {
    memcpy(kept, entries, (size_t)length * sizeof(entry));
    qsort(kept, (size_t)length, sizeof(entry), by_id);
    double total = 0, below = 0;
    for (int i = 0; i < length; i++) total += kept[i].weight;
    for (int i = 0; i < length && kept[i].id < token; i++) below += kept[i].weight;
    for (int i = 0; i < length; i++)
      if (kept[i].id == token)
        found = u * total >= below - slack * total && u * total <= below + kept[i].weight + slack * total;
  }
  free(kept);
  return found;
}

// Whether a log-probability is right; the smallest ones may be beyond single precision.
static int close_to(float got, double want, double slack) {
  return (float)want == got || fabs(got - want) <= slack + fabs(want) * 1e-6;
}

static const char *check_row(subject s) {
  const nt_sampling_row *p = &s.a->parameters[s.row];
  const float *logits = s.a->logits + s.row * s.a->logits_stride;
  nt_i64 vocabulary = s.a->vocabulary;
  int token = s.a->tokens[s.row];
  const char *wrong = 0;
  if (token < 0 || token >= vocabulary) return "no token of the vocabulary";
  entry *entries = malloc((size_t)vocabulary * sizeof(entry));
  edited(entries, s);
  entry best = entries[0];
  for (nt_i64 t = 1; t < vocabulary; t++)
    if (entries[t].logit > best.logit) best = entries[t];
  if (best.logit == -INFINITY) {
    int lowest = 0;
    while (lowest < vocabulary && p->mask_start >= 0 && !(s.a->masks[p->mask_start + lowest / 32] >> (lowest % 32) & 1))
      lowest += 1;
    if (lowest == vocabulary) lowest = 0;
    if (p->bias_count == 0 && token != lowest) wrong = "not the lowest allowed id";
  } else if (p->temperature == 0) {
    if (token != best.id) wrong = "not the largest logit";
  } else if (!may_be_drawn(entries, s, token)) {
    wrong = "not where the draw falls";
  }
  // Log-probabilities of the raw logits.
  double highest = -INFINITY, sum = 0;
  for (nt_i64 t = 0; t < vocabulary; t++) {
    entries[t] = (entry){(int)t, clean(logits[t]), 0};
    if (entries[t].logit > highest) highest = entries[t].logit;
  }
  for (nt_i64 t = 0; t < vocabulary; t++) sum += exp(entries[t].logit - highest);
  double base = highest + log(sum), slack = 2e-6 + fabs(base) * 1e-6;
  double raw = clean(logits[token]), got = s.a->logprobs[s.row];
  if (highest > -INFINITY && p->wants_logprob && !close_to((float)got, raw - base, slack))
    wrong = "wrong log-probability";
  if (p->top_logprobs > 0) {
    qsort(entries, (size_t)vocabulary, sizeof(entry), by_logit);
    for (int i = 0; i < s.a->max_top; i++) {
      int id = s.a->top_tokens[s.row * s.a->max_top + i];
      float value = s.a->top_logprobs[s.row * s.a->max_top + i];
      int listed = i < p->top_logprobs && i < vocabulary && entries[i].logit > -INFINITY;
      if (!listed && (id != -1 || value != -INFINITY)) wrong = "an entry behind the last of the top list";
      if (listed && id != entries[i].id) wrong = "wrong token in the top list";
      if (listed && !close_to(value, entries[i].logit - base, slack))
        wrong = "wrong log-probability in the top list";
    }
  }
  free(entries);
  return wrong;
}

enum { plain, ties, peaked, flat, broken, hopeless, wide };  // shapes of logits

static float make_logit(int shape, int t) {
  switch (shape) {
    case ties: return (float)check_random_below(5);
    case peaked: return check_random_below(300) == 0 ? 12 + check_random() : check_random() * 3;
    case flat: return 1;
    case broken: return t % 3 == 0 ? NAN : t % 7 == 0 ? -INFINITY : t % 1001 == 5 ? INFINITY : check_random() * 5;
    case hopeless: return t % 2 ? NAN : -INFINITY;
    case wide: return check_random() * 3e38f;
    default: return (check_random() + check_random() + check_random()) * 4;
  }
}

static void check_problem(nt_isa isa, nt_i64 rows, nt_i32 vocabulary, int shape) {
  nt_i64 stride = vocabulary + check_random_below(5), words = (vocabulary + 31) / 32;
  enum { max_top = 6, history = 40, biases = 6 };
  float *logits = check_array((rows - 1) * stride + vocabulary, NT_F32), *logprobs = check_array(rows, NT_F32);
  nt_sampling_row *parameters = check_array(rows * (nt_i64)sizeof(nt_sampling_row) / 8, NT_I64);
  nt_token_count *entries = check_array(rows * history, NT_I64);
  nt_token_bias *bias = check_array(rows * biases, NT_I64);
  nt_u32 *masks = check_array(rows * words, NT_I32);
  nt_i32 *tokens = check_array(rows, NT_I32), *top_tokens = check_array(rows * max_top, NT_I32);
  float *top_logprobs = check_array(rows * max_top, NT_F32);
  memset(tokens, 0x7a, (size_t)rows * 4);
  static const float temperatures[] = {0, 0.1f, 0.7f, 1, 1, 2}, tops[] = {1, 1, 0.95f, 0.5f, 0.1f, 0};
  static const nt_i32 ks[] = {0, 0, 1, 2, 20, 50, 1000, 100000};
  for (nt_i64 r = 0; r < rows; r++) {
    for (int t = 0; t < vocabulary; t++) logits[r * stride + t] = make_logit(shape, t);
    parameters[r] = (nt_sampling_row){
      .seed = (nt_u64)check_random_below(~0u) << 32 | check_random_below(~0u), .position = check_random_below(1000),
      .temperature = temperatures[check_random_below(6)], .top_p = tops[check_random_below(6)],
      .min_p = check_random_below(3) ? 0 : 0.05f, .repetition_penalty = 1, .top_k = ks[check_random_below(8)],
      .top_logprobs = (nt_i32)check_random_below(max_top + 1), .history_start = r * history, .bias_start = r * biases,
      .mask_start = check_random_below(4) ? -1 : r * words, .wants_logprob = (nt_i32)check_random_below(2)};
    nt_sampling_row *p = &parameters[r];
    if (check_random_below(2)) {
      p->history_count = vocabulary < history ? vocabulary : history;
      p->repetition_penalty = 1 + (check_random() + 1) / 4;
      p->presence_penalty = check_random();
      p->frequency_penalty = check_random();
      // Distinct tokens, the row's own order.
      for (int i = 0; i < p->history_count; i++)
        entries[r * history + i] =
          (nt_token_count){(nt_i32)((nt_i64)i * vocabulary / p->history_count), (nt_i32)check_random_below(4)};
    }
    if (check_random_below(3) == 0) {
      p->bias_count = biases;
      for (int i = 0; i < biases; i++)
        bias[r * biases + i] = (nt_token_bias){(nt_i32)check_random_below((nt_u32)vocabulary),
                                               check_random_below(2) ? -INFINITY : check_random() * 20};
    }
    for (nt_i64 w = 0; w < words; w++) masks[r * words + w] = check_random_below(3) ? check_random_below(~0u) : 0;
  }
  nt_sample_arguments a = {
    .logits = logits, .parameters = parameters, .history = entries, .biases = bias, .masks = masks, .tokens = tokens,
    .logprobs = logprobs, .top_tokens = top_tokens, .top_logprobs = top_logprobs, .rows = rows,
    .vocabulary = vocabulary, .logits_stride = stride, .max_top = max_top};
  check_run(1 + check_random_below(3), nt_cpu_find_kernel("sample", isa), &a);
  const char *wrong = 0;
  nt_i64 wrong_row = -1;
  for (nt_i64 r = 0; r < rows; r++) {
    const char *found = check_row((subject){&a, r});
    if (found && !wrong) wrong = found, wrong_row = r;
  }
  const nt_sampling_row *p = wrong ? &parameters[wrong_row] : parameters;
  check_report(
    !wrong, "sample %s rows %lld vocabulary %d logits %d: %s (row %lld: temperature %g top-k %d top-p %g min-p %g "
    "history %d biases %d mask %lld)", nt_isa_name(isa), rows, vocabulary, shape, wrong ? wrong : "agrees", wrong_row,
    p->temperature, p->top_k, p->top_p, p->min_p, p->history_count, p->bias_count, p->mask_start);
  check_free_all();
}

// The parts of a vocabulary are drawn as often as their probabilities say.
static void check_frequencies(nt_isa isa) {
  enum { draws = 20000, vocabulary = 37 };
  float logits[vocabulary], probabilities[vocabulary], sum = 0;
  int counts[vocabulary] = {};
  for (int t = 0; t < vocabulary; t++) logits[t] = check_random() * 2, sum += probabilities[t] = expf(logits[t]);
  nt_sampling_row row = {
    .seed = 42, .temperature = 1, .top_p = 1, .repetition_penalty = 1, .mask_start = -1};
  nt_i32 token = -1;
  nt_sample_arguments a = {.logits = logits, .parameters = &row, .tokens = &token, .rows = 1, .vocabulary = vocabulary};
  for (int i = 0; i < draws; i++) {
    row.position = (nt_u64)i;
    check_run(1, nt_cpu_find_kernel("sample", isa), &a);
    if (token >= 0 && token < vocabulary) counts[token] += 1;
  }
  double chi = 0;
  for (int t = 0; t < vocabulary; t++) {
    double expected = (double)probabilities[t] / sum * draws;
    chi += (counts[t] - expected) * (counts[t] - expected) / expected;
  }
  // 36 degrees of freedom: beyond 80 once in 30000 times; the sequence is the same in each run.
  check_report(chi < 80, "sample %s %d draws: chi squared %.1f of 36", nt_isa_name(isa), draws, chi);
}

void check_sample(nt_isa isa) {
  static const nt_i32 sizes[] = {1, 2, 15, 16, 17, 31, 33, 100, 1023, 1024, 1025, 4097, 32000};
  for (int shape = plain; shape <= wide; shape++) {
    for (int i = 0; i < 13; i++) check_problem(isa, sizes[i] > 4097 ? 8 : 24, sizes[i], shape);
  }
  for (int shape = plain; shape <= wide; shape++) check_problem(isa, 6, 128256, shape);
  check_problem(isa, 3, 262144, plain);
  check_frequencies(isa);
}
