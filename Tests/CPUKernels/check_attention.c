// attention: against sums in double precision; and that a query's bits depend on its own sequence only.
#include "check.h"

typedef struct {
  nt_i32 heads, kv_heads, head_dim, value_dim, block_size, window;
  float softcap;
  int alibi, sinks;
  nt_i32 q_dtype, cache_dtype, out_dtype;
  nt_u32 workers;
  int sequences;
  int queries[8], contexts[8];
} problem;

// Sequences whose keys and values exist outside any cache, so that they can be laid out in blocks of any size.
typedef struct {
  problem p;
  float *q[8], *k[8], *v[8];  // rounded to the storage types; q of all positions
  float *slopes, *sinks;
} contents;

static float *rounded(nt_i64 count, nt_i32 dtype, float scale) {
  float *values = check_array(count, NT_F32), one;
  for (nt_i64 i = 0; i < count; i++) {
    check_store(&one, 0, check_random() * scale, dtype);
    values[i] = check_load(&one, 0, dtype);
  }
  return values;
}

static contents make_contents(problem p) {
  contents c = {.p = p};
  for (int s = 0; s < p.sequences; s++) {
    c.q[s] = rounded((nt_i64)p.contexts[s] * p.heads * p.head_dim, p.q_dtype, 3);
    c.k[s] = rounded((nt_i64)p.contexts[s] * p.kv_heads * p.head_dim, p.cache_dtype, 3);
    c.v[s] = rounded((nt_i64)p.contexts[s] * p.kv_heads * p.value_dim, p.cache_dtype, 1);
  }
  c.slopes = check_array(p.heads, NT_F32);
  c.sinks = check_array(p.heads, NT_F32);
  for (int h = 0; h < p.heads; h++) c.slopes[h] = (float)exp2(-h - 1), c.sinks[h] = check_random() * 2;
  return c;
}

// Runs the last queries[i] positions of a context cut to lengths[i] for the sequences that `chosen` names, with a cache
// whose unused part is poisoned; returns out rows one sequence after another.
static char *run(
  const contents *c, nt_cpu_kernel kernel, const int *chosen, const int *queries, const int *lengths, int count,
  int block_size, nt_u32 workers) {
  const problem *p = &c->p;
  nt_i64 elements = (nt_i64)block_size * (p->head_dim + p->value_dim), tokens = 0, blocks = 1, widest = 1;
  for (int i = 0; i < count; i++) {
    nt_i64 used = (lengths[i] + block_size - 1) / block_size;
    tokens += queries[i];
    blocks += used;
    widest = used > widest ? used : widest;
  }
  char *cache = check_array(blocks * p->kv_heads * elements, p->cache_dtype);
  // The poison is not a number in each type.
  memset(cache, 0xff, (size_t)(blocks * p->kv_heads * elements * check_dtype_bytes(p->cache_dtype)));
  nt_i32 *starts = check_array(count + 1, NT_I32), *contexts = check_array(count, NT_I32);
  nt_i32 *tables = check_array(count * widest, NT_I32);
  nt_i64 q_width = (nt_i64)p->heads * p->head_dim, out_width = (nt_i64)p->heads * p->value_dim;
  nt_i64 q_stride = q_width + 5, out_stride = out_width + 3;
  char *q = check_array(tokens * q_stride, p->q_dtype), *out = check_array(tokens * out_stride, p->out_dtype);
  memset(out, 0x2a, (size_t)(tokens * out_stride * check_dtype_bytes(p->out_dtype)));
  memset(q, 0xff, (size_t)(tokens * q_stride * check_dtype_bytes(p->q_dtype)));
  nt_i64 next = blocks - 1, token = 0;
  for (int i = 0; i < count; i++) {
    int s = chosen[i];
    starts[i] = (nt_i32)token;
    contexts[i] = lengths[i];
    for (int j = 0; j < (lengths[i] + block_size - 1) / block_size; j++) tables[i * widest + j] = (nt_i32)next--;
    for (int position = 0; position < lengths[i]; position++)
      for (int h = 0; h < p->kv_heads; h++) {
        nt_i64 base = ((nt_i64)tables[i * widest + position / block_size] * p->kv_heads + h) * elements;
        nt_i64 offset = position % block_size, row = (nt_i64)position * p->kv_heads + h;
        for (int d = 0; d < p->head_dim; d++)
          check_store(cache, base + offset * p->head_dim + d, c->k[s][row * p->head_dim + d], p->cache_dtype);
        base += (nt_i64)block_size * p->head_dim;
        for (int d = 0; d < p->value_dim; d++)
          check_store(cache, base + offset * p->value_dim + d, c->v[s][row * p->value_dim + d], p->cache_dtype);
      }
    for (int j = 0; j < queries[i]; j++, token++)
      for (nt_i64 d = 0; d < q_width; d++)
        check_store(q, token * q_stride + d, c->q[s][(lengths[i] - queries[i] + j) * q_width + d], p->q_dtype);
  }
  starts[count] = (nt_i32)token;
  nt_attention_arguments a = {
    .q = q, .cache = cache, .alibi_slopes = p->alibi ? c->slopes : 0, .sinks = p->sinks ? c->sinks : 0,
    .query_starts = starts, .context_lengths = contexts, .block_tables = tables, .out = out, .tokens = tokens,
    .sequences = count, .q_stride = q_stride, .out_stride = out_stride, .block_table_stride = widest,
    .heads = p->heads, .kv_heads = p->kv_heads, .head_dim = p->head_dim, .value_dim = p->value_dim,
    .block_size = block_size, .window = p->window, .scale = (float)(1 / sqrt(p->head_dim)), .softcap = p->softcap,
    .q_dtype = p->q_dtype, .cache_dtype = p->cache_dtype, .out_dtype = p->out_dtype};
  check_run(workers, kernel, &a);
  return out;
}

