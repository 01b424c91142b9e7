// head_linear: results within the error bound of float32 sums, bits that do not depend on the number of rows, nothing
// written between or behind the heads of the output.
#include "check.h"

typedef struct {
  nt_i64 rows;
  nt_i32 heads, n, k, transposed, x_dtype, w_dtype, out_dtype;
  nt_i64 gap;  // between heads; rows lie twice that apart
  nt_u32 workers;
} problem;

static void check_problem(nt_isa isa, problem p) {
  nt_i64 x_head = p.k + p.gap, out_head = p.n + p.gap, x_stride = p.heads * x_head + 2 * p.gap;
  nt_i64 out_stride = p.heads * out_head + 2 * p.gap, bytes = check_dtype_bytes(p.out_dtype);
  nt_i64 x_count = (p.rows - 1) * x_stride + (p.heads - 1) * x_head + p.k;
  nt_i64 out_count = (p.rows - 1) * out_stride + (p.heads - 1) * out_head + p.n, w_count = (nt_i64)p.heads * p.n * p.k;
  void *x = check_array(x_count, p.x_dtype), *w = check_array(w_count, p.w_dtype);
  char *out = check_array(out_count, p.out_dtype), *single = check_array(p.heads * out_head, p.out_dtype);
  check_fill(x, x_count, p.x_dtype);
  check_fill(w, w_count, p.w_dtype);
  memset(out, 0x2a, (size_t)(out_count * bytes));
  memset(single, 0x2a, (size_t)(p.heads * out_head * bytes));
  nt_u64 packed_bytes = nt_cpu_packed_bytes((nt_i64)p.heads * p.n, p.k, p.w_dtype);
  void *packed = nt_memory_allocate(packed_bytes);
  nt_cpu_pack_weights(packed, w, 0, p.heads * p.n, p.heads * p.n, p.k, p.k, p.w_dtype, p.w_dtype);
  nt_head_linear_arguments a = {
    .x = x, .w = p.transposed ? w : packed, .out = out, .rows = p.rows, .x_stride = x_stride, .x_head_stride = x_head,
    .out_stride = out_stride, .out_head_stride = out_head, .heads = p.heads, .n = p.n, .k = p.k,
    .transposed = p.transposed, .x_dtype = p.x_dtype, .w_dtype = p.w_dtype, .out_dtype = p.out_dtype,
  };
  nt_cpu_kernel kernel = nt_cpu_find_kernel("head_linear", isa);
  check_run(p.workers, kernel, &a);

  double worst = 0;
  int untouched = 1, same = 1;
  nt_i64 written = 0;
  for (nt_i64 r = 0; r < p.rows; r++)
    for (nt_i64 h = 0; h < p.heads; h++) {
      nt_i64 start = r * out_stride + h * out_head;
      for (; written < start * bytes; written++) untouched = untouched && out[written] == 0x2a;
      for (nt_i64 n = 0; n < p.n; n++) {
        double sum = 0, magnitude = 0;
        for (nt_i64 k = 0; k < p.k; k++) {
          nt_i64 place = h * p.n * p.k + (p.transposed ? k * p.n + n : n * p.k + k);
          double term = (double)check_load(x, r * x_stride + h * x_head + k, p.x_dtype) * check_load(w, place, p.w_dtype);
          sum += term;
          magnitude += fabs(term);
        }
        double bound = magnitude * 0x1p-24 * (4 + sqrt(p.k)) + fabs(sum) * check_dtype_epsilon(p.out_dtype) + 1e-7;
        double error = fabs(check_load(out, start + n, p.out_dtype) - sum) / bound;
        if (!(error <= worst)) worst = error;
      }
      written = (start + p.n) * bytes;
    }
  // Some rows alone.
  for (int i = 0; i < 3; i++) {
    nt_i64 r = i == 0 ? p.rows - 1 : (nt_i64)check_random_below((nt_u32)p.rows);
    nt_head_linear_arguments one = a;
    one.rows = 1;
    one.x = (const char *)x + r * x_stride * check_dtype_bytes(p.x_dtype);
    one.out = single;
    check_run(1, kernel, &one);
    same = same && memcmp(single, out + r * out_stride * bytes, (size_t)(((p.heads - 1) * out_head + p.n) * bytes)) == 0;
  }
  check_report(
    worst <= 1 && untouched && same, "head_linear %s rows %lld heads %d n %d k %d%s x %s w %s out %s gap %lld workers %u: "
    "error %.3f of bound%s%s", nt_isa_name(isa), p.rows, p.heads, p.n, p.k, p.transposed ? " transposed" : "",
    check_dtype_name(p.x_dtype), check_dtype_name(p.w_dtype), check_dtype_name(p.out_dtype), p.gap, p.workers, worst,
    untouched ? "" : ", wrote between heads", same ? "" : ", bits depend on the number of rows");
  nt_memory_free(packed, packed_bytes);
  check_free_all();
}

void check_head_linear(nt_isa isa) {
  static const nt_i32 dtypes[] = {NT_F32, NT_BF16, NT_F16};
  static const nt_i32 edges[] = {1, 2, 15, 16, 31, 32, 33, 64, 65, 100};
  static const nt_i64 rows[] = {1, 2, 5, 6, 7, 8, 13, 33, 97, 130};
  for (int transposed = 0; transposed < 2; transposed++)
    for (int x = 0; x < 3; x++)
      for (int w = 0; w < 3; w++) {
        for (int i = 0; i < 10; i++)
          check_problem(isa, (problem){
            .rows = rows[check_random_below(10)], .heads = 1 + (nt_i32)check_random_below(6), .n = edges[i],
            .k = edges[check_random_below(10)], .transposed = transposed, .x_dtype = dtypes[x], .w_dtype = dtypes[w],
            .out_dtype = dtypes[check_random_below(3)], .gap = check_random_below(4),
            .workers = 1 + check_random_below(3)});
        for (int i = 0; i < 10; i++)
          check_problem(isa, (problem){
            .rows = rows[i], .heads = 3, .n = 1 + (nt_i32)check_random_below(150),
            .k = 1 + (nt_i32)check_random_below(150), .transposed = transposed, .x_dtype = dtypes[x],
            .w_dtype = dtypes[w], .out_dtype = dtypes[check_random_below(3)], .workers = 1 + check_random_below(3)});
        // More inputs than a piece of a transposed weight has, and more rows than an item.
        check_problem(isa, (problem){
          .rows = 101, .heads = 2, .n = 40, .k = 600, .transposed = transposed, .x_dtype = dtypes[x],
          .w_dtype = dtypes[w], .out_dtype = NT_F32, .workers = 2});
      }
}
