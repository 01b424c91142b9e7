// The kernels that go over rows once: norms, rope, activations, sums, gathering.
#include "check.h"

static const nt_i32 dtypes[] = {NT_F32, NT_BF16, NT_F16};
static const nt_i32 widths[] = {1, 2, 3, 4, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 257, 1024, 1025, 4097};
enum { width_count = sizeof(widths) / sizeof(widths[0]) };

static nt_i32 any_dtype(void) { return dtypes[check_random_below(3)]; }

// An array of rows with `gap` elements between them, filled; outputs are poisoned and their gaps checked.
typedef struct {
  char *p;
  nt_i64 rows, width, stride;
  nt_i32 dtype;
} grid;

static grid make_grid(nt_i64 rows, nt_i64 width, nt_i64 stride, nt_i32 dtype, int output) {
  grid g = {.rows = rows, .width = width, .stride = stride, .dtype = dtype};
  nt_i64 count = (rows - 1) * stride + width;
  g.p = check_array(count, dtype);
  if (output) memset(g.p, 0x2a, (size_t)(count * check_dtype_bytes(dtype)));
  else check_fill(g.p, count, dtype);
  return g;
}
static double at(const grid *g, nt_i64 row, nt_i64 column) {
  return check_load(g->p, row * g->stride + column, g->dtype);
}
static int gaps_untouched(const grid *g) {
  nt_i64 bytes = check_dtype_bytes(g->dtype);
  for (nt_i64 r = 0; r + 1 < g->rows; r++)
    for (nt_i64 i = (r * g->stride + g->width) * bytes; i < (r + 1) * g->stride * bytes; i++)
      if (g->p[i] != 0x2a) return 0;
  return 1;
}
static void scale_grid(grid *g, double scale) {
  for (nt_i64 i = 0; i < (g->rows - 1) * g->stride + g->width; i++)
    check_store(g->p, i, check_load(g->p, i, g->dtype) * scale, g->dtype);
}
// Keeps the largest error in units of its bound; a difference that is not a number counts as one.
static void worsen(double *worst, double got, double want, double bound) {
  double error = got == want ? 0 : fabs(got - want) / bound;
  if (!(error <= *worst)) *worst = error;
}

static double activation_of(double x, nt_i32 activation) {
  switch (activation) {
    case NT_SILU: return x / (1 + exp(-x));
    case NT_GELU: return 0.5 * x * erfc(-x / sqrt(2));
    case NT_GELU_TANH: return x / (1 + exp(-2 * 0.79788456080286541 * (x + 0.044715 * x * x * x)));
    case NT_RELU: return x > 0 ? x : 0;
    case NT_RELU_SQUARED: return x > 0 ? x * x : 0;
    case NT_SIGMOID: return 1 / (1 + exp(-x));
    case NT_TANH: return tanh(x);
    case NT_QUICK_GELU: return x / (1 + exp(-1.702 * x));
    default: return x;
  }
}
// The Gaussian units are sums 1 + erf or 1 + tanh, whose error is one of x, not of the result; the rounding of an
// exponent's factor grows with the exponent.
static double activation_bound(double x, double y, nt_i32 activation) {
  int summed = activation == NT_GELU || activation == NT_GELU_TANH;
  double exponent = activation == NT_QUICK_GELU ? 1.702 * fabs(x) : 0;
  return (1e-6 + exponent * 0x1p-23) * fabs(y) + (summed ? 1e-7 * fabs(x) : 0) + 1e-36;
}

