// Picks kernels by name and instruction set, and finds out once which instruction sets this machine runs.
//
// The compiler's own __builtin_cpu_supports reads CPUID and, for the wide registers, XCR0 (whether the system saves
// them); on aarch64 NEON is part of the base architecture.
#include <string.h>

#include "../../include/cpu.h"

#define DECLARE(kernel, isa) void nt_##kernel##_##isa(const void *arguments, const nt_task *task);
#define SKIP(kernel, isa)
#define ANY DECLARE
#if defined(__x86_64__)
#define X86 DECLARE
#define ARM SKIP
#elif defined(__aarch64__)
#define X86 SKIP
#define ARM DECLARE
#else
#define X86 SKIP
#define ARM SKIP
#endif
#include "../common/kernel_table.h"

enum {
  isa_plain = NT_ISA_PLAIN,
  isa_neon = NT_ISA_NEON,
  isa_avx2 = NT_ISA_AVX2,
  isa_avx512 = NT_ISA_AVX512,
  isa_avx512bf16 = NT_ISA_AVX512BF16,
};

typedef struct {
  const char *name;
  int isa;
  nt_cpu_kernel kernel;
} kernel_row;

#undef DECLARE
#define DECLARE(kernel, isa) {#kernel, isa_##isa, nt_##kernel##_##isa},
static const kernel_row rows[] = {
#include "../common/kernel_table.h"
};

int nt_cpu_has_isa(nt_isa isa) {
#if defined(__x86_64__)
  int avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
  int avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
               __builtin_cpu_supports("avx512vnni");
  switch (isa) {
    case NT_ISA_PLAIN: return 1;
    case NT_ISA_AVX2: return avx2;
    case NT_ISA_AVX512: return avx512;
    case NT_ISA_AVX512BF16: return avx512 && __builtin_cpu_supports("avx512bf16");
    default: return 0;
  }
#elif defined(__aarch64__)
  return isa == NT_ISA_PLAIN || isa == NT_ISA_NEON;
#else
  return isa == NT_ISA_PLAIN;
#endif
}

nt_isa nt_cpu_best_isa(void) {
  int isa = NT_ISA_AVX512BF16;
  while (!nt_cpu_has_isa((nt_isa)isa)) isa -= 1;
  return (nt_isa)isa;
}

const char *nt_isa_name(nt_isa isa) {
  static const char *const names[] = {"plain", "neon", "avx2", "avx512", "avx512bf16"};
  return (unsigned)isa < sizeof(names) / sizeof(names[0]) ? names[isa] : "unknown";
}

nt_cpu_kernel nt_cpu_find_kernel(const char *name, nt_isa isa) {
  const kernel_row *found = 0;
  for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    const kernel_row *row = &rows[i];
    if (row->isa > (int)isa || (found && found->isa >= row->isa) || strcmp(row->name, name) != 0) continue;
    if (nt_cpu_has_isa((nt_isa)row->isa)) found = row;
  }
  return found ? found->kernel : 0;
}
