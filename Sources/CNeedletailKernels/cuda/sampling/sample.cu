// Chooses a token for each row that asks for more than its largest logit (sample.h): the same tokens as the CPU device for
// the same seeds, without sorting the vocabulary.
//
// A row lies in the shared memory of a cluster's blocks and is read from there as often as needed. Few tokens can be in
// the front that top-k or top-p keeps: a histogram over parts of the values' range bounds it, what is left is gathered in
// one block, sorted and drawn from. Where too many are left (a flat distribution, many ties) the blocks find the exact cut
// together. Rows of sample_greedy end at once.
//
// NT_BLOCKS: blocks of a row, a cluster (1: no clusters). NT_WARPS: warps of a block. NT_IN_SHARED: 1: a block's part of
// the row lies behind sample_shared; 0: in the workspace, padded to what the warps share (for rows that are too long, and
// GPUs without clusters).
#include "sample_cuda.h"
#include "common/launch.cuh"
#include "sampling/sample_list.cuh"
#include "sampling/sample_load.cuh"

struct sample_range {
  nt_u64 best;         // key of the largest value and complement of its lowest id; 0: there is no finite value
  float largest;       // of the thread's own
  float least_group;   // the least of the threads' largest values
  float least;         // the least value
};

SAMPLE_CALL sample_range sample_range_of(sample_row &row) {
  nt_u64 best = 0;
  float largest = SAMPLE_NONE, least = SAMPLE_LARGEST;
  SAMPLE_EACH(row, four, index, {
    for (int i = 0; i < 4; i++) {
      if (!(four[i] > SAMPLE_NONE)) continue;
      if (four[i] > largest) {
        largest = four[i];
        best = 0xffffffffu - (nt_u32)(row.first + index + i);
      }
      least = four[i] < least ? four[i] : least;
    }
  })
  const bool any = largest > SAMPLE_NONE;
  if (any) best |= (nt_u64)sample_key(largest) << 32;
  const nt_u64 group = any ? sample_key(largest) : 0xffffffffu;
  const sample_pair pair = sample_reduce(
    row, {best, group << 32 | sample_key(least)}, [](sample_pair x, sample_pair y) -> sample_pair {
      const nt_u32 group_x = (nt_u32)(x.b >> 32), group_y = (nt_u32)(y.b >> 32);
      const nt_u32 least_x = (nt_u32)x.b, least_y = (nt_u32)y.b;
      return {x.a > y.a ? x.a : y.a, (nt_u64)(group_x < group_y ? group_x : group_y) << 32 |
                                       (least_x < least_y ? least_x : least_y)};
    });
  return {pair.a, largest, sample_key_value((nt_u32)(pair.b >> 32)), sample_key_value((nt_u32)pair.b)};
}

__device__ __forceinline__ float sample_largest(const sample_range &range) {
  return range.best ? sample_key_value((nt_u32)(range.best >> 32)) : SAMPLE_NONE;
}
__device__ __forceinline__ nt_i32 sample_largest_id(const sample_range &range) {
  return range.best ? (nt_i32)(0xffffffffu - (nt_u32)range.best) : 0;
}

// A front of the row: as a list in block 0 that holds it, or by what is kept.
struct sample_front {
  int listed;  // 0: there is no list
  sample_kept kept;
};

