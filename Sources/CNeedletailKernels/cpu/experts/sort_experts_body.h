// Pairs by expert (include/experts.h): a counting sort. Thousands of pairs at most: one worker does it.
#include "../../include/cpu.h"
#include "../../include/experts.h"
#include "../common/vector.h"

void NT_KERNEL(sort_experts)(const void *arguments, const nt_task *task) {
  const nt_sort_experts_arguments *a = arguments;
  if (task->worker != 0) return;
  const nt_i64 pairs = a->rows * a->choices;
  memset(a->starts, 0, ((size_t)a->experts + 1) * sizeof(nt_i32));
  for (nt_i64 pair = 0; pair < pairs; pair++) a->starts[a->chosen[pair] + 1] += 1;
  for (nt_i32 e = 0; e < a->experts; e++) a->starts[e + 1] += a->starts[e];
  nt_i32 *next = task->scratch;
  memcpy(next, a->starts, (size_t)a->experts * sizeof(nt_i32));
  for (nt_i64 pair = 0; pair < pairs; pair++) {
    const nt_i32 place = next[a->chosen[pair]]++;
    a->pairs[place] = (nt_i32)pair;
    if (a->places) a->places[pair] = place;
  }
}
