// Rows of any storage type as float32, and the parts of a launch that a worker takes.
#ifndef NEEDLETAIL_ROWS_H
#define NEEDLETAIL_ROWS_H
#include "../../include/cpu.h"
#include "vector.h"

// Columns that the element-wise kernels do at a time: their float32 copies stay in the first-level cache.
#define NT_ROW_CHUNK 1024

typedef struct {
  nt_i64 first;
  nt_i64 end;
} nt_share;

// The worker's part of `count` equal pieces of work.
NT_INLINE nt_share nt_worker_share(nt_i64 count, const nt_task *task) {
  nt_i64 workers = task->workers, worker = task->worker;
  nt_i64 each = count / workers, more = count % workers;
  nt_i64 first = worker * each + (worker < more ? worker : more);
  return (nt_share){first, first + each + (worker < more)};
}

// Loads and stores of what is left of a row, at most a vector.
NT_INLINE nt_vec nt_load_left(const float *p, nt_i64 left) {
  return left >= NT_LANES ? nt_load(p) : nt_load_part(p, left);
}
NT_INLINE void nt_store_left(float *p, nt_vec a, nt_i64 left) {
  if (left >= NT_LANES) nt_store(p, a);
  else nt_store_part(p, a, left);
}

NT_INLINE void nt_row_load_constant(float *to, const void *x, nt_i64 index, nt_i64 count, nt_i32 dtype) {
  nt_i64 i = 0;
  for (; i + NT_LANES <= count; i += NT_LANES) nt_store(to + i, nt_load_as(x, index + i, dtype));
  if (i < count) nt_store_part(to + i, nt_load_part_as(x, index + i, count - i, dtype), count - i);
}
NT_INLINE void nt_row_store_constant(void *out, nt_i64 index, const float *from, nt_i64 count, nt_i32 dtype) {
  nt_i64 i = 0;
  for (; i + NT_LANES <= count; i += NT_LANES) nt_store_as(out, index + i, nt_load(from + i), dtype);
  if (i < count) nt_store_part_as(out, index + i, nt_load_part(from + i, count - i), count - i, dtype);
}

// Elements [index, index + count) of x to float32.
static __attribute__((unused)) void nt_row_load(float *to, const void *x, nt_i64 index, nt_i64 count, nt_i32 dtype) {
  switch (dtype) {
    case NT_BF16: nt_row_load_constant(to, x, index, count, NT_BF16); break;
    case NT_F16: nt_row_load_constant(to, x, index, count, NT_F16); break;
    default: nt_row_load_constant(to, x, index, count, NT_F32); break;
  }
}
// The reverse.
static __attribute__((unused)) void nt_row_store(
  void *out, nt_i64 index, const float *from, nt_i64 count, nt_i32 dtype) {
  switch (dtype) {
    case NT_BF16: nt_row_store_constant(out, index, from, count, NT_BF16); break;
    case NT_F16: nt_row_store_constant(out, index, from, count, NT_F16); break;
    default: nt_row_store_constant(out, index, from, count, NT_F32); break;
  }
}

// The elements themselves where they are float32, else their copy in `buffer`.
NT_INLINE const float *nt_row_view(float *buffer, const void *x, nt_i64 index, nt_i64 count, nt_i32 dtype) {
  if (dtype == NT_F32) return (const float *)x + index;
  nt_row_load(buffer, x, index, count, dtype);
  return buffer;
}
// Where to compute a row: in place where the output is float32, else in `buffer`, which nt_row_finish then stores.
NT_INLINE float *nt_row_target(float *buffer, void *out, nt_i64 index, nt_i32 dtype) {
  return dtype == NT_F32 ? (float *)out + index : buffer;
}
NT_INLINE void nt_row_finish(void *out, nt_i64 index, const float *from, nt_i64 count, nt_i32 dtype) {
  if (dtype != NT_F32) nt_row_store(out, index, from, count, dtype);
}

#endif
