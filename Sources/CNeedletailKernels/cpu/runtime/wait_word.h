// A 32-bit word that threads wait on until it changes: they spin first, then sleep in the kernel (a futex on Linux, a
// condition elsewhere). The spin is short: launches follow each other within microseconds, but a core that another
// process wants must be given up.
#ifndef NEEDLETAIL_WAIT_WORD_H
#define NEEDLETAIL_WAIT_WORD_H
#include <stdatomic.h>
#include <time.h>

#include "../../include/types.h"

#if defined(__linux__)
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#else
#include <pthread.h>
#endif

typedef struct {
  _Alignas(64) _Atomic nt_u32 value;
  _Atomic nt_u32 sleepers;
#if !defined(__linux__)
  pthread_mutex_t mutex;
  pthread_cond_t condition;
#endif
} nt_wait_word;

static inline void nt_pause(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("isb" ::: "memory");
#endif
}

static inline nt_u64 nt_nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (nt_u64)now.tv_sec * 1000000000u + (nt_u64)now.tv_nsec;
}

static inline void nt_wait_word_open(nt_wait_word *word) {
  atomic_init(&word->value, 0);
  atomic_init(&word->sleepers, 0);
#if !defined(__linux__)
  pthread_mutex_init(&word->mutex, 0);
  pthread_cond_init(&word->condition, 0);
#endif
}

static inline void nt_wait_word_close(nt_wait_word *word) {
#if defined(__linux__)
  (void)word;
#else
  pthread_mutex_destroy(&word->mutex);
  pthread_cond_destroy(&word->condition);
#endif
}

// Returns once the value is another than `old`: 0 if it came while spinning, for at most about `spin_nanoseconds`, 1 if
// this thread went to sleep for it.
static inline int nt_wait_word_wait(nt_wait_word *word, nt_u32 old, nt_u64 spin_nanoseconds) {
  nt_u64 start = 0;
  for (nt_u32 i = 1; spin_nanoseconds > 0; i++) {
    if (atomic_load_explicit(&word->value, memory_order_acquire) != old) return 0;
    nt_pause();
    if (i % 64 != 0) continue;
    nt_u64 now = nt_nanoseconds();
    if (start == 0) start = now;
    if (now - start > spin_nanoseconds) break;
  }
  // A sleeper counts itself before it looks once more, and a waker changes the value before it counts sleepers: one of
  // the two sees the other.
  atomic_fetch_add(&word->sleepers, 1);
#if defined(__linux__)
  while (atomic_load(&word->value) == old)
    syscall(SYS_futex, &word->value, FUTEX_WAIT_PRIVATE, old, (void *)0, (void *)0, 0);
#else
  pthread_mutex_lock(&word->mutex);
  while (atomic_load(&word->value) == old) pthread_cond_wait(&word->condition, &word->mutex);
  pthread_mutex_unlock(&word->mutex);
#endif
  atomic_fetch_sub(&word->sleepers, 1);
  return 1;
}

// Adds one and wakes all who wait.
static inline void nt_wait_word_advance(nt_wait_word *word) {
#if defined(__linux__)
  atomic_fetch_add(&word->value, 1);
  if (atomic_load(&word->sleepers) != 0)
    syscall(SYS_futex, &word->value, FUTEX_WAKE_PRIVATE, 0x7fffffff, (void *)0, (void *)0, 0);
#else
  pthread_mutex_lock(&word->mutex);
  atomic_fetch_add(&word->value, 1);
  pthread_mutex_unlock(&word->mutex);
  if (atomic_load(&word->sleepers) != 0) pthread_cond_broadcast(&word->condition);
#endif
}

#endif
