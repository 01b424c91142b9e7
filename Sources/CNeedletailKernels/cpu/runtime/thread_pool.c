// Threads that run a list of launches: one parallel region for the whole list, a barrier after each launch.
//
// The barrier is a counter of arrivals and a phase that the last one advances; the last one also sets the work counter
// of the next launch to 0. With all workers awake a barrier costs the transfer of two cache lines, 0.1 us. Whoever
// waits longer than the spin time sleeps (wait_word.h). Each sleep halves the worker's spin time and each wait without
// one doubles it, because where cores are taken by others, or there are more workers than cores, the one waited for may
// need this very core.
#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "../../include/cpu.h"
#include "wait_word.h"

enum {
  most_spin_nanoseconds = 64000,
  least_spin_nanoseconds = 4000,
  crowded_spin_nanoseconds = 1000,
  idle_spin_nanoseconds = 200000,
};

typedef struct {
  nt_pool *pool;
  void *scratch;
  pthread_t thread;
  nt_u64 spin;  // nanoseconds, at a barrier
  nt_u32 index;
} pool_worker;

struct nt_pool {
  nt_wait_word run;    // advanced when a run begins (or the pool ends)
  nt_wait_word phase;  // advanced when all workers have arrived at a barrier
  _Alignas(64) _Atomic nt_u32 arrived;
  _Alignas(64) nt_u64 counter;
  _Alignas(64) const nt_cpu_launch *launches;
  nt_u64 count;
  nt_u64 *times;
  nt_u64 idle_spin;
  int crowded;  // more workers than cores
  nt_u32 workers;
  int ends;
  pool_worker members[];
};

static void pass_barrier(nt_pool *pool, pool_worker *member) {
  nt_u32 phase = atomic_load_explicit(&pool->phase.value, memory_order_relaxed);
  if (atomic_fetch_add_explicit(&pool->arrived, 1, memory_order_acq_rel) + 1 == pool->workers) {
    atomic_store_explicit(&pool->arrived, 0, memory_order_relaxed);
    pool->counter = 0;
    nt_wait_word_advance(&pool->phase);
    return;
  }
  int slept = nt_wait_word_wait(&pool->phase, phase, member->spin);
  if (pool->crowded) return;
  if (slept && member->spin > least_spin_nanoseconds) member->spin /= 2;
  if (!slept && member->spin < most_spin_nanoseconds) member->spin *= 2;
}

static void run_launches(nt_pool *pool, pool_worker *member) {
  nt_task task = {
    .worker = member->index, .workers = pool->workers, .scratch = member->scratch, .counter = &pool->counter};
  nt_u64 *times = member->index == 0 ? pool->times : 0;
  nt_u64 count = pool->count, start = times ? nt_nanoseconds() : 0;
  for (nt_u64 i = 0; i < count; i++) {
    pool->launches[i].kernel(pool->launches[i].arguments, &task);
    if (pool->workers > 1) pass_barrier(pool, member);
    else pool->counter = 0;
    if (times) {
      nt_u64 now = nt_nanoseconds();
      times[i] = now - start;
      start = now;
    }
  }
}

static void *work(void *argument) {
  pool_worker *member = argument;
  nt_pool *pool = member->pool;
  for (nt_u32 seen = 0;; seen++) {
    nt_wait_word_wait(&pool->run, seen, pool->idle_spin);
    if (pool->ends) return 0;
    run_launches(pool, member);
  }
}

static nt_u32 usable_cores(void) {
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) == 0) return (nt_u32)CPU_COUNT(&set);
#endif
  long cores = sysconf(_SC_NPROCESSORS_ONLN);
  return cores > 0 ? (nt_u32)cores : 1;
}

static void end_workers(nt_pool *pool, nt_u32 started) {
  pool->ends = 1;
  nt_wait_word_advance(&pool->run);
  for (nt_u32 i = 1; i < started; i++) pthread_join(pool->members[i].thread, 0);
  for (nt_u32 i = 0; i < pool->workers; i++) nt_memory_free(pool->members[i].scratch, NT_SCRATCH_BYTES);
  nt_wait_word_close(&pool->run);
  nt_wait_word_close(&pool->phase);
  free(pool);
}

nt_pool *nt_pool_create(nt_u32 workers) {
  if (workers == 0) workers = 1;
  size_t bytes = (sizeof(nt_pool) + workers * sizeof(pool_worker) + 63) / 64 * 64;
  nt_pool *pool = aligned_alloc(64, bytes);
  if (!pool) return 0;
  *pool = (nt_pool){.workers = workers};
  nt_wait_word_open(&pool->run);
  nt_wait_word_open(&pool->phase);
  pool->crowded = workers > usable_cores();
  pool->idle_spin = pool->crowded ? crowded_spin_nanoseconds : idle_spin_nanoseconds;
  int complete = 1;
  for (nt_u32 i = 0; i < workers; i++) {
    void *scratch = nt_memory_allocate(NT_SCRATCH_BYTES);
    pool->members[i] = (pool_worker){
      .pool = pool, .scratch = scratch, .index = i,
      .spin = pool->crowded ? crowded_spin_nanoseconds : most_spin_nanoseconds};
    complete = complete && scratch;
  }
  // The process's signals are for its own threads.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  nt_u32 started = 1;
  while (complete && started < workers) {
    pool_worker *member = &pool->members[started];
    complete = pthread_create(&member->thread, 0, work, member) == 0;
    started += complete;
  }
  pthread_sigmask(SIG_SETMASK, &before, 0);
  if (!complete) {
    end_workers(pool, started);
    return 0;
  }
  return pool;
}

void nt_pool_destroy(nt_pool *pool) {
  if (pool) end_workers(pool, pool->workers);
}

nt_u32 nt_pool_workers(const nt_pool *pool) { return pool->workers; }

void nt_pool_run(nt_pool *pool, const nt_cpu_launch *launches, nt_u64 count, nt_u64 *times) {
  if (count == 0) return;
  pool->launches = launches;
  pool->count = count;
  pool->times = times;
  pool->counter = 0;
  if (pool->workers > 1) nt_wait_word_advance(&pool->run);
  run_launches(pool, &pool->members[0]);
}