static void check_rms_norm(nt_isa isa, nt_i64 rows, nt_i32 width, int center, int in_place) {
  nt_i64 stride = width + check_random_below(4);
  nt_i32 x_dtype = any_dtype(), sum_dtype = in_place ? x_dtype : any_dtype();
  grid x = make_grid(rows, width, stride, x_dtype, 0), delta = make_grid(rows, width, stride, any_dtype(), 0);
  grid weight = make_grid(1, width, width, any_dtype(), 0), bias = make_grid(1, width, width, weight.dtype, 0);
  grid sum = make_grid(rows, width, stride, sum_dtype, 1);
  grid out = make_grid(rows, width, width + check_random_below(4), any_dtype(), 1);
  int has_delta = (int)check_random_below(3) > 0, has_weight = (int)check_random_below(4) > 0;
  int has_bias = (int)check_random_below(2);
  if (in_place) memcpy(sum.p, x.p, (size_t)(((rows - 1) * stride + width) * check_dtype_bytes(x_dtype)));
  nt_rms_norm_arguments a = {
    .x = in_place ? sum.p : x.p, .delta = has_delta ? delta.p : 0, .weight = has_weight ? weight.p : 0,
    .bias = has_bias ? bias.p : 0, .sum_out = sum.p, .out = out.p, .rows = rows, .x_stride = stride,
    .out_stride = out.stride, .width = width, .center = center, .eps = 1e-5f, .weight_offset = check_random_below(2),
    .x_dtype = x_dtype, .delta_dtype = delta.dtype, .weight_dtype = weight.dtype, .sum_dtype = sum_dtype,
    .out_dtype = out.dtype,
  };
  check_run(1 + check_random_below(3), nt_cpu_find_kernel("rms_norm", isa), &a);
  double worst = 0, sums[5000];
  for (nt_i64 r = 0; r < rows; r++) {
    double mean = 0, square = 0;
    for (nt_i64 i = 0; i < width; i++) {
      sums[i] = (float)(at(&x, r, i) + (has_delta ? at(&delta, r, i) : 0));
      mean += sums[i];
      worsen(&worst, at(&sum, r, i), sums[i], fabs(sums[i]) * check_dtype_epsilon(sum_dtype) + 1e-7);
    }
    mean = center ? mean / width : 0;
    for (nt_i64 i = 0; i < width; i++) square += (sums[i] - mean) * (sums[i] - mean);
    double scale = 1 / sqrt(square / width + 1e-5f);
    for (nt_i64 i = 0; i < width; i++) {
      double factor = (has_weight ? at(&weight, 0, i) : 1) + a.weight_offset;
      double want = (sums[i] - mean) * scale * factor + (has_bias ? at(&bias, 0, i) : 0);
      // A centred row of equal elements is rounding errors, magnified by eps.
      double bound = 2e-6 * fabs((fabs(sums[i]) + fabs(mean)) * scale * factor) + fabs(want) * 1e-6 + 1e-7;
      worsen(&worst, at(&out, r, i), want, bound + fabs(want) * check_dtype_epsilon(out.dtype));
    }
  }
  check_report(
    worst <= 1 && gaps_untouched(&out) && (in_place || gaps_untouched(&sum)),
    "rms_norm %s rows %lld width %d center %d in place %d: error %.3f of bound", nt_isa_name(isa), rows, width, center,
    in_place, worst);
  check_free_all();
}

static void check_rope_table(nt_isa isa, nt_i64 tokens, nt_i32 half, nt_u32 longest) {
  nt_i32 *positions = check_array(tokens, NT_I32);
  float *frequencies = check_array(half, NT_F32), *out = check_array(tokens * half * 2, NT_F32);
  for (nt_i64 t = 0; t < tokens; t++) positions[t] = (nt_i32)check_random_below(longest);
  for (nt_i32 i = 0; i < half; i++) frequencies[i] = (float)pow(10000, -(double)i / half);
  memset(out, 0x2a, (size_t)(tokens * half * 2) * 4);
  nt_rope_table_arguments a = {positions, frequencies, out, tokens, half, 1.25f};
  check_run(2, nt_cpu_find_kernel("rope_table", isa), &a);
  double worst = 0;
  for (nt_i64 t = 0; t < tokens; t++)
    for (nt_i32 i = 0; i < half; i++) {
      double angle = (float)positions[t] * frequencies[i];
      worsen(&worst, out[t * half * 2 + i], cos(angle) * 1.25, 1.5e-7 * fabs(cos(angle)) + 1e-12);
      worsen(&worst, out[t * half * 2 + half + i], sin(angle) * 1.25, 1.5e-7 * fabs(sin(angle)) + 1e-12);
    }
  check_report(
    worst <= 1, "rope_table %s tokens %lld half %d positions below %u: error %.3f of bound", nt_isa_name(isa), tokens,
    half, longest, worst);
  check_free_all();
}

