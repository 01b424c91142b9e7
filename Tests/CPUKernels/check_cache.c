// The cache in 8 bits: rope_cache_write's codes and scales exactly, and attention over them like attention over the
// numbers they stand for, to the bit.
#include "check.h"

typedef struct {
  nt_i32 heads, kv_heads, head_dim, value_dim, block_size, dtype, x_dtype;
  float key_scale, value_scale;
  int tokens;
} problem;

static double to_e4m3(double x) {
  double magnitude = fabs(x);
  int exponent;
  frexp(magnitude, &exponent);
  int unit = exponent - 4 > -9 ? exponent - 4 : -9;
  double rounded = ldexp(nearbyint(ldexp(magnitude, -unit)), unit);
  return copysign(rounded > 448 ? 448 : rounded, x);
}
static double of_e4m3(nt_u8 code) {
  int exponent = code >> 3 & 15, fraction = code & 7;
  double magnitude = exponent == 0 ? ldexp(fraction, -9) : ldexp(8 + fraction, exponent - 10);
  return code & 0x80 ? -magnitude : magnitude;
}

static void check_problem(nt_isa isa, problem p) {
  const nt_i64 size = p.block_size, tile = size * (p.head_dim + p.value_dim);
  const nt_i64 scales = p.dtype == NT_I8 ? size * (p.value_dim > 0 ? 8 : 4) : 0, block = tile + scales;
  const nt_i64 blocks = (p.tokens + size - 1) / size + 1, q_width = p.heads * p.head_dim;
  const nt_i64 k_width = p.kv_heads * p.head_dim, v_width = p.kv_heads * p.value_dim;
  const int in_keys = p.value_dim == 0;
  const nt_i32 value_dim = in_keys ? p.head_dim : p.value_dim;
  void *q = check_array(p.tokens * q_width, NT_F32), *k = check_array(p.tokens * k_width, p.x_dtype);
  void *v = check_array(p.tokens * v_width + 1, p.x_dtype);
  check_fill(q, p.tokens * q_width, NT_F32);
  check_fill(k, p.tokens * k_width, p.x_dtype);
  check_fill(v, p.tokens * v_width, p.x_dtype);
  nt_u8 *cache = calloc((size_t)(blocks * p.kv_heads * block), 1);
  float *wide = calloc((size_t)(blocks * p.kv_heads * tile), 4);
  nt_i64 *slots = check_array(p.tokens, NT_I64);
  nt_i32 *tables = check_array(blocks, NT_I32), *starts = check_array(2, NT_I32), *contexts = check_array(1, NT_I32);
  for (nt_i64 i = 0; i < blocks; i++) tables[i] = (nt_i32)(blocks - 1 - i);
  for (int t = 0; t < p.tokens; t++) slots[t] = tables[t / size] * size + t % size;
  starts[1] = contexts[0] = p.tokens;
  nt_rope_cache_write_arguments write = {
    .k = k, .v = in_keys ? 0 : v, .slots = slots, .cache = cache, .tokens = p.tokens, .k_stride = k_width,
    .v_stride = v_width, .kv_heads = p.kv_heads, .head_dim = p.head_dim, .value_dim = p.value_dim,
    .block_size = p.block_size, .x_dtype = p.x_dtype, .cache_dtype = p.dtype, .key_scale = p.key_scale,
    .value_scale = p.value_scale,
  };
  check_run(2, nt_cpu_find_kernel("rope_cache_write", isa), &write);
  int exact = 1;
  for (int t = 0; t < p.tokens; t++) {
    for (int h = 0; h < p.kv_heads; h++) {
      for (int is_value = 0; is_value <= !in_keys; is_value++) {
        const nt_i64 width = is_value ? p.value_dim : p.head_dim, head = slots[t] / size * p.kv_heads + h;
        const nt_i64 in_tile = (is_value ? size * p.head_dim : 0) + slots[t] % size * width;
        const void *x = is_value ? v : k;
        const nt_i64 from = (nt_i64)t * (is_value ? v_width : k_width) + h * width;
        float scale = is_value ? p.value_scale : p.key_scale, largest = 1e-12f;
        for (nt_i64 i = 0; i < width; i++) largest = fmaxf(largest, fabsf(check_load(x, from + i, p.x_dtype)));
        if (p.dtype == NT_I8) {
          memcpy(&scale, cache + head * block + tile + (slots[t] % size + (is_value ? size : 0)) * 4, 4);
          exact = exact && scale == largest / 127;
        }
        for (nt_i64 i = 0; i < width; i++) {
          const double y = check_load(x, from + i, p.x_dtype) / scale;
          const nt_u8 code = cache[head * block + in_tile + i];
          const double want = p.dtype == NT_I8 ? fmin(fmax(nearbyint(y), -127), 127) : to_e4m3(y);
          const double got = p.dtype == NT_I8 ? (double)(nt_i8)code : of_e4m3(code);
          exact = exact && got == want;
          wide[head * tile + in_tile + i] = (float)want * scale;
        }
      }
    }
  }
  float *out = check_array((nt_i64)p.tokens * p.heads * value_dim, NT_F32);
  float *want = check_array((nt_i64)p.tokens * p.heads * value_dim, NT_F32);
  nt_attention_arguments a = {
    .q = q, .cache = cache, .query_starts = starts, .context_lengths = contexts, .block_tables = tables, .out = out,
    .tokens = p.tokens, .sequences = 1, .q_stride = q_width, .out_stride = p.heads * value_dim,
    .block_table_stride = blocks, .heads = p.heads, .kv_heads = p.kv_heads, .head_dim = p.head_dim,
    .value_dim = value_dim, .block_size = p.block_size, .scale = 0.3f, .q_dtype = NT_F32, .cache_dtype = p.dtype,
    .out_dtype = NT_F32, .values_in_keys = in_keys, .key_scale = p.key_scale, .value_scale = p.value_scale,
  };
  check_run(2, nt_cpu_find_kernel("attention", isa), &a);
  a.cache = wide;
  a.cache_dtype = NT_F32;
  a.out = want;
  check_run(2, nt_cpu_find_kernel("attention", isa), &a);
  const int same = memcmp(out, want, (size_t)p.tokens * (size_t)(p.heads * value_dim) * 4) == 0;
  check_report(
    exact && same, "cache %s type %d heads %d/%d dims %d/%d block %d x %s tokens %d%s%s", nt_isa_name(isa), p.dtype,
    p.heads, p.kv_heads, p.head_dim, p.value_dim, p.block_size, check_dtype_name(p.x_dtype), p.tokens,
    exact ? "" : ": other codes", same ? "" : ": other results");
  free(cache);
  free(wide);
  check_free_all();
}

void check_cache(nt_isa isa) {
  static const nt_i32 dims[] = {1, 3, 8, 16, 31, 33, 64, 80, 128, 200}, dtypes[] = {NT_F32, NT_BF16, NT_F16};
  static const nt_i32 sizes[] = {1, 5, 16, 64};
  for (int i = 0; i < 40; i++) {
    const nt_i32 dim = dims[i % 10], kv_heads = 1 + (nt_i32)check_random_below(3);
    check_problem(isa, (problem){
      .heads = kv_heads * (1 + (nt_i32)check_random_below(4)), .kv_heads = kv_heads, .head_dim = dim,
      .value_dim = i % 7 == 6 ? 0 : check_random_below(3) ? dim : dims[check_random_below(10)],
      .block_size = sizes[check_random_below(4)], .dtype = i % 2 ? NT_I8 : NT_F8E4M3,
      .x_dtype = dtypes[check_random_below(3)], .key_scale = check_random_below(2) ? 1 : 0.013f,
      .value_scale = check_random_below(2) ? 1 : 0.0021f, .tokens = 1 + (int)check_random_below(150)});
  }
}
