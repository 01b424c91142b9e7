// coded_matmul and quantize_rows: products by codes of 8 and 4 bits within the error bound of float32 sums, whole
// numbers exactly; codes of activations exactly; bits that do not depend on the number of rows.
#include "check.h"

typedef struct {
  nt_i64 rows;
  nt_i32 n, k, codes, group, scale_dtype, x_dtype;
  int zeros, row_scales;
  nt_i32 x_codes;  // what x is coded in, NT_REAL: it is not
  nt_u32 workers;
} problem;

static double e4m3(nt_u8 code) {
  int exponent = code >> 3 & 15, fraction = code & 7;
  double magnitude = exponent == 0 ? ldexp(fraction, -9) : ldexp(8 + fraction, exponent - 10);
  return code & 0x80 ? -magnitude : magnitude;
}
static double round_e4m3(double x) {
  double magnitude = fabs(x);
  if (magnitude != magnitude) return x;
  int exponent;
  frexp(magnitude, &exponent);
  int unit = exponent - 4 > -9 ? exponent - 4 : -9;
  double rounded = ldexp(nearbyint(ldexp(magnitude, -unit)), unit);
  return copysign(rounded > 448 ? 448 : rounded, x);
}
static double e2m1(int code) {
  static const double numbers[] = {0, .5, 1, 1.5, 2, 3, 4, 6};
  return code & 8 ? -numbers[code & 7] : numbers[code & 7];
}
static double rounded(double x, nt_i32 dtype) {
  float room;
  check_store(&room, 0, x, dtype);
  return check_load(&room, 0, dtype);
}

