// The passes over the whole vocabulary that sampling is made of. Arrays are padded to whole vectors with -infinity.
#ifndef NEEDLETAIL_SAMPLE_PASSES_H
#define NEEDLETAIL_SAMPLE_PASSES_H
#include "../common/rows.h"
#include "../common/vector_math.h"
#include "sample_numbers.h"

#define SAMPLE_LARGEST 0x1.fffffep127f
#define SAMPLE_NONE (-__builtin_inff())
// Elements whose masses are summed together, to find a draw's place without going over all.
#define SAMPLE_BLOCK 1024
// Vectors whose lanes' maxima are kept: k groups with a maximum of at least t hold k elements of at least t.
#define SAMPLE_GROUP 64

NT_INLINE nt_i64 sample_padded(nt_i64 count) { return (count + 15) / 16 * 16; }

NT_INLINE nt_ivec sample_lane_numbers(void) {
  static const nt_i32 numbers[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  nt_ivec lanes;
  memcpy(&lanes, numbers, sizeof(lanes));
  return lanes;
}

NT_INLINE int sample_any(nt_ivec mask) {
#if defined(NT_AVX512)
  return _mm512_movepi32_mask((__m512i)mask) != 0;
#elif defined(NT_AVX2)
  return _mm256_movemask_ps((__m256)mask) != 0;
#elif defined(NT_NEON)
  return vmaxvq_u32((uint32x4_t)mask) != 0;
#else
  nt_u64 halves[NT_LANES / 2];
  memcpy(halves, &mask, sizeof(mask));
  return (halves[0] | halves[1]) != 0;
#endif
}

// Not a number is -infinity, infinity the largest number.
NT_INLINE nt_vec sample_clean(nt_vec x) {
  x = x == x ? x : nt_splat(SAMPLE_NONE);
  return nt_min(x, nt_splat(SAMPLE_LARGEST));
}

// Clean logits to `values`; tokens that the mask (or null) leaves out get -infinity.
static void sample_copy(float *values, const float *logits, nt_i64 count, const nt_u32 *mask) {
  nt_uvec lanes = (nt_uvec)sample_lane_numbers();
  for (nt_i64 i = 0; i < sample_padded(count); i += NT_LANES) {
    nt_i64 left = count - i;
    nt_vec x = nt_splat(SAMPLE_NONE);
    if (left >= NT_LANES) x = sample_clean(nt_load(logits + i));
    else if (left > 0) {
      nt_ivec inside = sample_lane_numbers() < (nt_i32)left;
      x = nt_select(inside, sample_clean(nt_load_part(logits + i, left)), x);
    }
    if (mask && left > 0) {
      nt_uvec word = (nt_uvec){} + (mask[i / 32] >> (i % 32));
      x = nt_select((nt_ivec)(((word >> lanes) & 1) != 0), x, nt_splat(SAMPLE_NONE));
    }
    nt_store(values + i, x);
  }
}

// The largest value; groups receives the maxima of disjoint groups of at most SAMPLE_GROUP elements, as many as
// returned in *group_count.
static float sample_maxima(const float *values, nt_i64 count, float *groups, nt_i64 *group_count) {
  nt_vec highest = nt_splat(SAMPLE_NONE);
  nt_i64 written = 0;
  for (nt_i64 i = 0; i < count; i += SAMPLE_GROUP * NT_LANES) {
    nt_i64 end = i + SAMPLE_GROUP * NT_LANES < count ? i + SAMPLE_GROUP * NT_LANES : count;
    nt_vec tops[4] = {nt_splat(SAMPLE_NONE), nt_splat(SAMPLE_NONE), nt_splat(SAMPLE_NONE), nt_splat(SAMPLE_NONE)};
    nt_i64 j = i;
    for (; j + 4 * NT_LANES <= end; j += 4 * NT_LANES)
      for (int k = 0; k < 4; k++) tops[k] = nt_max(tops[k], nt_load(values + j + k * NT_LANES));
    for (; j < end; j += NT_LANES) tops[0] = nt_max(tops[0], nt_load(values + j));
    nt_vec top = nt_max(nt_max(tops[0], tops[1]), nt_max(tops[2], tops[3]));
    nt_store(groups + written, top);
    written += NT_LANES;
    highest = nt_max(highest, top);
  }
  *group_count = written;
  return nt_maximum(highest);
}

// The lowest index of a value, which must occur.
static nt_i64 sample_find(const float *values, nt_i64 count, float value) {
  nt_i64 i = 0;
  while (i + NT_LANES < count && !sample_any(nt_load(values + i) == nt_splat(value))) i += NT_LANES;
  while (i + 1 < count && values[i] != value) i += 1;
  return i;
}

// The lowest index of the largest logit in one pass; 0 where all are -infinity.
static nt_i64 sample_argmax(const float *logits, nt_i64 count) {
  nt_vec best[4];
  nt_ivec index[4];
  for (int k = 0; k < 4; k++) {
    best[k] = nt_splat(SAMPLE_NONE);
    index[k] = (nt_ivec){};
  }
  nt_ivec lanes = sample_lane_numbers();
  nt_i64 i = 0;
  for (; i + 4 * NT_LANES <= count; i += 4 * NT_LANES)
    for (int k = 0; k < 4; k++) {
      // With the operands in this order not a number stays one, and is larger than nothing.
      nt_vec x = nt_min(nt_splat(SAMPLE_LARGEST), nt_load(logits + i + k * NT_LANES));
      nt_ivec larger = x > best[k];
      best[k] = nt_select(larger, x, best[k]);
      index[k] = larger ? lanes + (nt_i32)(i + k * NT_LANES) : index[k];
    }
  float value = SAMPLE_NONE;
  nt_i64 found = 0;
  for (int k = 0; k < 4; k++)
    for (int j = 0; j < NT_LANES; j++)
      if (best[k][j] > value || (best[k][j] == value && index[k][j] < found && value > SAMPLE_NONE)) {
        value = best[k][j];
        found = index[k][j];
      }
  for (; i < count; i++) {
    float x = logits[i] > SAMPLE_LARGEST ? SAMPLE_LARGEST : logits[i];
    if (x > value) {
      value = x;
      found = i;
    }
  }
  return found;
}

// weights = exp((values - maximum) * scale); returns the sum of their masses. blocks (or null) receives the sums of
// each SAMPLE_BLOCK elements.
static nt_i64 sample_weights(
  float *weights, const float *values, nt_i64 count, float maximum, float scale, nt_i64 *blocks) {
  nt_i64 total = 0;
  for (nt_i64 i = 0; i < count; i += SAMPLE_BLOCK) {
    nt_i64 end = i + SAMPLE_BLOCK < count ? i + SAMPLE_BLOCK : sample_padded(count);
    sample_masses sums = {};
    for (nt_i64 j = i; j < end; j += NT_LANES) {
      nt_vec x = nt_load(values + j);
      nt_vec weight = nt_exp((x - maximum) * scale);
      weight = x > SAMPLE_NONE ? weight : nt_splat(0);
      nt_store(weights + j, weight);
      sample_add_masses(&sums, weight);
    }
    nt_i64 sum = 0;
    for (int j = 0; j < NT_LANES; j++) sum += sums[j];
    if (blocks) blocks[i / SAMPLE_BLOCK] = sum;
    total += sum;
  }
  return total;
}

// The sum of the masses of the weights that are at least `least`.
static nt_i64 sample_mass_above(const float *weights, nt_i64 count, float least) {
  sample_masses sums = {};
  for (nt_i64 i = 0; i < count; i += NT_LANES) {
    nt_vec x = nt_load(weights + i);
    nt_ivec kept = x >= nt_splat(least);
    if (sample_any(kept)) sample_add_masses(&sums, nt_select(kept, x, nt_splat(0)));
  }
  nt_i64 total = 0;
  for (int j = 0; j < NT_LANES; j++) total += sums[j];
  return total;
}

#endif