static void check_rope_cache_write(
  nt_isa isa, nt_i64 tokens, nt_i32 heads, nt_i32 kv_heads, nt_i32 head_dim, nt_i32 value_dim, nt_i32 rotary_dim,
  int interleaved, nt_i32 block_size) {
  nt_i32 x_dtype = any_dtype(), half = rotary_dim / 2;
  nt_i64 q_width = heads * head_dim, k_width = kv_heads * head_dim, v_width = kv_heads * value_dim;
  nt_i64 stride = q_width + k_width + v_width, blocks = tokens / block_size + 3;
  grid x = make_grid(tokens, stride, stride, x_dtype, 0), table = make_grid(tokens, rotary_dim, rotary_dim, NT_F32, 0);
  grid q_out = make_grid(tokens, q_width, q_width + 3, any_dtype(), 1);
  nt_i64 elements = (nt_i64)block_size * (head_dim + value_dim);
  grid cache = make_grid(1, blocks * kv_heads * elements, 0, any_dtype(), 1);
  nt_i64 *slots = check_array(tokens, NT_I64);
  // Slots in a scattered order without repetition; some tokens have none.
  for (nt_i64 t = 0; t < tokens; t++) slots[t] = t % 5 == 4 ? -1 : blocks * block_size - 1 - t;
  nt_i64 bytes = check_dtype_bytes(x_dtype);
  nt_rope_cache_write_arguments a = {
    .q = x.p, .k = x.p + q_width * bytes, .v = x.p + (q_width + k_width) * bytes, .table = (float *)table.p,
    .slots = slots, .q_out = q_out.p, .cache = cache.p, .tokens = tokens, .q_stride = stride, .k_stride = stride,
    .v_stride = stride, .q_out_stride = q_out.stride, .heads = heads, .kv_heads = kv_heads, .head_dim = head_dim,
    .value_dim = value_dim, .rotary_dim = rotary_dim, .interleaved = interleaved, .block_size = block_size,
    .x_dtype = x_dtype, .q_out_dtype = q_out.dtype, .cache_dtype = cache.dtype,
  };
  if (rotary_dim == 0) a.table = 0;
  check_run(1 + check_random_below(3), nt_cpu_find_kernel("rope_cache_write", isa), &a);
  double worst = 0;
  nt_i64 written = 0;
  for (nt_i64 t = 0; t < tokens; t++) {
    for (nt_i32 h = 0; h < heads + 2 * kv_heads; h++) {
      int is_query = h < heads, is_value = h >= heads + kv_heads;
      nt_i64 width = is_value ? value_dim : head_dim, slot = slots[t];
      nt_i64 from = is_query ? h * head_dim
                             : is_value ? q_width + k_width + (h - heads - kv_heads) * value_dim : h * (nt_i64)head_dim;
      if (!is_query && slot < 0) continue;
      nt_i64 head = is_value ? h - heads - kv_heads : h - heads;
      nt_i64 place = is_query ? 0 : (slot / block_size * kv_heads + head) * elements + slot % block_size * width;
      if (is_value) place += (nt_i64)block_size * head_dim;
      written += is_query ? 0 : width;
      for (nt_i64 i = 0; i < width; i++) {
        double want = at(&x, t, from + i);
        if (!is_value && i < 2 * half) {
          nt_i64 pair = interleaved ? i / 2 : i % half;
          int second = interleaved ? (int)(i % 2) : i >= half;
          nt_i64 other = interleaved ? i ^ 1 : (i + half) % (2 * half);
          double cosine = at(&table, t, pair), sine = at(&table, t, half + pair), partner = at(&x, t, from + other);
          want = second ? want * cosine + partner * sine : want * cosine - partner * sine;
        }
        nt_i32 dtype = is_query ? q_out.dtype : cache.dtype;
        double got = is_query ? at(&q_out, t, from + i) : at(&cache, 0, place + i);
        worsen(&worst, got, want, fabs(want) * check_dtype_epsilon(dtype) + 2e-7);
      }
    }
  }
  // What no slot names keeps its poison.
  nt_i64 poisoned = 0, total = blocks * kv_heads * elements;
  float poison;
  char pattern[4] = {0x2a, 0x2a, 0x2a, 0x2a};
  poison = check_load(pattern, 0, cache.dtype);
  for (nt_i64 i = 0; i < total; i++) poisoned += at(&cache, 0, i) == poison;
  int ok = worst <= 1 && gaps_untouched(&q_out) && poisoned >= total - written;
  check_report(
    ok, "rope_cache_write %s tokens %lld heads %d/%d dims %d/%d rotary %d interleaved %d block %d: error %.3f of bound",
    nt_isa_name(isa), tokens, heads, kv_heads, head_dim, value_dim, rotary_dim, interleaved, block_size, worst);
  check_free_all();
}

