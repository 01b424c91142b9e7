// pack_weights: every element at nt_panel_offset's place with the right bits, zeros behind n and k, any split of rows,
// a slice of columns; and the conversions on numbers of every size.
#include "../../Sources/CNeedletailKernels/cpu/common/panel.h"
#include "check.h"

static void check_problem(nt_i64 n, nt_i64 k, nt_i64 stride, nt_i32 from, nt_i32 to, nt_i64 split) {
  nt_i64 source_count = (n - 1) * stride + k, group = nt_panel_group(to), bytes = check_dtype_bytes(to);
  char *source = check_array(source_count, from);
  for (nt_i64 i = 0; i < source_count; i++)
    check_store(source, i, ldexp(check_random(), (int)check_random_below(24) - 18), from);
  nt_u64 packed_bytes = nt_cpu_packed_bytes(n, k, to);
  char *packed = nt_memory_allocate(packed_bytes), *seen = calloc(1, packed_bytes);
  memset(packed, 0xff, packed_bytes);
  for (nt_i64 first = 0; first < n; first += split)
    nt_cpu_pack_weights(
      packed, source + first * stride * check_dtype_bytes(from), first, n - first < split ? n - first : split, n, k,
      stride, from, to);
  nt_i64 wrong = 0;
  for (nt_i64 r = 0; r < n; r++) {
    for (nt_i64 c = 0; c < k; c++) {
      nt_u32 expected = 0;
      check_store(&expected, 0, check_load(source, r * stride + c, from), to);
      nt_i64 place = nt_panel_offset(r, c, k, group) * bytes;
      wrong += memcmp(packed + place, &expected, (size_t)bytes) != 0;
      seen[place] += 1;
    }
  }
  for (nt_i64 i = 0; i < (nt_i64)packed_bytes; i += bytes) {
    nt_u32 zero = 0;
    wrong += seen[i] > 1 || (seen[i] == 0 && memcmp(packed + i, &zero, (size_t)bytes) != 0);
  }
  check_report(wrong == 0, "pack_weights n %lld k %lld stride %lld %s -> %s in parts of %lld: %lld wrong", n, k, stride,
               check_dtype_name(from), check_dtype_name(to), split, wrong);
  free(seen);
  nt_memory_free(packed, packed_bytes);
  check_free_all();
}

void check_pack_weights(void) {
  static const nt_i32 dtypes[] = {NT_F32, NT_BF16, NT_F16};
  static const nt_i64 edges[] = {1, 2, 15, 16, 31, 32, 33, 64, 65, 97, 200};
  for (int from = 0; from < 3; from++)
    for (int to = 0; to < 3; to++)
      for (int i = 0; i < 11; i++) {
        nt_i64 n = edges[i], k = edges[check_random_below(11)];
        check_problem(n, k, k + check_random_below(3), dtypes[from], dtypes[to], i % 3 == 0 ? 32 : i % 3 == 1 ? 20 : n);
      }
}