// The `wanted` largest values; a list may hold more.
SAMPLE_CALL sample_front sample_front_of_count(sample_row &row, const sample_range &range, nt_i64 wanted) {
  const sample_kept every = {0, SAMPLE_EVERY_ID};
  const float top = sample_largest(range);
  // As many threads have a value of at least some bound as have their largest one above it.
  sample_parts parts = sample_parts_of(top, range.least_group);
  sample_clear_histogram(row);
  if (range.largest > SAMPLE_NONE) sample_count(row, sample_part(range.largest, parts), 1);
  __syncthreads();
  sample_reached reached = sample_reach(row, wanted);
  int listed = sample_gather(row, [&](float value, nt_i64) { return sample_part(value, parts) <= reached.bucket; });
  if (listed <= SAMPLE_LIST) return {listed, every};
  parts = sample_parts_of(top, range.least > top - 100.0f ? range.least : top - 100.0f);
  sample_clear_histogram(row);
  SAMPLE_EACH(row, four, index, {
    for (int i = 0; i < 4; i++)
      if (four[i] > SAMPLE_NONE) sample_count(row, sample_part(four[i], parts), 1);
  })
  __syncthreads();
  reached = sample_reach(row, wanted);
  listed = sample_gather(row, [&](float value, nt_i64) { return sample_part(value, parts) <= reached.bucket; });
  if (listed <= SAMPLE_LIST) return {listed, every};
  const sample_kept kept = sample_cut(row, parts, reached, every, [](float) -> nt_u64 { return 1; });
  if (wanted > SAMPLE_LIST) return {0, kept};
  listed = sample_gather(row, [&](float value, nt_i64 id) { return sample_keeps(kept, value, id); });
  return {listed, kept};
}

// The largest values within `within` whose masses reach the goal.
SAMPLE_CALL sample_front sample_front_of_mass(
  sample_row &row, const sample_range &range, sample_weighing weighing, nt_u64 goal, sample_kept within) {
  // Weights below 2^-41 have no mass.
  const float reach = 30.0f / weighing.scale, top = sample_largest(range);
  const sample_parts parts = sample_parts_of(top, range.least > top - reach ? range.least : top - reach);
  sample_clear_histogram(row);
  SAMPLE_EACH(row, four, index, {
    for (int i = 0; i < 4; i++)
      if (sample_keeps(within, four[i], row.first + index + i)) {
        const nt_u64 mass = sample_mass_of(four[i], weighing);
        if (mass) sample_count(row, sample_part(four[i], parts), mass);
      }
  })
  __syncthreads();
  const sample_reached reached = sample_reach(row, goal);
  const int listed = sample_gather(row, [&](float value, nt_i64 id) {
    return sample_keeps(within, value, id) && sample_part(value, parts) <= reached.bucket;
  });
  if (listed <= SAMPLE_LIST) return {listed, within};
  return {0, sample_cut(row, parts, reached, within, [&](float value) { return sample_mass_of(value, weighing); })};
}

SAMPLE_CALL nt_u64 sample_total(sample_row &row, sample_weighing weighing, sample_kept within) {
  nt_u64 sum = 0;
  SAMPLE_EACH(row, four, index, {
    for (int i = 0; i < 4; i++)
      if (sample_keeps(within, four[i], row.first + index + i)) sum += sample_mass_of(four[i], weighing);
  })
  return sample_reduce(row, {sum, 0}, sample_add).a;
}

// What to take from a logit for its log-probability in the model's own distribution; writes the list of likely tokens.
SAMPLE_CALL double sample_logprobs(
  sample_row &row, const nt_sample_arguments &a, const nt_sampling_row &parameters, nt_i64 at) {
  const sample_range range = sample_range_of(row);
  const float maximum = sample_largest(range);
  const nt_u64 total = range.best ? sample_total(row, {maximum, 1}, {0, SAMPLE_EVERY_ID}) : 0;
  const double base = maximum + (total > 0 ? sample_log((double)total) - SAMPLE_LOG_MASS_ONE : 0);
  const int wanted = range.best ? sample_listed(parameters, a) : 0;
  int listed = wanted > 0 ? sample_front_of_count(row, range, wanted).listed : 0;
  if (row.rank != 0 || a.max_top <= 0) return base;
  if (listed > 0) sample_sort(row.shared, listed);
  listed = listed < wanted ? listed : wanted;
  for (int i = threadIdx.x; i < a.max_top; i += NT_THREADS) {
    const int place = i < listed ? (int)(nt_u32)row.shared->order[i] : 0;
    a.top_tokens[at * a.max_top + i] = i < listed ? row.shared->ids[place] : -1;
    a.top_logprobs[at * a.max_top + i] = i < listed ? (float)(row.shared->list[place] - base) : SAMPLE_NONE;
  }
  __syncthreads();
  return base;
}

