// The machine's read rate on the pool's threads: what a memory-bound kernel is measured against.
//
// Each worker reads its own contiguous part, as one stream or as several at equal distances, 64 bytes a load. The loads
// are or-ed into sums that are kept, so that none of them can be left out.
#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "../../include/cpu.h"
#include "wait_word.h"

typedef nt_u64 line __attribute__((vector_size(64), aligned(64)));

typedef struct {
  const char *memory;
  nt_u64 bytes;
  nt_u32 streams;
  _Atomic nt_u64 kept;
} read_arguments;

#define READ_BODY                                                                                    \
  nt_u64 part = bytes / streams / 512 * 512;                                                         \
  line sums[8] = {};                                                                                 \
  for (nt_u64 i = 0; i < part; i += 512)                                                             \
    for (nt_u32 s = 0; s < streams; s++) {                                                           \
      const char *p = memory + s * part + i;                                                         \
      for (int j = 0; j < 8; j++) sums[j] |= *(const line *)(p + 64 * j);                            \
    }                                                                                                \
  line all = sums[0] | sums[1] | sums[2] | sums[3] | sums[4] | sums[5] | sums[6] | sums[7];          \
  return all[0] | all[1] | all[2] | all[3] | all[4] | all[5] | all[6] | all[7];

#if defined(__x86_64__)
__attribute__((target("avx512f"))) static nt_u64 read_wide(const char *memory, nt_u64 bytes, nt_u32 streams) {
  READ_BODY
}
#endif
static nt_u64 read_plain(const char *memory, nt_u64 bytes, nt_u32 streams) { READ_BODY }

static void read_kernel(const void *arguments, const nt_task *task) {
  read_arguments *a = (read_arguments *)arguments;
  nt_u64 part = a->bytes / task->workers / 4096 * 4096;
  const char *memory = a->memory + part * task->worker;
  nt_u64 kept;
#if defined(__x86_64__)
  if (nt_cpu_has_isa(NT_ISA_AVX512)) kept = read_wide(memory, part, a->streams);
  else kept = read_plain(memory, part, a->streams);
#else
  kept = read_plain(memory, part, a->streams);
#endif
  atomic_fetch_or_explicit(&a->kept, kept, memory_order_relaxed);
}

double nt_pool_read_bandwidth(nt_pool *pool, const void *memory, nt_u64 bytes, nt_u32 streams, nt_u32 repeats) {
  nt_u32 workers = nt_pool_workers(pool);
  streams = streams < 1 ? 1 : streams > 64 ? 64 : streams;
  read_arguments arguments = {.memory = memory, .bytes = bytes, .streams = streams};
  nt_cpu_launch launch = {read_kernel, &arguments};
  nt_u64 read = bytes / workers / 4096 * 4096 / streams / 512 * 512 * streams * workers, best = ~(nt_u64)0;
  for (nt_u32 i = 0; i < (repeats > 0 ? repeats : 1); i++) {
    nt_u64 start = nt_nanoseconds();
    nt_pool_run(pool, &launch, 1, 0);
    nt_u64 time = nt_nanoseconds() - start;
    if (time < best) best = time;
  }
  return (double)read / ((double)best * 1e-9);
}
