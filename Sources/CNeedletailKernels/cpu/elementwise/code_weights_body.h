// Codes of weights by rounding to the nearest (include/coded_matmul.h): each group of columns by itself, in as many
// rows
// as share scales.
#include "../../include/coded_matmul.h"
#include "../common/codes.h"
#include "../common/rows.h"

// Rounds a number to the storage of scales and writes it there.
static float store_scale(const nt_code_weights_arguments *a, nt_i64 index, float scale) {
  nt_store_one_as(a->scales, index, scale, a->scale_dtype);
  return nt_load_one_as(a->scales, index, a->scale_dtype);
}

typedef struct {
  float low, high;
  int is_finite;
} nt_extent;

static nt_extent find_extent(const nt_code_weights_arguments *a, nt_i64 row, nt_i64 rows, nt_i64 first, nt_i64 count) {
  nt_vec low = {}, high = {};
  nt_ivec strange = {};
  for (nt_i64 r = row; r < row + rows; r++) {
    const float *w = a->w + r * a->k + first;
    for (nt_i64 i = 0; i < count; i += NT_LANES) {
      const nt_vec v = nt_load_left(w + i, count - i);
      // Less than infinity, which not-a-number is not either.
      strange |= ~(nt_abs(v) < __builtin_inff());
      low = nt_min(v, low);
      high = nt_max(v, high);
    }
  }
  nt_extent extent = {-nt_maximum(-low), nt_maximum(high), 1};
  for (int lane = 0; lane < NT_LANES; lane++) extent.is_finite &= !strange[lane];
  return extent;
}

static void code_bytes(const nt_code_weights_arguments *a, nt_i64 row, nt_i64 rows, nt_i64 first, nt_i64 count,
                       float scale, const nt_i32 code) {
  for (nt_i64 r = row; r < row + rows; r++) {
    const float *w = a->w + r * a->k + first;
    nt_u8 *codes = (nt_u8 *)a->codes + r * a->row_bytes + first;
    for (nt_i64 i = 0; i < count; i += NT_LANES)
      nt_store_codes(codes + i, nt_load_left(w + i, count - i), count - i, scale, code);
  }
}

// c in 0 ... 15 for each of a row's group; the two of a byte are of one group.
static void code_nibbles(const nt_code_weights_arguments *a, nt_i64 row, nt_i64 first, nt_i64 count, float scale,
                         float zero) {
  const float *w = a->w + row * a->k + first;
  nt_u8 *codes = (nt_u8 *)a->codes + row * a->row_bytes + first / 2;
  for (nt_i64 i = 0; i < count; i += NT_LANES) {
    const nt_vec v = (nt_load_left(w + i, count - i) / nt_splat(scale) + 0x1.8p23f) - 0x1.8p23f;
    const nt_vec bounded = nt_max(nt_min(v + nt_splat(zero), nt_splat(15)), nt_splat(0));
    const nt_ivec c = __builtin_convertvector(bounded, nt_ivec);
    for (nt_i64 lane = 0; lane < NT_LANES && i + lane < count; lane += 2)
      codes[(i + lane) / 2] = (nt_u8)(c[lane] | (i + lane + 1 < count ? c[lane + 1] << 4 : 0));
  }
}

// To the nearest of 0, 0.5, 1, 1.5, 2, 3, 4, 6, of two as near the one with the even code.
static nt_u8 nearest_e2m1(float x) {
  const float m = x < 0 ? -x : x;
  const nt_u8 code =
    m <= .25f ? 0 : m < .75f ? 1 : m <= 1.25f ? 2 : m < 1.75f ? 3 : m <= 2.5f ? 4 : m < 3.5f ? 5 : m <= 5 ? 6 : 7;
  return (nt_u8)(code | (x < 0 && code ? 8 : 0));
}

static void code_group(const nt_code_weights_arguments *a, nt_i64 row, nt_i64 rows, nt_i64 scale_row, nt_i64 g,
                       nt_i64 groups, nt_i64 first, nt_i64 count) {
  const nt_extent e = find_extent(a, row, rows, first, count);
  if (!e.is_finite) __atomic_store_n(a->strange_rows, 1, __ATOMIC_RELAXED);
  const float largest = -e.low > e.high ? -e.low : e.high, some = largest < 1e-12f ? 1e-12f : largest;
  const nt_i64 place = scale_row * groups + g;
  switch (a->code) {
    case NT_I8: code_bytes(a, row, rows, first, count, store_scale(a, place, some / 127), NT_I8); break;
    case NT_F8E4M3: code_bytes(a, row, rows, first, count, store_scale(a, place, some / 448), NT_F8E4M3); break;
    case NT_U4: {
      // 16-bit scales of tiny groups would be zero.
      const float range = a->zeros ? e.high - e.low : 2 * largest;
      const float scale = store_scale(a, place, (range < 1e-5f ? 1e-5f : range) / 15);
      float zero = 8;
      if (a->zeros) {
        zero = (-e.low / scale + 0x1.8p23f) - 0x1.8p23f;
        zero = zero > 15 ? 15 : zero;
        a->zeros[place] = (nt_u8)zero;
      }
      code_nibbles(a, row, first, count, scale, zero);
      break;
    }
    default: {
      // The largest number gets the exponent of the largest code.
      nt_u32 bits;
      memcpy(&bits, &some, 4);
      const int exponent = (int)(bits >> 23 & 255) - 2, bounded = exponent < 1 ? 1 : exponent;
      ((nt_u8 *)a->scales)[place] = (nt_u8)bounded;
      const nt_u32 inverse_bits = (nt_u32)(254 - bounded) << 23;
      float inverse;
      memcpy(&inverse, &inverse_bits, 4);
      const float *w = a->w + row * a->k + first;
      nt_u8 *codes = (nt_u8 *)a->codes + row * a->row_bytes + first / 2;
      for (nt_i64 i = 0; i < count; i += 2)
        codes[i / 2] = (nt_u8)(nearest_e2m1(w[i] * inverse) |
                               (i + 1 < count ? nearest_e2m1(w[i + 1] * inverse) << 4 : 0));
    }
  }
}

void NT_KERNEL(code_weights)(const void *arguments, const nt_task *task) {
  const nt_code_weights_arguments *a = arguments;
  const nt_i64 group = a->group > 0 ? a->group : a->k, groups = (a->k + group - 1) / group;
  const nt_i64 blocks = (a->rows + a->rows_per_scale - 1) / a->rows_per_scale;
  const nt_share share = nt_worker_share(blocks, task);
  for (nt_i64 block = share.first; block < share.end; block++) {
    const nt_i64 row = block * a->rows_per_scale;
    const nt_i64 rows = a->rows - row < a->rows_per_scale ? a->rows - row : a->rows_per_scale;
    for (nt_i64 g = 0; g < groups; g++)
      code_group(a, row, rows, block, g, groups, g * group, a->k - g * group < group ? a->k - g * group : group);
  }
}
