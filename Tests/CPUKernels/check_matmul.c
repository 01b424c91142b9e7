// matmul: results within the error bound of float32 sums, bits that do not depend on the number of rows, nothing
// written between or behind the rows of the output.
#include "check.h"

typedef struct {
  nt_i64 rows;
  nt_i32 n, k, x_dtype, w_dtype, out_dtype;
  int bias, residual;
  nt_i64 x_gap, out_gap;
  nt_u32 workers;
} problem;

static void check_problem(nt_isa isa, problem p) {
  nt_i64 x_stride = p.k + p.x_gap, out_stride = p.n + p.out_gap;
  nt_i64 x_count = (p.rows - 1) * x_stride + p.k, out_count = (p.rows - 1) * out_stride + p.n;
  void *x = check_array(x_count, p.x_dtype), *w = check_array((nt_i64)p.n * p.k, p.w_dtype);
  float *bias = check_array(p.n, NT_F32), *residual = check_array(out_count, NT_F32);
  char *out = check_array(out_count, p.out_dtype), *single = check_array(p.n, p.out_dtype);
  check_fill(x, x_count, p.x_dtype);
  check_fill(w, (nt_i64)p.n * p.k, p.w_dtype);
  check_fill(bias, p.n, NT_F32);
  check_fill(residual, out_count, NT_F32);
  nt_i64 bytes = check_dtype_bytes(p.out_dtype);
  memset(out, 0x2a, (size_t)(out_count * bytes));
  nt_u64 packed_bytes = nt_cpu_packed_bytes(p.n, p.k, p.w_dtype);
  void *packed = nt_memory_allocate(packed_bytes);
  nt_cpu_pack_weights(packed, w, 0, p.n, p.n, p.k, p.k, p.w_dtype, p.w_dtype);
  nt_matmul_arguments a = {
    .x = x, .w = packed, .bias = p.bias ? bias : 0, .residual = p.residual ? residual : 0, .out = out, .rows = p.rows,
    .x_stride = x_stride, .out_stride = out_stride, .n = p.n, .k = p.k, .x_dtype = p.x_dtype, .w_dtype = p.w_dtype,
    .out_dtype = p.out_dtype,
  };
  nt_cpu_kernel kernel = nt_cpu_find_kernel("matmul", isa);
  check_run(p.workers, kernel, &a);

  double *wide_x = calloc((size_t)(p.rows * p.k), 8), *wide_w = calloc((size_t)p.n * (size_t)p.k, 8);
  for (nt_i64 r = 0; r < p.rows; r++)
    for (nt_i64 k = 0; k < p.k; k++) wide_x[r * p.k + k] = check_load(x, r * x_stride + k, p.x_dtype);
  for (nt_i64 i = 0; i < (nt_i64)p.n * p.k; i++) wide_w[i] = check_load(w, i, p.w_dtype);
  double worst = 0;
  int untouched = 1, same = 1;
  for (nt_i64 r = 0; r < p.rows; r++) {
    for (nt_i64 n = 0; n < p.n; n++) {
      double sum = 0, magnitude = 0;
      for (nt_i64 k = 0; k < p.k; k++) {
        double term = wide_x[r * p.k + k] * wide_w[n * p.k + k];
        sum += term;
        magnitude += fabs(term);
      }
      if (p.bias) sum += bias[n], magnitude += fabs(bias[n]);
      if (p.residual) sum += residual[r * out_stride + n], magnitude += fabs(residual[r * out_stride + n]);
      double bound = magnitude * 0x1p-24 * (4 + sqrt(p.k)) + fabs(sum) * check_dtype_epsilon(p.out_dtype) + 1e-7;
      double error = fabs(check_load(out, r * out_stride + n, p.out_dtype) - sum) / bound;
      if (!(error <= worst)) worst = error;
    }
    for (nt_i64 i = (r * out_stride + p.n) * bytes; r + 1 < p.rows && i < (r + 1) * out_stride * bytes; i++)
      untouched = untouched && out[i] == 0x2a;
  }
  // Some rows alone.
  for (int i = 0; i < 4; i++) {
    nt_i64 r = i == 0 ? p.rows - 1 : (nt_i64)check_random_below((nt_u32)p.rows);
    nt_matmul_arguments one = a;
    one.rows = 1;
    one.x = (const char *)x + r * x_stride * check_dtype_bytes(p.x_dtype);
    one.residual = p.residual ? residual + r * out_stride : 0;
    one.out = single;
    check_run(1, kernel, &one);
    same = same && memcmp(single, out + r * out_stride * bytes, (size_t)(p.n * bytes)) == 0;
  }
  check_report(
    worst <= 1 && untouched && same, "matmul %s rows %lld n %d k %d x %s w %s out %s bias %d residual %d workers %u: "
    "error %.3f of bound%s%s", nt_isa_name(isa), p.rows, p.n, p.k, check_dtype_name(p.x_dtype),
    check_dtype_name(p.w_dtype), check_dtype_name(p.out_dtype), p.bias, p.residual, p.workers, worst,
    untouched ? "" : ", wrote between rows", same ? "" : ", bits depend on the number of rows");
  free(wide_x);
  free(wide_w);
  nt_memory_free(packed, packed_bytes);
  check_free_all();
}

void check_matmul(nt_isa isa) {
  static const nt_i32 dtypes[] = {NT_F32, NT_BF16, NT_F16};
  static const nt_i32 edges[] = {1, 2, 3, 15, 16, 17, 31, 32, 33, 63, 65, 100, 257};
  static const nt_i64 rows[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 17, 31, 64, 70, 130};
  for (int x = 0; x < 3; x++) {
    for (int w = 0; w < 3; w++) {
      for (int i = 0; i < 13; i++) {
        check_problem(isa, (problem){
          .rows = rows[check_random_below(15)], .n = edges[i], .k = edges[check_random_below(13)],
          .x_dtype = dtypes[x], .w_dtype = dtypes[w], .out_dtype = dtypes[check_random_below(3)],
          .bias = (int)check_random_below(2), .residual = (int)check_random_below(2),
          .x_gap = check_random_below(4), .out_gap = check_random_below(4), .workers = 1 + check_random_below(3)});
      }
      for (int i = 0; i < 15; i++) {
        check_problem(isa, (problem){
          .rows = rows[i], .n = 1 + (nt_i32)check_random_below(200), .k = 1 + (nt_i32)check_random_below(700),
          .x_dtype = dtypes[x], .w_dtype = dtypes[w], .out_dtype = dtypes[check_random_below(3)],
          .bias = (int)check_random_below(2), .residual = (int)check_random_below(2),
          .x_gap = check_random_below(4), .out_gap = check_random_below(4), .workers = 1 + check_random_below(3)});
      }
      // Several items of rows, and more of k than the scratch holds of x made float32.
      check_problem(isa, (problem){
        .rows = 520, .n = 70, .k = 515, .x_dtype = dtypes[x], .w_dtype = dtypes[w], .out_dtype = NT_F32, .workers = 2});
      check_problem(isa, (problem){
        .rows = 66, .n = 5, .k = 24601, .x_dtype = dtypes[x], .w_dtype = dtypes[w], .out_dtype = NT_F32,
        .workers = 2});
    }
  }
}