// One head of one query in double precision.
static void reference(double *out, const contents *c, int s, int position, int head) {
  const problem *p = &c->p;
  int kv_head = head / (p->heads / p->kv_heads), first = p->window > 0 ? position - p->window + 1 : 0;
  if (first < 0) first = 0;
  double *scores = malloc((size_t)(position + 1) * sizeof(double)), highest = p->sinks ? c->sinks[head] : -INFINITY;
  double scale = (float)(1 / sqrt(p->head_dim));
  for (int j = first; j <= position; j++) {
    double sum = 0;
    for (int d = 0; d < p->head_dim; d++)
      sum += (double)c->q[s][((nt_i64)position * p->heads + head) * p->head_dim + d] *
             c->k[s][((nt_i64)j * p->kv_heads + kv_head) * p->head_dim + d];
    sum *= scale;
    if (p->softcap > 0) sum = p->softcap * tanh(sum / p->softcap);
    if (p->alibi) sum += (double)c->slopes[head] * (j - position);
    scores[j] = sum;
    if (sum > highest) highest = sum;
  }
  double total = p->sinks ? exp(c->sinks[head] - highest) : 0;
  for (int d = 0; d < p->value_dim; d++) out[d] = 0;
  for (int j = first; j <= position; j++) {
    double weight = exp(scores[j] - highest);
    total += weight;
    for (int d = 0; d < p->value_dim; d++)
      out[d] += weight * c->v[s][((nt_i64)j * p->kv_heads + kv_head) * p->value_dim + d];
  }
  for (int d = 0; d < p->value_dim; d++) out[d] /= total;
  free(scores);
}