static void check_gated_activation(nt_isa isa, nt_i64 rows, nt_i32 width, nt_i32 activation) {
  grid x = make_grid(rows, 2 * width, 2 * width + check_random_below(4), any_dtype(), 0);
  grid out = make_grid(rows, width, width + check_random_below(4), any_dtype(), 1);
  scale_grid(&x, 10);
  nt_gated_activation_arguments a = {x.p, out.p, rows, x.stride, out.stride, width, activation, x.dtype, out.dtype};
  check_run(1 + check_random_below(3), nt_cpu_find_kernel("gated_activation", isa), &a);
  double worst = 0;
  for (nt_i64 r = 0; r < rows; r++)
    for (nt_i64 i = 0; i < width; i++) {
      double gate = at(&x, r, i), up = at(&x, r, width + i), y = activation_of(gate, activation);
      double bound = (activation_bound(gate, y, activation) + fabs(y) * check_dtype_epsilon(out.dtype)) * fabs(up);
      worsen(&worst, at(&out, r, i), y * up, bound + (out.dtype == NT_F16 ? 6e-8 : 1e-36));
    }
  check_report(
    worst <= 1 && gaps_untouched(&out), "gated_activation %s rows %lld width %d activation %d: error %.3f of bound",
    nt_isa_name(isa), rows, width, activation, worst);
  check_free_all();
}

static void check_unary(nt_isa isa, nt_i64 rows, nt_i32 width, nt_i32 activation, float softcap, float range) {
  grid x = make_grid(rows, width, width + check_random_below(4), any_dtype(), 0);
  grid out = make_grid(rows, width, width + check_random_below(4), any_dtype(), 1);
  scale_grid(&x, range);
  nt_unary_arguments a = {
    .x = x.p, .out = out.p, .rows = rows, .x_stride = x.stride, .out_stride = out.stride, .width = width,
    .activation = activation, .scale = 0.75f, .offset = check_random_below(2), .softcap = softcap, .x_dtype = x.dtype,
    .out_dtype = out.dtype};
  if (activation == NT_IDENTITY) a.scale = 1;
  check_run(1 + check_random_below(3), nt_cpu_find_kernel("unary", isa), &a);
  double worst = 0;
  for (nt_i64 r = 0; r < rows; r++)
    for (nt_i64 i = 0; i < width; i++) {
      double value = at(&x, r, i), y = activation_of(value, activation), want = y * a.scale + a.offset;
      double bound = activation_bound(value, y, activation) + fabs(want) * 1e-7;
      if (softcap > 0) want = softcap * tanh(value * a.scale / softcap), bound = 1e-6 * fabs(want) + 1e-36;
      bound += fabs(want) * check_dtype_epsilon(out.dtype) + (out.dtype == NT_F16 ? 6e-8 : 0);
      worsen(&worst, at(&out, r, i), want, bound);
    }
  check_report(
    worst <= 1 && gaps_untouched(&out),
    "unary %s rows %lld width %d activation %d softcap %g range %g: error %.3f of bound",
    nt_isa_name(isa), rows, width, activation, softcap, range, worst);
  check_free_all();
}

static void check_binary(nt_isa isa, nt_i64 rows, nt_i32 width, nt_i32 operation, int repeats) {
  grid x = make_grid(rows, width, width + check_random_below(4), any_dtype(), 0);
  grid y = make_grid(repeats ? 1 : rows, width, width + check_random_below(4), any_dtype(), 0);
  grid out = make_grid(rows, width, width + check_random_below(4), any_dtype(), 1);
  nt_binary_arguments a = {
    .a = x.p, .b = y.p, .out = out.p, .rows = rows, .a_stride = x.stride, .b_stride = repeats ? 0 : y.stride,
    .out_stride = out.stride, .width = width, .operation = operation, .a_dtype = x.dtype, .b_dtype = y.dtype,
    .out_dtype = out.dtype};
  check_run(1 + check_random_below(3), nt_cpu_find_kernel("binary", isa), &a);
  double worst = 0;
  for (nt_i64 r = 0; r < rows; r++)
    for (nt_i64 i = 0; i < width; i++) {
      double p = at(&x, r, i), q = at(&y, repeats ? 0 : r, i);
      double want = operation == 0 ? p + q : operation == 1 ? p * q : operation == 2 ? p - q : p / q;
      // Quotients may be too large for f16.
      if (out.dtype == NT_F16 && fabs(want) > 65000) continue;
      double bound = fabs(want) * (1.3e-7 + check_dtype_epsilon(out.dtype)) + (out.dtype == NT_F16 ? 6e-8 : 1e-37);
      worsen(&worst, at(&out, r, i), want, bound);
    }
  check_report(
    worst <= 1 && gaps_untouched(&out), "binary %s rows %lld width %d operation %d repeats %d: error %.3f of bound",
    nt_isa_name(isa), rows, width, operation, repeats, worst);
  check_free_all();
}