// True for the one thread of the row that has the token.
SAMPLE_CALL bool sample_draw(
  sample_row &row, const sample_range &range, const nt_sampling_row &parameters, nt_i64 vocabulary, nt_i32 &token) {
  const sample_weighing weighing = {
    sample_largest(range), parameters.temperature < 1e30f ? __frcp_rn(parameters.temperature) : 1e-30f};
  const bool has_top_k = parameters.top_k > 0 && parameters.top_k < vocabulary, has_top_p = parameters.top_p < 1;
  sample_front front = {0, {0, SAMPLE_EVERY_ID}};
  nt_u64 total = 0;
  if (has_top_k) front = sample_front_of_count(row, range, parameters.top_k);
  if (!front.listed && has_top_p) {
    total = sample_total(row, weighing, front.kept);
    front = sample_front_of_mass(row, range, weighing, sample_goal(parameters.top_p, total), front.kept);
    if (front.listed)
      return row.rank == 0 && (sample_sort(row.shared, front.listed),
                               sample_draw_of_list(row.shared, front.listed, parameters, weighing, false, total, token));
  }
  if (front.listed)
    return row.rank == 0 && (sample_sort(row.shared, front.listed),
                             sample_draw_of_list(row.shared, front.listed, parameters, weighing, true, 0, token));
  const float least = parameters.min_p > 1 ? 1 : parameters.min_p;
  return sample_draw_of_row(row, parameters, weighing, [&](float value, float weight, nt_i64 id) {
    return !(weight < least) && sample_keeps(front.kept, value, id);
  }, token);
}

extern "C" __global__ void __launch_bounds__(NT_THREADS)
sample(const __grid_constant__ nt_sample_cuda_arguments arguments) {
  extern __shared__ __align__(16) char memory[];
  const nt_sample_arguments &a = arguments.sample;
  const nt_i64 at = blockIdx.x / NT_BLOCKS;
  sample_shared *shared = (sample_shared *)memory;
  const int warp = threadIdx.x / 32, rank = blockIdx.x % NT_BLOCKS;
  const int chunk = (int)((a.vocabulary + NT_BLOCKS * NT_WARPS * 128 - 1) / (NT_BLOCKS * NT_WARPS * 128) * 128);
#if NT_IN_SHARED
  float *values = (float *)(shared + 1) + warp * chunk;
#else
  float *values = (float *)arguments.workspace + (at * NT_WARPS + warp) * chunk;
#endif
  sample_row row = {shared, values, (nt_i64)(rank * NT_WARPS + warp) * chunk, chunk, rank, 0};
  nt_let_successors_start();
  nt_wait_for_predecessors();
  if (at >= a.rows) return;
  const nt_sampling_row parameters = a.parameters[at];
  if (sample_is_plain(parameters, a)) return;

  const float *logits = a.logits + at * a.logits_stride;
  sample_load(row, logits, a.vocabulary);
  double base = 0;
  if (sample_wants_logprobs(parameters, a)) base = sample_logprobs(row, a, parameters, at);
  if (sample_has_edits(parameters)) sample_edit(row, a, parameters);
  const sample_range range = sample_range_of(row);

  nt_i32 token = 0;
  bool chosen;
  if (!range.best && sample_has_edits(parameters)) {
    chosen = rank == 0 && (token = sample_fallback(shared, a, parameters), threadIdx.x == 0);
  } else if (!range.best || sample_is_greedy(parameters)) {
    token = sample_largest_id(range);
    chosen = rank == 0 && threadIdx.x == 0;
  } else {
    chosen = sample_draw(row, range, parameters, a.vocabulary, token);
  }
  if (chosen) {
    a.tokens[at] = token;
    if (parameters.wants_logprob) a.logprobs[at] = (float)((double)sample_clean(logits[token]) - base);
  }
  // Others may still read this block's memory.
  sample_sync();
}
