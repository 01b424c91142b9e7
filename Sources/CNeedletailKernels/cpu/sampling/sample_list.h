// A list of tokens in the order of their ids, and the cuts that make it shorter. Nothing here sorts the vocabulary.
#ifndef NEEDLETAIL_SAMPLE_LIST_H
#define NEEDLETAIL_SAMPLE_LIST_H
#include "sample_passes.h"

typedef struct {
  nt_i64 count;
  nt_i32 *ids;
  float *values;      // logits
  float *weights;     // exp of them, the largest is 1
  nt_i32 *members;    // for sample_cut
  nt_i64 *histogram;  // [SAMPLE_BUCKETS]
} sample_list;

#define SAMPLE_BUCKETS 2048

// Makes the list of the tokens with keys[i] >= least and a finite value, out of arrays over the vocabulary. The list
// takes the place of these arrays: an entry moves to the front only. has_weights: weights hold something to be moved.
static void sample_collect(sample_list *list, const float *keys, float least, nt_i64 vocabulary, int has_weights) {
  nt_i64 count = 0;
  for (nt_i64 i = 0; i < vocabulary; i += NT_LANES) {
    nt_vec values = nt_load(list->values + i);
    nt_ivec kept = (nt_load(keys + i) >= nt_splat(least)) & (values > nt_splat(SAMPLE_NONE));
    if (!sample_any(kept)) continue;
#if defined(NT_AVX512)
    __mmask16 mask = _mm512_movepi32_mask((__m512i)kept);
    __m512 weights = _mm512_loadu_ps(list->weights + i);
    nt_ivec ids = sample_lane_numbers() + (nt_i32)i;
    // Full stores of compressed registers: what lies behind the list is dead by then (i >= count).
    _mm512_storeu_si512(list->ids + count, _mm512_maskz_compress_epi32(mask, (__m512i)ids));
    _mm512_storeu_ps(list->values + count, _mm512_maskz_compress_ps(mask, (__m512)values));
    if (has_weights) _mm512_storeu_ps(list->weights + count, _mm512_maskz_compress_ps(mask, weights));
    count += __builtin_popcount(mask);
#else
    for (nt_i64 j = i; j < i + NT_LANES; j++) {
      if (!kept[j - i]) continue;
      list->ids[count] = (nt_i32)j;
      list->values[count] = list->values[j];
      if (has_weights) list->weights[count] = list->weights[j];
      count += 1;
    }
#endif
  }
  list->count = count;
}

// What an entry adds to a measure of the list: its mass, or one.
NT_INLINE nt_i64 sample_measure(const sample_list *list, nt_i64 i, const int counts) {
  return counts ? 1 : sample_mass(list->weights[i]);
}

// The first bucket with which the sum of buckets reaches *goal; takes the sum of those before it from *goal.
NT_INLINE nt_i32 sample_reach(const nt_i64 *histogram, nt_i64 *goal) {
  nt_i32 bucket = 0;
  while (bucket + 1 < SAMPLE_BUCKETS && histogram[bucket] < *goal) *goal -= histogram[bucket++];
  return bucket;
}

// Which of SAMPLE_BUCKETS equal parts of the range below `top` holds a value, the highest first.
NT_INLINE nt_i32 sample_part(float value, float top, float scale) {
  float part = (top - value) * scale;
  return part < SAMPLE_BUCKETS - 1 ? (nt_i32)part : SAMPLE_BUCKETS - 1;
}

// Keeps the shortest front of the list, sorted by value (descending) and id (ascending), that measures at least `goal`:
// the sum of its entries' masses, or with `counts` their number. The whole list must measure as much. The part of the
// values' range in which the front ends is found first; a radix search over the keys of the entries in it then gives
// the last value kept, and what of the goal its ties are to bring.
NT_INLINE void sample_cut_by(sample_list *list, nt_i64 goal, const int counts) {
  nt_i64 *histogram = list->histogram, member_count = 0;
  float top = list->values[0], bottom = top;
  for (nt_i64 i = 1; i < list->count; i++) {
    top = list->values[i] > top ? list->values[i] : top;
    bottom = list->values[i] < bottom ? list->values[i] : bottom;
  }
  // Scale 0, one part for all, where the values are equal or too far apart.
  float scale = top - bottom > 1e-30f && top - bottom < 1e30f ? (float)(SAMPLE_BUCKETS - 1) / (top - bottom) : 0;
  nt_i32 part = 0;
  if (scale > 0) {
    memset(histogram, 0, SAMPLE_BUCKETS * sizeof(nt_i64));
    for (nt_i64 i = 0; i < list->count; i++)
      histogram[sample_part(list->values[i], top, scale)] += sample_measure(list, i, counts);
    part = sample_reach(histogram, &goal);
  }
  for (nt_i64 i = 0; i < list->count; i++) {
    list->members[member_count] = (nt_i32)i;
    member_count += scale > 0 ? sample_part(list->values[i], top, scale) == part : 1;
  }
  // Complemented keys ascend from the best value on; a prefix of one grows by 11, 11 and 10 bits.
  nt_u32 prefix = 0, mask = 0;
  for (int shift = 21; shift >= 0; shift -= shift == 21 ? 11 : 10) {
    nt_u32 field = shift == 0 ? 1023 : 2047;
    memset(histogram, 0, SAMPLE_BUCKETS * sizeof(nt_i64));
    for (nt_i64 j = 0; j < member_count; j++) {
      nt_i32 i = list->members[j];
      nt_u32 key = ~sample_key(list->values[i]);
      if ((key & mask) == prefix) histogram[(key >> shift) & field] += sample_measure(list, i, counts);
    }
    prefix |= (nt_u32)sample_reach(histogram, &goal) << shift;
    mask |= field << shift;
    if (shift == 0) break;
  }
  nt_i64 count = 0;
  for (nt_i64 i = 0; i < list->count; i++) {
    nt_u32 key = ~sample_key(list->values[i]);
    nt_i64 kept = key <= prefix;
    if (key == prefix) {
      kept = goal > 0;
      goal -= sample_measure(list, i, counts);
    }
    list->ids[count] = list->ids[i];
    list->values[count] = list->values[i];
    list->weights[count] = list->weights[i];
    count += kept;
  }
  list->count = count;
}
static void sample_cut(sample_list *list, nt_i64 goal, int counts) {
  if (counts) sample_cut_by(list, goal, 1);
  else sample_cut_by(list, goal, 0);
}

// A bound that at least `wanted` elements reach, from the maxima of groups (see sample_maxima): the wanted-th largest
// of them. -infinity where there are too few groups.
static float sample_bound(sample_list *scratch, const float *groups, nt_i64 group_count, nt_i64 wanted) {
  if (wanted > group_count) return SAMPLE_NONE;
  scratch->count = group_count;
  memcpy(scratch->values, groups, (size_t)group_count * sizeof(float));
  sample_cut(scratch, wanted, 1);
  float least = scratch->values[0];
  for (nt_i64 i = 1; i < scratch->count; i++) least = scratch->values[i] < least ? scratch->values[i] : least;
  return least;
}

// Sorts a short list by value (descending); ties stay in the order of ids.
static void sample_sort(sample_list *list) {
  for (nt_i64 i = 1; i < list->count; i++) {
    float value = list->values[i];
    nt_i32 id = list->ids[i];
    nt_i64 j = i;
    for (; j > 0 && list->values[j - 1] < value; j--) {
      list->values[j] = list->values[j - 1];
      list->ids[j] = list->ids[j - 1];
    }
    list->values[j] = value;
    list->ids[j] = id;
  }
}

#endif