static void check_problem(nt_isa isa, problem p) {
  const int is4 = p.codes == NT_U4 || p.codes == NT_F4E2M1;
  const nt_i32 group = p.group ? p.group : p.k, groups = (p.k + group - 1) / group;
  const nt_i64 lanes = is4 ? (p.k + 7) / 8 : (p.k + 3) / 4, padded_n = (p.n + NT_PANEL - 1) / NT_PANEL * NT_PANEL;
  const nt_i64 scale_bytes = p.scale_dtype == NT_F32 ? 4 : p.scale_dtype == NT_F8E8M0 ? 1 : 2;
  nt_u8 *codes = calloc((size_t)(p.n * lanes), 4), *zeros = calloc((size_t)p.n * (size_t)groups, 1);
  char *scales = calloc((size_t)p.n * (size_t)groups, (size_t)scale_bytes);
  float *row_scales = calloc((size_t)p.n, 4);
  double *w = calloc((size_t)p.n * (size_t)p.k, 8), *factor = calloc((size_t)p.n * (size_t)groups, 8);
  for (nt_i64 i = 0; i < (nt_i64)p.n * groups; i++) {
    if (p.scale_dtype == NT_F8E8M0) ((nt_u8 *)scales)[i] = (nt_u8)(120 + check_random_below(8));
    else check_store(scales, i, 0.01 + 0.01 * fabs(check_random()), p.scale_dtype);
    zeros[i] = (nt_u8)check_random_below(16);
    factor[i] = p.scale_dtype == NT_F8E8M0 ? ldexp(1, ((nt_u8 *)scales)[i] - 127) : check_load(scales, i, p.scale_dtype);
  }
  for (nt_i64 n = 0; n < p.n; n++) {
    row_scales[n] = 0.5f + 0.4f * check_random();
    for (nt_i64 k = 0; k < p.k; k++) {
      const nt_i64 place = n * groups + k / group;
      double *out = w + n * p.k + k;
      if (is4) {
        const int code = (int)check_random_below(16);
        codes[n * lanes * 4 + k / 2] |= (nt_u8)(code << (k % 2 * 4));
        if (p.codes == NT_F4E2M1) *out = factor[place] * e2m1(code);
        else if (p.row_scales) *out = round_e4m3(factor[place] * (code - (p.zeros ? zeros[place] : 8)));
        else *out = rounded(factor[place] * (code - (p.zeros ? zeros[place] : 8)), p.scale_dtype);
      } else {
        nt_u8 code = (nt_u8)check_random_below(256);
        if (p.codes == NT_F8E4M3 && (code & 0x7f) == 0x7f) code = 0;
        codes[n * lanes * 4 + k] = code;
        *out = p.codes == NT_I8 ? (nt_i8)code : e4m3(code);
      }
    }
  }
  char *packed = nt_memory_allocate((nt_u64)(padded_n * lanes * 4));
  nt_cpu_pack_weights(packed, codes, 0, p.n, p.n, lanes, lanes, NT_F32, NT_F32);
  char *packed_scales = calloc((size_t)(padded_n * groups), (size_t)scale_bytes);
  nt_u8 *packed_zeros = calloc((size_t)(padded_n * groups), 1);
  float *packed_row_scales = calloc((size_t)padded_n, 4);
  nt_cpu_pack_columns(packed_scales, scales, 0, p.n, p.n, groups, scale_bytes);
  nt_cpu_pack_columns(packed_zeros, zeros, 0, p.n, p.n, groups, 1);
  nt_cpu_pack_columns(packed_row_scales, row_scales, 0, p.n, p.n, 1, 4);

  void *x = check_array(p.rows * p.k, p.x_dtype);
  float *bias = check_array(p.n, NT_F32), *out = check_array(p.rows * p.n, NT_F32), *single = check_array(p.n, NT_F32);
  check_fill(x, p.rows * p.k, p.x_dtype);
  check_fill(bias, p.n, NT_F32);
  double *wide_x = calloc((size_t)(p.rows * p.k), 8);
  for (nt_i64 i = 0; i < p.rows * p.k; i++) wide_x[i] = check_load(x, i, p.x_dtype);

  // Codes of x, which are checked exactly.
  const int x_groups = p.group && p.codes == NT_F8E4M3;
  const nt_i64 x_scale_count = x_groups ? groups : 1, code_stride = (p.k + 3) / 4 * 4;
  const nt_i32 stored = p.x_codes == NT_I8 && isa >= NT_ISA_AVX512 ? NT_I8 : isa >= NT_ISA_AVX512BF16 ? NT_BF16 : NT_F32;
  float *x_scales = check_array(p.rows * x_scale_count, NT_F32);
  char *x_codes = calloc((size_t)(p.rows * code_stride), 4);
  int coded = 1;
  if (p.x_codes != NT_REAL) {
    nt_quantize_rows_arguments q = {
      .x = x, .out = x_codes, .scales = x_scales, .rows = p.rows, .x_stride = p.k, .out_stride = code_stride,
      .width = p.k, .padded_width = (nt_i32)code_stride, .group = x_groups ? p.group : 0, .code = p.x_codes,
      .x_dtype = p.x_dtype, .out_dtype = stored,
    };
    check_run(p.workers, nt_cpu_find_kernel("quantize_rows", isa), &q);
    for (nt_i64 r = 0; r < p.rows; r++) {
      for (nt_i64 g = 0; g < x_scale_count; g++) {
        const nt_i64 first = x_groups ? g * group : 0, end = x_groups && first + group < p.k ? first + group : p.k;
        double largest = 1e-12;
        for (nt_i64 k = first; k < end; k++) largest = fmax(largest, fabs(wide_x[r * p.k + k]));
        const float scale = (float)largest / (p.x_codes == NT_I8 ? 127.0f : 448.0f);
        coded = coded && x_scales[r * x_scale_count + g] == scale;
        for (nt_i64 k = first; k < end; k++) {
          const double y = (float)wide_x[r * p.k + k] / scale;
          const double code = p.x_codes == NT_I8 ? fmin(fmax(nearbyint(y), -127), 127) : round_e4m3(y);
          const nt_i64 place = r * code_stride + k;
          const double found = stored == NT_I8 ? (double)((nt_i8 *)x_codes)[place] : (double)check_load(x_codes, place, stored);
          coded = coded && found == code;
          wide_x[r * p.k + k] = code;
        }
      }
    }
  }

  nt_coded_matmul_arguments a = {
    .product = {
      .x = x, .w = packed, .bias = bias, .out = out, .rows = p.rows, .x_stride = p.k, .out_stride = p.n, .n = p.n,
      .k = p.k, .x_dtype = p.x_dtype, .w_dtype = p.codes, .out_dtype = NT_F32,
    },
    .coding = {
      .scales = packed_scales, .zeros = p.zeros ? packed_zeros : 0, .row_scales = p.row_scales ? packed_row_scales : 0,
      .group = p.group, .scale_dtype = p.scale_dtype,
    },
  };
  if (p.x_codes != NT_REAL) {
    a.product.x = x_codes;
    a.product.x_stride = code_stride;
    a.product.x_dtype = stored;
    a.coding.x_scales = x_scales;
    a.coding.x_scale_stride = x_scale_count;
  }
  nt_cpu_kernel kernel = nt_cpu_find_kernel("coded_matmul", isa);
  check_run(p.workers, kernel, &a);
  double worst = 0;
  for (nt_i64 r = 0; r < p.rows; r++) {
    for (nt_i64 n = 0; n < p.n; n++) {
      double sum = 0, magnitude = 0;
      for (nt_i64 k = 0; k < p.k; k++) {
        const nt_i64 g = k / group;
        double scale = is4 ? 1 : factor[n * groups + g];
        if (p.row_scales) scale = row_scales[n];
        if (p.x_codes != NT_REAL) scale *= x_scales[r * x_scale_count + (x_groups ? g : 0)];
        const double term = wide_x[r * p.k + k] * w[n * p.k + k] * scale;
        sum += term;
        magnitude += fabs(term);
      }
      sum += bias[n];
      magnitude += fabs(bias[n]);
      const int whole = p.codes == NT_I8 && p.x_codes == NT_I8;
      const double bound = whole ? 0x1p-22 * (fabs(sum) + fabs(bias[n])) : magnitude * 0x1p-24 * (6 + sqrt(p.k)) + 1e-7;
      const double error = fabs(out[r * p.n + n] - sum) / bound;
      if (!(error <= worst)) worst = error;
    }
  }
  int same = 1;
  for (int i = 0; i < 3; i++) {
    const nt_i64 r = i == 0 ? p.rows - 1 : (nt_i64)check_random_below((nt_u32)p.rows);
    nt_coded_matmul_arguments one = a;
    const nt_i64 bytes = a.product.x_dtype == NT_I8 ? 1 : check_dtype_bytes(a.product.x_dtype);
    one.product.rows = 1;
    one.product.x = (const char *)a.product.x + r * a.product.x_stride * bytes;
    one.product.out = single;
    if (a.coding.x_scales) one.coding.x_scales = a.coding.x_scales + r * a.coding.x_scale_stride;
    check_run(1, kernel, &one);
    same = same && memcmp(single, out + r * p.n, (size_t)p.n * 4) == 0;
  }
  check_report(
    worst <= 1 && coded && same, "coded_matmul %s rows %lld n %d k %d codes %d group %d zeros %d row scales %d x %s "
    "x codes %d workers %u: error %.3f of bound%s%s", nt_isa_name(isa), p.rows, p.n, p.k, p.codes, p.group, p.zeros,
    p.row_scales, check_dtype_name(p.x_dtype), p.x_codes, p.workers, worst, coded ? "" : ", other codes",
    same ? "" : ", bits depend on the number of rows");
  nt_memory_free(packed, (nt_u64)(padded_n * lanes * 4));
  void *rest[] = {codes, zeros, scales, row_scales, w, factor, packed_scales, packed_zeros, packed_row_scales, wide_x, x_codes};
  for (int i = 0; i < 11; i++) free(rest[i]);
  check_free_all();
}

