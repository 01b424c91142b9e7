// Fronts of a row that may be long, and the draw out of a whole row.
#ifndef NEEDLETAIL_CUDA_SAMPLE_LONG_CUH
#define NEEDLETAIL_CUDA_SAMPLE_LONG_CUH
#include "sampling/sample_cut.cuh"
#include "sampling/sample_front.cuh"
#include "sampling/sample_load.cuh"

// A front of the row: as a list in block 0 that holds it, or by what is kept.
struct sample_front {
  int listed;  // 0: there is no list
  sample_kept kept;
};

// The parts of the values from the largest one to the least, or down to `reach` below it.
__device__ __forceinline__ sample_parts sample_row_parts(sample_row &row, float top, float reach) {
  float least = SAMPLE_LARGEST;
  SAMPLE_EACH_FAST(row, four, index, {
    for (int i = 0; i < 4; i++) least = four[i] > SAMPLE_NONE ? fminf(four[i], least) : least;
  })
  const float bottom = sample_key_value(sample_row_minimum(row, sample_key(least)));
  return sample_parts_of(top, bottom > top - reach ? bottom : top - reach);
}

// The `wanted` largest values; a list may hold more.
SAMPLE_CALL sample_front sample_front_of_count(sample_row &row, nt_u32 largest, nt_i64 wanted) {
  const sample_kept every = {0, SAMPLE_EVERY_ID};
  const sample_parts parts = sample_row_parts(row, sample_key_value(largest), 100.0f);
  sample_clear_histogram(row);
  SAMPLE_EACH(row, four, index, {
    for (int i = 0; i < 4; i++)
      if (four[i] > SAMPLE_NONE) sample_count(row, sample_part(four[i], parts), 1);
  })
  const sample_reached reached = sample_reach(row, wanted);
  int listed = sample_gather(row, every, parts, 0, reached.bucket);
  if (listed <= SAMPLE_LIST) return {listed, every};
  const sample_kept kept = sample_cut(row, parts, reached, every, {true, {0, 0}});
  if (wanted > SAMPLE_LIST) return {0, kept};
  listed = sample_gather(row, kept, parts, 0, SAMPLE_BUCKETS);
  return {listed, kept};
}

// The largest values within `within` whose masses reach the goal.
SAMPLE_CALL sample_front sample_front_of_mass(
  sample_row &row, nt_u32 largest, sample_weighing weighing, nt_u64 goal, sample_kept within) {
  // Weights below 2^-41 have no mass.
  const sample_parts parts = sample_row_parts(row, sample_key_value(largest), 30.0f / weighing.scale);
  sample_clear_histogram(row);
  SAMPLE_EACH(row, four, index, {
    for (int i = 0; i < 4; i++)
      if (sample_keeps(within, four[i], row.first + index + i)) {
        const nt_u64 mass = weighing.mass(four[i]);
        if (mass) sample_count(row, sample_part(four[i], parts), mass);
      }
  })
  const sample_reached reached = sample_reach(row, goal);
  return {0, sample_cut(row, parts, reached, within, {false, weighing})};
}

SAMPLE_CALL nt_u64 sample_total(sample_row &row, sample_weighing weighing, sample_kept within) {
  nt_u64 sum = 0;
  SAMPLE_EACH(row, four, index, {
    for (int i = 0; i < 4; i++)
      if (sample_keeps(within, four[i], row.first + index + i)) sum += weighing.mass(four[i]);
  })
  return sample_row_sums(row, {sample_warp_sum(sum), 0, 0}).total.a;
}

// Draws by mass in the order of ids out of all tokens that are kept and that min-p leaves. True for the one thread that
// has the token.
SAMPLE_CALL bool sample_draw_of_row(
  sample_row &row, const nt_sampling_row &parameters, sample_weighing weighing, sample_kept kept, nt_i32 &token) {
  const float least = parameters.min_p > 1 ? 1 : parameters.min_p;
  const bool keeps_all = kept.key == 0 && !(least > 0);
  // The weight, or 0 of what is left out.
  const auto weight_of = [&](float value, nt_i64 id) {
    const float weight = weighing.weight(value);
    return keeps_all || (!(weight < least) && sample_keeps(kept, value, id)) ? weight : 0.0f;
  };
  sample_mass sum = {0, 0};
  SAMPLE_EACH_FAST(row, four, index, {
    for (int i = 0; i < 4; i++) sum.add(weight_of(four[i], row.first + index + i));
  })
  const nt_u64 own = sample_warp_sum(sum.value());
  const sample_sums sums = sample_row_sums(row, {own, 0, 0});
  const nt_u64 place = sample_place(parameters.seed, parameters.position, sums.total.a);
  if (place < sums.before || place >= sums.before + own) return false;
  // The warp that has it: first which 128 tokens, then which of them.
  nt_u64 before = sums.before;
  int group = 0;
  for (int start = 0; start < row.chunk; start += 8 * 128) {
    nt_u64 masses[8];
#pragma unroll
    for (int j = 0; j < 8; j++) {
      const int index = start + j * 128 + threadIdx.x % 32 * 4;
      sample_mass mass = {0, 0};
      if (start + j * 128 < row.chunk)
        for (int i = 0; i < 4; i++) mass.add(weight_of(row.values[index + i], row.first + index + i));
      masses[j] = sample_warp_sum(mass.value());
    }
    bool found = false;
#pragma unroll
    for (int j = 0; j < 8; j++)
      if (!found) {
        if (place < before + masses[j]) {
          found = true;
          group = start + j * 128;
        } else {
          before += masses[j];
        }
      }
    if (found) break;
  }
  const int index = group + threadIdx.x % 32 * 4;
  nt_u64 masses[4], mine = 0;
#pragma unroll
  for (int i = 0; i < 4; i++) {
    sample_mass mass = {0, 0};
    mass.add(weight_of(row.values[index + i], row.first + index + i));
    masses[i] = mass.value();
    mine += masses[i];
  }
  nt_u64 start = before + sample_warp_scan(mine) - mine;
  if (place < start || place >= start + mine) return false;
  int i = 0;
#pragma unroll
  for (int j = 0; j < 3; j++)
    if (i == j && place >= start + masses[j]) start += masses[i++];
  token = (nt_i32)(row.first + index + i);
  return true;
}

#endif