static void check_gather_rows(nt_isa isa, nt_i64 rows, nt_i32 width, nt_i64 x_rows, int panels) {
  grid x = make_grid(x_rows, width, width + (panels ? 0 : check_random_below(4)), any_dtype(), 0);
  grid out = make_grid(rows, width, width + check_random_below(4), any_dtype(), 1);
  nt_i32 *indices = check_array(rows, NT_I32);
  for (nt_i64 r = 0; r < rows; r++) indices[r] = (nt_i32)check_random_below((nt_u32)x_rows + 2) - 1;
  nt_u64 bytes = nt_cpu_packed_bytes(x_rows, width, x.dtype);
  void *packed = nt_memory_allocate(bytes);
  nt_cpu_pack_weights(packed, x.p, 0, x_rows, x_rows, width, width, x.dtype, x.dtype);
  nt_gather_rows_arguments a = {
    .x = panels ? packed : x.p, .indices = indices, .out = out.p, .rows = rows, .x_rows = x_rows, .x_stride = x.stride,
    .out_stride = out.stride, .width = width, .x_panels = panels, .scale = check_random_below(2) ? 1.0f : 1.5f,
    .x_dtype = x.dtype, .out_dtype = out.dtype};
  check_run(1 + check_random_below(3), nt_cpu_find_kernel("gather_rows", isa), &a);
  double worst = 0;
  for (nt_i64 r = 0; r < rows; r++)
    for (nt_i64 i = 0; i < width; i++) {
      int inside = indices[r] >= 0 && indices[r] < x_rows;
      double want = inside ? at(&x, indices[r], i) * a.scale : 0;
      worsen(&worst, at(&out, r, i), want, fabs(want) * check_dtype_epsilon(out.dtype) + 3.1e-8);
    }
  check_report(
    worst <= 1 && gaps_untouched(&out), "gather_rows %s rows %lld width %d of %lld panels %d: error %.3f of bound",
    nt_isa_name(isa), rows, width, x_rows, panels, worst);
  nt_memory_free(packed, bytes);
  check_free_all();
}

void check_rows(nt_isa isa) {
  for (int i = 0; i < width_count; i++) {
    nt_i64 rows = 1 + check_random_below(9);
    for (int center = 0; center < 2; center++)
      for (int in_place = 0; in_place < 2; in_place++) check_rms_norm(isa, rows, widths[i], center, in_place);
    for (nt_i32 f = NT_IDENTITY; f <= NT_QUICK_GELU; f++) {
      check_gated_activation(isa, rows, widths[i], f);
      check_unary(isa, rows, widths[i], f, 0, 8);
    }
    check_unary(isa, rows, widths[i], NT_IDENTITY, 30, 100);
    check_unary(isa, rows, widths[i], NT_TANH, 0, 0.01f);
    check_unary(isa, rows, widths[i], NT_SILU, 0, 95);
    for (nt_i32 operation = 0; operation < 4; operation++)
      for (int repeats = 0; repeats < 2; repeats++) check_binary(isa, rows, widths[i], operation, repeats);
    for (int panels = 0; panels < 2; panels++)
      check_gather_rows(isa, rows, widths[i], widths[19 - i] % 300 + 1, panels);
  }
  check_rope_table(isa, 33, 1, 100);
  check_rope_table(isa, 31, 33, 5000);
  check_rope_table(isa, 65, 64, 131072);
  check_rope_table(isa, 3, 48, 1000000);
  check_rope_cache_write(isa, 1, 1, 1, 1, 1, 0, 0, 1);
  check_rope_cache_write(isa, 9, 4, 2, 64, 64, 64, 0, 16);
  check_rope_cache_write(isa, 33, 8, 2, 128, 96, 32, 0, 16);
  check_rope_cache_write(isa, 31, 3, 1, 80, 80, 80, 1, 1);
  check_rope_cache_write(isa, 7, 6, 3, 33, 31, 30, 0, 5);
  check_rope_cache_write(isa, 65, 2, 2, 17, 17, 10, 1, 64);
}
