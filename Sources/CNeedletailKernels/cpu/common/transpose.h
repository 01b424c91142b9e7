// Transposes NT_LANES vectors of NT_LANES 32-bit lanes in registers.
#ifndef NEEDLETAIL_TRANSPOSE_H
#define NEEDLETAIL_TRANSPOSE_H
#include "vector.h"

// A stage swaps, in each pair of rows `step` apart, the lanes whose bit `step` differs from the row's.
#define NT_TRANSPOSE_LOW(lane, step) ((lane) & (step) ? NT_LANES + (lane) - (step) : (lane))
#define NT_TRANSPOSE_HIGH(lane, step) ((lane) & (step) ? NT_LANES + (lane) : (lane) + (step))
#define NT_TRANSPOSE_4(pick, first, step) \
  pick(first, step), pick(first + 1, step), pick(first + 2, step), pick(first + 3, step)
#if NT_LANES == 16
#define NT_TRANSPOSE_LANES(pick, step) \
  NT_TRANSPOSE_4(pick, 0, step), NT_TRANSPOSE_4(pick, 4, step), NT_TRANSPOSE_4(pick, 8, step), \
    NT_TRANSPOSE_4(pick, 12, step)
#elif NT_LANES == 8
#define NT_TRANSPOSE_LANES(pick, step) NT_TRANSPOSE_4(pick, 0, step), NT_TRANSPOSE_4(pick, 4, step)
#else
#define NT_TRANSPOSE_LANES(pick, step) NT_TRANSPOSE_4(pick, 0, step)
#endif

#define NT_TRANSPOSE_STAGE(rows, step) \
  _Pragma("clang loop unroll(full)") for (int i = 0; i < NT_LANES; i++) { \
    if (i & (step)) continue; \
    nt_vec first = rows[i], second = rows[i + (step)]; \
    rows[i] = __builtin_shufflevector(first, second, NT_TRANSPOSE_LANES(NT_TRANSPOSE_LOW, step)); \
    rows[i + (step)] = __builtin_shufflevector(first, second, NT_TRANSPOSE_LANES(NT_TRANSPOSE_HIGH, step)); \
  }

NT_INLINE void nt_transpose(nt_vec rows[NT_LANES]) {
#if NT_LANES == 16
  NT_TRANSPOSE_STAGE(rows, 8)
#endif
#if NT_LANES >= 8
  NT_TRANSPOSE_STAGE(rows, 4)
#endif
  NT_TRANSPOSE_STAGE(rows, 2)
  NT_TRANSPOSE_STAGE(rows, 1)
}

#endif
