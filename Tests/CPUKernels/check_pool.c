// The thread pool: launches in order, every worker in each of them, the counter at 0, more workers than cores, sleeping
// and waking, and runs from several threads one after another.
#define _GNU_SOURCE
#include <pthread.h>
#include <unistd.h>

#include "check.h"

enum { cells = 1000 };
typedef struct {
  nt_u64 step;       // of this launch
  nt_u64 *values;    // [cells], each `step` before
  nt_u64 *failures;
  nt_u64 *visits;    // of workers
} step_arguments;

// Adds one to each cell, claimed by the counter; a cell of another step shows a launch that began too early.
static void step_kernel(const void *arguments, const nt_task *task) {
  const step_arguments *a = arguments;
  __atomic_fetch_add(a->visits, 1, __ATOMIC_RELAXED);
  *(nt_u64 *)task->scratch = a->step;
  for (;;) {
    nt_u64 i = __atomic_fetch_add(task->counter, 1, __ATOMIC_RELAXED);
    if (i >= cells) break;
    if (a->values[i] != a->step) __atomic_fetch_add(a->failures, 1, __ATOMIC_RELAXED);
    a->values[i] += 1;
  }
}

typedef struct {
  nt_pool *pool;
  const nt_cpu_launch *launches;
  nt_u64 count;
} run_arguments;

static void *run_elsewhere(void *arguments) {
  run_arguments *a = arguments;
  nt_pool_run(a->pool, a->launches, a->count, 0);
  return 0;
}

static void check_workers(nt_u32 workers, nt_u64 runs, nt_u64 length) {
  nt_u64 values[cells] = {}, failures = 0, visits = 0;
  step_arguments *steps = calloc(runs * length, sizeof(step_arguments));
  nt_cpu_launch *launches = calloc(runs * length, sizeof(nt_cpu_launch));
  nt_u64 *times = calloc(length, sizeof(nt_u64));
  for (nt_u64 i = 0; i < runs * length; i++) {
    steps[i] = (step_arguments){i, values, &failures, &visits};
    launches[i] = (nt_cpu_launch){step_kernel, &steps[i]};
  }
  nt_pool *pool = nt_pool_create(workers);
  for (nt_u64 i = 0; i < runs; i++) {
    if (i % 4 == 3) usleep(1000);
    if (i % 4 == 2) {
      run_arguments arguments = {pool, launches + i * length, length};
      pthread_t thread;
      pthread_create(&thread, 0, run_elsewhere, &arguments);
      pthread_join(thread, 0);
    } else {
      nt_pool_run(pool, launches + i * length, length, i % 2 ? times : 0);
    }
  }
  nt_pool_destroy(pool);
  for (int i = 0; i < cells; i++) failures += values[i] != runs * length;
  failures += visits != runs * length * workers;
  check_report(
    failures == 0, "pool of %u workers, %llu runs of %llu launches: %llu wrong", workers, runs, length, failures);
  free(steps);
  free(launches);
  free(times);
}

void check_pool(void) {
  check_workers(1, 8, 50);
  check_workers(2, 40, 50);
  check_workers(3, 20, 50);
  check_workers(8, 8, 20);
  nt_u64 *memory = nt_memory_allocate(5 << 20), sum = 0;
  for (nt_u64 i = 0; i < (5 << 20) / 8; i++) sum |= memory[i];
  check_report(memory && (nt_u64)memory % 64 == 0 && sum == 0, "memory is aligned and zeroed");
  nt_pool *pool = nt_pool_create(2);
  double rate = nt_pool_read_bandwidth(pool, memory, 5 << 20, 8, 3);
  check_report(rate > 1e6, "memory is read");
  nt_pool_destroy(pool);
  nt_memory_free(memory, 5 << 20);
}
