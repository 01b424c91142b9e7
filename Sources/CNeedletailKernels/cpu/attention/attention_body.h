// Paged causal attention (include/attention.h) with an online softmax in float32.
//
// A piece of work is one sequence, one kv head and up to ATTENTION_BLOCK rows; a row is one query of one of the heads
// that share the kv head, so that decoding reads the cache once for all of them. Each tile of keys and values is
// brought to float32 once for all rows of the piece.
#include "../../include/attention.h"
#include "../common/rows.h"
#include "../common/vector_math.h"
#include "attention_products.h"
#include "attention_tile.h"

#define ATTENTION_BLOCK 128
#define ATTENTION_VECTORS (NT_ATTENTION_TILE / NT_LANES)
#define ATTENTION_MAX_PIECES 500000

typedef struct {
  nt_i32 sequence;
  nt_i32 first_row;
} attention_piece;

// One piece's state, row by row.
typedef struct {
  const nt_attention_arguments *a;
  nt_i64 group;         // query heads of a kv head
  nt_i64 value_stride;  // value_dim, padded to vectors
  float *keys;          // [head_dim][NT_ATTENTION_TILE]
  float *values;        // [NT_ATTENTION_TILE][value_stride]
  float *queries;       // [ATTENTION_BLOCK][head_dim]
  float *scores;        // [ATTENTION_BLOCK][NT_ATTENTION_TILE], later their exponentials
  float *outputs;       // [ATTENTION_BLOCK][value_stride]
  float *sums;          // [ATTENTION_BLOCK][NT_LANES], the softmax's denominators in parts
  float *maxima;        // [ATTENTION_BLOCK]
  float *factors;       // [ATTENTION_BLOCK], what a tile's new maximum multiplies older sums with
  attention_ahead *ahead;
} attention_state;

NT_INLINE float attention_maximum(nt_vec a) {
#if defined(NT_AVX512)
  return _mm512_reduce_max_ps((__m512)a);
#else
  return nt_maximum(a);
#endif
}

// Position of the query that a row of the sequence belongs to.
NT_INLINE nt_i64 attention_position(const nt_attention_arguments *a, nt_i64 sequence, nt_i64 query) {
  return a->context_lengths[sequence] - (a->query_starts[sequence + 1] - a->query_starts[sequence]) + query;
}
// The first position a query at `position` sees.
NT_INLINE nt_i64 attention_first_seen(const nt_attention_arguments *a, nt_i64 position) {
  const nt_i64 first = a->window > 0 && position >= a->window ? position - a->window + 1 : 0;
  const nt_i64 start = a->chunk > 0 ? position / a->chunk * a->chunk : 0;
  return first > start ? first : start;
}

