// Checks the CPU's kernels against plain references on every instruction set that this machine has; see check.h. Prints
// one line per check and exits with 1 if any failed. An argument restricts it to the families whose name holds it.
#define _GNU_SOURCE
#include <stdarg.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"

int check_failures;
static nt_u64 random_state = 0x9e3779b97f4a7c15u;

void check_report(int ok, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs(ok ? "ok    " : "FAIL  ", stdout);
  vprintf(format, arguments);
  putchar('\n');
  va_end(arguments);
  check_failures += !ok;
}

static nt_u64 next_random(void) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return random_state;
}
float check_random(void) { return (float)((double)(next_random() >> 40) / (1 << 23) - 1.0); }
nt_u32 check_random_below(nt_u32 bound) { return (nt_u32)((next_random() >> 32) % bound); }

static float float_of(nt_u32 bits) {
  float value;
  memcpy(&value, &bits, 4);
  return value;
}

float check_load(const void *p, nt_i64 index, nt_i32 dtype) {
  if (dtype == NT_F32) return ((const float *)p)[index];
  nt_u32 bits = ((const nt_u16 *)p)[index];
  if (dtype == NT_BF16) return float_of(bits << 16);
  int exponent = bits >> 10 & 31, fraction = bits & 1023;
  double magnitude = exponent == 0    ? ldexp(fraction, -24)
                     : exponent == 31 ? (fraction ? (double)NAN : (double)INFINITY)
                                      : ldexp(fraction + 1024, exponent - 25);
  return (float)(bits & 0x8000 ? -magnitude : magnitude);
}

void check_store(void *p, nt_i64 index, double value, nt_i32 dtype) {
  if (dtype == NT_F32) {
    ((float *)p)[index] = (float)value;
    return;
  }
  // Nearest number of 8 or 11 bits, ties to even, by scaling to an integer; our values are far from overflow.
  int exponent, bits = dtype == NT_BF16 ? 8 : 11, least = dtype == NT_BF16 ? -133 : -24;
  frexp(value, &exponent);
  int unit = exponent - bits > least ? exponent - bits : least;
  float rounded = (float)ldexp(nearbyint(ldexp(value, -unit)), unit);
  nt_u32 raw;
  memcpy(&raw, &rounded, 4);
  nt_u32 sign = raw >> 16 & 0x8000;
  if (dtype == NT_BF16) {
    ((nt_u16 *)p)[index] = (nt_u16)(raw >> 16);
  } else if (fabsf(rounded) < 0x1p-14f) {
    ((nt_u16 *)p)[index] = (nt_u16)(sign | (nt_u32)ldexp(fabs((double)rounded), 24));
  } else {
    ((nt_u16 *)p)[index] = (nt_u16)(sign | (((raw & 0x7fffffff) - (112u << 23)) >> 13));
  }
}

const char *check_dtype_name(nt_i32 dtype) { return dtype == NT_F32 ? "f32" : dtype == NT_BF16 ? "bf16" : "f16"; }
nt_i64 check_dtype_bytes(nt_i32 dtype) { return dtype == NT_F32 || dtype == NT_I32 ? 4 : dtype == NT_I64 ? 8 : 2; }
double check_dtype_epsilon(nt_i32 dtype) { return dtype == NT_F32 ? 0x1p-24 : dtype == NT_BF16 ? 0x1p-8 : 0x1p-11; }

static struct {
  void *start;
  size_t size;
} arrays[16384];
static int array_count;

void *check_array(nt_i64 count, nt_i32 dtype) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE), bytes = (size_t)(count * check_dtype_bytes(dtype));
  size_t size = (bytes + page - 1) / page * page + page;
  char *start = mmap(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (start == MAP_FAILED || array_count == 16384) abort();
  mprotect(start + size - page, page, PROT_NONE);
  arrays[array_count].start = start;
  arrays[array_count++].size = size;
  return start + size - page - bytes;
}
void check_free_all(void) {
  while (array_count > 0) array_count -= 1, munmap(arrays[array_count].start, arrays[array_count].size);
}
void check_fill(void *p, nt_i64 count, nt_i32 dtype) {
  for (nt_i64 i = 0; i < count; i++) check_store(p, i, check_random(), dtype);
}

void check_run(nt_u32 workers, nt_cpu_kernel kernel, const void *arguments) {
  static nt_pool *pools[16];
  if (!pools[workers]) pools[workers] = nt_pool_create(workers);
  nt_cpu_launch launch = {kernel, arguments};
  nt_pool_run(pools[workers], &launch, 1, 0);
}

static int wanted(int count, char **names, const char *family) { return count < 2 || strstr(family, names[1]) != 0; }

int main(int count, char **names) {
  setvbuf(stdout, 0, _IOLBF, 0);
  if (wanted(count, names, "pool")) check_pool();
  if (wanted(count, names, "pack_weights")) check_pack_weights();
  for (int isa = NT_ISA_PLAIN; isa <= NT_ISA_AVX512BF16; isa++) {
    if (!nt_cpu_has_isa((nt_isa)isa)) continue;
    if (wanted(count, names, "matmul")) check_matmul((nt_isa)isa);
    if (wanted(count, names, "coded")) check_coded((nt_isa)isa);
    if (wanted(count, names, "head_linear")) check_head_linear((nt_isa)isa);
    if (wanted(count, names, "rows")) check_rows((nt_isa)isa);
    if (wanted(count, names, "attention")) check_attention((nt_isa)isa);
    if (wanted(count, names, "cache")) check_cache((nt_isa)isa);
    if (wanted(count, names, "sample")) check_sample((nt_isa)isa);
  }
  printf("%d failures\n", check_failures);
  return check_failures ? 1 : 0;
}
