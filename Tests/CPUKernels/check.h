// What the checks of the CPU's kernels share: random numbers, the storage types, and reporting.
//
// Each check_*.c holds one family: it compares every instruction set this machine has with a plain reference in double
// precision, edge shapes first, and reports one line per problem through check_report.
#ifndef CHECK_H
#define CHECK_H
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "CNeedletailKernels.h"

// The families; each runs all its problems on an instruction set.
void check_matmul(nt_isa isa);
void check_coded(nt_isa isa);
void check_head_linear(nt_isa isa);
void check_rows(nt_isa isa);
void check_attention(nt_isa isa);
void check_cache(nt_isa isa);
void check_sample(nt_isa isa);
void check_pack_weights(void);
void check_pool(void);

extern int check_failures;

// Prints the line and counts a failure unless ok.
void check_report(int ok, const char *format, ...) __attribute__((format(printf, 2, 3)));

// Uniform in [-1, 1), the same sequence in each run.
float check_random(void);
nt_u32 check_random_below(nt_u32 bound);

// The storage types, written out bit by bit so that the reference shares nothing with the kernels.
float check_load(const void *p, nt_i64 index, nt_i32 dtype);
void check_store(void *p, nt_i64 index, double value, nt_i32 dtype);
const char *check_dtype_name(nt_i32 dtype);
nt_i64 check_dtype_bytes(nt_i32 dtype);
// The relative error of rounding to the type.
double check_dtype_epsilon(nt_i32 dtype);

// Zeroed memory for `count` elements that ends where its page ends, so that reading or writing behind it is found: the
// next page is not accessible. Freed by check_free_all.
void *check_array(nt_i64 count, nt_i32 dtype);
void check_fill(void *p, nt_i64 count, nt_i32 dtype);
void check_free_all(void);

// Runs one launch on a pool of `workers`; pools are kept.
void check_run(nt_u32 workers, nt_cpu_kernel kernel, const void *arguments);

#endif