// Turns a row's scores of the tile at `start` into exponentials and moves the row's maximum and sum on.
NT_INLINE void attention_softmax(attention_state *t, nt_i64 row, nt_i64 start, nt_i64 position, float slope) {
  const nt_attention_arguments *a = t->a;
  static const float count[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  const nt_vec lanes = nt_load(count);
  float *scores = t->scores + row * NT_ATTENTION_TILE;
  nt_vec s[ATTENTION_VECTORS];
  for (int j = 0; j < ATTENTION_VECTORS; j++) s[j] = nt_load(scores + j * NT_LANES) * a->scale;
  if (a->softcap > 0)
    for (int j = 0; j < ATTENTION_VECTORS; j++) s[j] = nt_tanh(s[j] / a->softcap) * a->softcap;
  if (a->alibi_slopes)
    for (int j = 0; j < ATTENTION_VECTORS; j++)
      s[j] = nt_fma(lanes + (float)(start - position + j * NT_LANES), nt_splat(slope), s[j]);
  nt_i64 first = attention_first_seen(a, position) - start, last = position - start;
  if (first > 0 || last < NT_ATTENTION_TILE - 1)
    for (int j = 0; j < ATTENTION_VECTORS; j++) {
      nt_vec offsets = lanes + (float)(j * NT_LANES);
      nt_ivec seen = (offsets >= nt_splat((float)first)) & (offsets <= nt_splat((float)last));
      s[j] = nt_select(seen, s[j], nt_splat(-__builtin_inff()));
    }
  nt_vec highest = s[0];
  for (int j = 1; j < ATTENTION_VECTORS; j++) highest = nt_max(highest, s[j]);
  float before = t->maxima[row], maximum = attention_maximum(highest);
  if (before > maximum) maximum = before;
  // A row that has seen nothing yet has no maximum to take away.
  nt_vec base = nt_splat(maximum == -__builtin_inff() ? 0.0f : maximum);
  nt_vec factor = nt_exp(nt_splat(before) - base);
  for (int j = 0; j < ATTENTION_VECTORS; j++) {
    s[j] = nt_exp(s[j] - base);
    nt_store(scores + j * NT_LANES, s[j]);
  }
  for (int half = ATTENTION_VECTORS / 2; half > 0; half /= 2)
    for (int j = 0; j < half; j++) s[j] += s[j + half];
  float *sum = t->sums + row * NT_LANES;
  nt_store(sum, nt_fma(nt_load(sum), factor, s[0]));
  t->maxima[row] = maximum;
  t->factors[row] = factor[0];
}

static void attention_finish(attention_state *t, nt_i64 row, nt_i64 token, nt_i64 head) {
  const nt_attention_arguments *a = t->a;
  float *output = t->outputs + row * t->value_stride;
  float total = nt_sum(nt_load(t->sums + row * NT_LANES)), maximum = t->maxima[row], factor = 1;
  if (a->sinks) {
    float sink = a->sinks[head], highest = sink > maximum ? sink : maximum;
    if (highest > -__builtin_inff()) {
      factor = nt_exp(nt_splat(maximum - highest))[0];
      total = total * factor + nt_exp(nt_splat(sink - highest))[0];
    }
  }
  factor = total == 0 ? 0 : factor / total;
  for (nt_i64 e = 0; e < t->value_stride; e += NT_LANES) nt_store(output + e, nt_load(output + e) * factor);
  nt_row_store(a->out, token * a->out_stride + head * a->value_dim, output, a->value_dim, a->out_dtype);
}

static void attention_run(attention_state *t, nt_i64 sequence, nt_i64 kv_head, nt_i64 first_row, nt_i64 rows) {
  const nt_attention_arguments *a = t->a;
  nt_i64 first_token = a->query_starts[sequence], group = t->group;
  nt_i64 first_query = first_row / group, last_query = (first_row + rows - 1) / group;
  nt_i64 end = attention_position(a, sequence, last_query) + 1;
  nt_i64 first = attention_first_seen(a, attention_position(a, sequence, first_query));
  for (nt_i64 r = 0; r < rows; r++) {
    nt_i64 token = first_token + (first_row + r) / group, head = kv_head * group + (first_row + r) % group;
    nt_row_load(
      t->queries + r * a->head_dim, a->q, token * a->q_stride + head * a->head_dim, a->head_dim, a->q_dtype);
    t->maxima[r] = -__builtin_inff();
  }
  memset(t->sums, 0, (size_t)(rows * NT_LANES) * sizeof(float));
  memset(t->outputs, 0, (size_t)(rows * t->value_stride) * sizeof(float));

  nt_i64 start = first / NT_ATTENTION_TILE * NT_ATTENTION_TILE;
  attention_places places, next;
  attention_find(&next, 0, a, sequence, kv_head, start, first, end);
  // With many rows the arithmetic takes longer than the memory.
  attention_ahead *ahead = rows <= 16 ? t->ahead : 0;
  for (; start < end; start += NT_ATTENTION_TILE) {
    places = next;
    attention_find(&next, ahead, a, sequence, kv_head, start + NT_ATTENTION_TILE, first, end);
    attention_load_keys(t->keys, a->cache, &places, a->head_dim, a->cache_dtype);
    attention_load_values(t->values, t->value_stride, a->cache, &places, a->value_dim, a->cache_dtype);
    // Rows that see nothing of this tile: causal ones at the front, those whose window has passed at the back.
    nt_i64 begin = 0, stop = rows;
    while (begin < stop && attention_position(a, sequence, (first_row + begin) / group) < start) begin += 1;
    while (stop > begin &&
           attention_first_seen(a, attention_position(a, sequence, (first_row + stop - 1) / group)) >=
             start + NT_ATTENTION_TILE)
      stop -= 1;
    attention_product(
      stop - begin, t->scores + begin * NT_ATTENTION_TILE, NT_ATTENTION_TILE, t->queries + begin * a->head_dim,
      a->head_dim, t->keys, NT_ATTENTION_TILE, NT_ATTENTION_TILE, a->head_dim, 0, ahead);
    for (nt_i64 r = begin; r < stop; r++) {
      nt_i64 query = (first_row + r) / group, head = kv_head * group + (first_row + r) % group;
      float slope = a->alibi_slopes ? a->alibi_slopes[head] : 0;
      attention_softmax(t, r, start, attention_position(a, sequence, query), slope);
    }
    attention_product(
      stop - begin, t->outputs + begin * t->value_stride, t->value_stride, t->scores + begin * NT_ATTENTION_TILE,
      NT_ATTENTION_TILE, t->values, t->value_stride, t->value_stride, NT_ATTENTION_TILE, t->factors + begin, ahead);
    for (; ahead && ahead->next < ahead->count; ahead->next++) __builtin_prefetch(ahead->lines[ahead->next]);
  }
  for (nt_i64 r = 0; r < rows; r++)
    attention_finish(t, r, first_token + (first_row + r) / group, kv_head * group + (first_row + r) % group);
}

static nt_i64 attention_rows_of(const nt_attention_arguments *a, nt_i64 sequence) {
  return (nt_i64)(a->query_starts[sequence + 1] - a->query_starts[sequence]) * (a->heads / a->kv_heads);
}

// How many rows a piece has: fewer where there would not be enough pieces for the workers. No bits depend on it.
static nt_i64 attention_choose_block(const nt_attention_arguments *a, nt_i64 workers) {
  for (nt_i64 block = ATTENTION_BLOCK;; block /= 2) {
    nt_i64 pieces = 0;
    for (nt_i64 s = 0; s < a->sequences; s++) pieces += (attention_rows_of(a, s) + block - 1) / block;
    if (block == 1 || pieces * a->kv_heads >= workers * (block > 16 ? 4 : 1)) return block;
  }
}

// The pieces of the launch, those with most work first.
static nt_i64 attention_list(attention_piece *pieces, const nt_attention_arguments *a, nt_i64 block) {
  enum { buckets = 256 };
  nt_i64 starts[buckets + 1] = {}, longest = 1, group = a->heads / a->kv_heads;
  for (nt_i64 s = 0; s < a->sequences; s++)
    if (a->context_lengths[s] > longest) longest = a->context_lengths[s];
  // First counts the pieces of each bucket, then places them.
  for (int pass = 0; pass < 2; pass++) {
    for (nt_i64 s = 0; s < a->sequences; s++) {
      nt_i64 rows = attention_rows_of(a, s);
      for (nt_i64 first = 0; first < rows; first += block) {
        nt_i64 last = (first + block < rows ? first + block : rows) - 1;
        nt_i64 length = attention_position(a, s, last / group) -
                        attention_first_seen(a, attention_position(a, s, first / group)) + 1;
        nt_i64 bucket = length <= 0 ? buckets - 1 : (buckets - 1) - (length - 1) * buckets / longest % buckets;
        if (pass == 0) starts[bucket + 1] += 1;
        else if (starts[bucket] < ATTENTION_MAX_PIECES)
          pieces[starts[bucket]++] = (attention_piece){(nt_i32)s, (nt_i32)first};
      }
    }
    if (pass == 0)
      for (int i = 0; i < buckets; i++) starts[i + 1] += starts[i];
  }
  return starts[buckets];
}

void NT_KERNEL(attention)(const void *arguments, const nt_task *task) {
  const nt_attention_arguments *a = arguments;
  nt_i64 value_stride = (a->value_dim + NT_LANES - 1) / NT_LANES * NT_LANES;
  attention_ahead ahead;
  attention_state t = {
    .a = a, .ahead = &ahead, .group = a->heads / a->kv_heads, .value_stride = value_stride};
  attention_piece *pieces = task->scratch;
  float *next = (float *)(pieces + ATTENTION_MAX_PIECES);
  t.keys = next, next += (nt_i64)a->head_dim * NT_ATTENTION_TILE;
  t.values = next, next += value_stride * NT_ATTENTION_TILE;
  t.scores = next, next += ATTENTION_BLOCK * NT_ATTENTION_TILE;
  t.outputs = next, next += ATTENTION_BLOCK * value_stride;
  t.sums = next, next += ATTENTION_BLOCK * NT_LANES;
  t.maxima = next, next += ATTENTION_BLOCK;
  t.factors = next, next += ATTENTION_BLOCK;
  t.queries = next;
  if (value_stride > a->value_dim) memset(t.values, 0, (size_t)(value_stride * NT_ATTENTION_TILE) * sizeof(float));

  nt_i64 block = attention_choose_block(a, task->workers);
  nt_i64 count = attention_list(pieces, a, block) * a->kv_heads;
  for (;;) {
    nt_i64 i = (nt_i64)__atomic_fetch_add(task->counter, 1, __ATOMIC_RELAXED);
    if (i >= count) break;
    attention_piece piece = pieces[i / a->kv_heads];
    nt_i64 rows = attention_rows_of(a, piece.sequence) - piece.first_row;
    attention_run(&t, piece.sequence, i % a->kv_heads, piece.first_row, rows < block ? rows : block);
  }
}