void check_coded(nt_isa isa) {
  static const nt_i32 edges[] = {1, 2, 3, 8, 31, 32, 33, 100, 127, 128, 129, 257, 640, 1031};
  static const nt_i64 rows[] = {1, 2, 5, 12, 13, 40, 64, 70, 130, 300};
  static const nt_i32 dtypes[] = {NT_F32, NT_BF16, NT_F16}, sizes[] = {8, 32, 64, 128};
  for (int i = 0; i < 14 * 6; i++) {
    problem p = {
      .rows = rows[check_random_below(10)], .n = 1 + (nt_i32)check_random_below(150), .k = edges[i % 14],
      .x_dtype = dtypes[check_random_below(3)], .workers = 1 + check_random_below(3), .scale_dtype = NT_F32,
    };
    const int zeros = (int)check_random_below(2);
    const nt_i32 even = p.k + p.k % 2;
    switch (i / 14) {
      case 0: p.codes = NT_I8; break;
      case 1: p.codes = NT_I8, p.x_codes = NT_I8; break;
      case 2:
        p.codes = NT_F8E4M3, p.x_codes = check_random_below(4) ? NT_F8E4M3 : NT_REAL;
        p.group = check_random_below(2) ? 128 : 0;
        break;
      case 3:
        p.codes = NT_U4, p.zeros = zeros, p.group = sizes[check_random_below(4)], p.k = even;
        p.scale_dtype = dtypes[check_random_below(3)];
        break;
      case 4:
        p.codes = NT_U4, p.zeros = zeros, p.group = sizes[check_random_below(4)], p.k = even;
        p.scale_dtype = dtypes[check_random_below(3)], p.row_scales = 1, p.x_codes = NT_F8E4M3;
        break;
      default: p.codes = NT_F4E2M1, p.group = 32, p.scale_dtype = NT_F8E8M0, p.k = even; break;
    }
    check_problem(isa, p);
  }
  // The largest sums, and more of k than the scratch holds of x.
  check_problem(isa, (problem){
    .rows = 13, .n = 40, .k = 16400, .codes = NT_I8, .x_codes = NT_I8, .x_dtype = NT_F32, .scale_dtype = NT_F32,
    .workers = 2});
  check_problem(isa, (problem){
    .rows = 66, .n = 5, .k = 24602, .codes = NT_U4, .group = 64, .x_dtype = NT_F16, .scale_dtype = NT_F16,
    .workers = 2});
}