static void check_problem(nt_isa isa, problem p) {
  contents c = make_contents(p);
  nt_cpu_kernel kernel = nt_cpu_find_kernel("attention", isa);
  int all[8] = {0, 1, 2, 3, 4, 5, 6, 7};
  char *out = run(&c, kernel, all, p.queries, p.contexts, p.sequences, p.block_size, p.workers);
  nt_i64 out_width = (nt_i64)p.heads * p.value_dim, stride = out_width + 3, bytes = check_dtype_bytes(p.out_dtype);

  // The norm of the errors over that of the outputs.
  double error = 0, square = 0, *want = malloc((size_t)p.value_dim * sizeof(double));
  nt_i64 token = 0;
  int untouched = 1, same = 1;
  for (int s = 0; s < p.sequences; s++)
    for (int j = 0; j < p.queries[s]; j++, token++)
      for (int h = 0; h < p.heads; h++) {
        reference(want, &c, s, p.contexts[s] - p.queries[s] + j, h);
        for (int d = 0; d < p.value_dim; d++) {
          double got = check_load(out, token * stride + h * p.value_dim + d, p.out_dtype);
          double rounding = fabs(want[d]) * check_dtype_epsilon(p.out_dtype) + (p.out_dtype == NT_F16 ? 3e-8 : 0);
          double difference = fabs(got - want[d]) - (p.out_dtype == NT_F32 ? 0 : rounding);
          if (!(difference <= 0)) error += difference * difference;
          square += want[d] * want[d];
        }
      }
  error = sqrt(error / square);
  for (nt_i64 t = 0; t + 1 < token; t++)
    for (nt_i64 i = (t * stride + out_width) * bytes; i < (t + 1) * stride * bytes; i++)
      untouched = untouched && out[i] == 0x2a;

  // Each sequence alone, its queries in chunks, with another block size and other workers.
  token = 0;
  for (int s = 0; s < p.sequences; s++) {
    int chunk = 1 + (int)check_random_below((nt_u32)p.queries[s]), size = 1 + (int)check_random_below(40);
    if (p.queries[s] > 40 && chunk < 20) chunk = 20;
    for (int done = 0; done < p.queries[s]; done += chunk) {
      int queries = p.queries[s] - done < chunk ? p.queries[s] - done : chunk;
      int length = p.contexts[s] - p.queries[s] + done + queries;
      char *alone = run(&c, kernel, &s, &queries, &length, 1, size, 1 + check_random_below(15));
      for (int j = 0; j < queries; j++)
        same = same && memcmp(alone + j * stride * bytes, out + (token + done + j) * stride * bytes,
                              (size_t)(out_width * bytes)) == 0;
    }
    token += p.queries[s];
  }
  // Bfloat16 exponentials may be used where the cache is bfloat16 anyway.
  double bound = p.cache_dtype == NT_BF16 && p.q_dtype == NT_BF16 ? 4e-3 : 2e-6;
  check_report(
    error <= bound && untouched && same,
    "attention %s heads %d/%d dims %d/%d block %d window %d softcap %g alibi %d sinks %d q %s cache %s out %s "
    "sequences %d queries %d context %d: error %.2g%s%s", nt_isa_name(isa), p.heads, p.kv_heads, p.head_dim,
    p.value_dim, p.block_size, p.window, p.softcap, p.alibi, p.sinks, check_dtype_name(p.q_dtype),
    check_dtype_name(p.cache_dtype), check_dtype_name(p.out_dtype), p.sequences, p.queries[0], p.contexts[0], error,
    untouched ? "" : ", wrote between rows", same ? "" : ", bits depend on others");
  free(want);
  check_free_all();
}

void check_attention(nt_isa isa) {
  static const nt_i32 dtypes[] = {NT_F32, NT_BF16, NT_F16};
  static const nt_i32 dims[] = {1, 3, 8, 16, 31, 32, 33, 40, 64, 80, 96, 128, 200, 256};
  static const nt_i32 groups[] = {1, 2, 3, 4, 7, 8, 9};
  static const nt_i32 sizes[] = {1, 5, 16, 64, 128};
  for (int i = 0; i < 60; i++) {
    nt_i32 kv_heads = 1 + (nt_i32)check_random_below(2), dim = dims[i % 14];
    problem p = {
      .heads = kv_heads * groups[check_random_below(7)], .kv_heads = kv_heads, .head_dim = dim,
      .value_dim = check_random_below(3) ? dim : dims[check_random_below(14)],
      .block_size = sizes[check_random_below(5)],
      .window = check_random_below(3) ? 0 : 1 + (nt_i32)check_random_below(150),
      .softcap = check_random_below(3) ? 0 : 5, .alibi = check_random_below(4) == 0,
      .sinks = check_random_below(4) == 0, .q_dtype = dtypes[i % 3], .cache_dtype = dtypes[check_random_below(3)],
      .out_dtype = dtypes[check_random_below(3)],
      .workers = 1 + check_random_below(3), .sequences = 1 + (int)check_random_below(4)};
    if (i % 2) p.cache_dtype = p.q_dtype;
    for (int s = 0; s < p.sequences; s++) {
      p.contexts[s] = 1 + (int)check_random_below(i % 5 == 0 ? 300 : 140);
      p.queries[s] = check_random_below(3) == 0 ? 1 : 1 + (int)check_random_below((nt_u32)p.contexts[s]);
    }
    check_problem(isa, p);
  }
  // A long context in one chunk, and decoding it.
  check_problem(isa, (problem){
    .heads = 2, .kv_heads = 1, .head_dim = 64, .value_dim = 64, .block_size = 16, .q_dtype = NT_F32,
    .cache_dtype = NT_F32, .out_dtype = NT_F32, .workers = 2, .sequences = 2, .queries = {70, 1},
    .contexts = {1500, 3000}});
  check_problem(isa, (problem){
    .heads = 1, .kv_heads = 1, .head_dim = 512, .value_dim = 512, .block_size = 16, .q_dtype = NT_BF16,
    .cache_dtype = NT_BF16, .out_dtype = NT_BF16, .workers = 2, .sequences = 1, .queries = {65}, .contexts = {130}});
}
