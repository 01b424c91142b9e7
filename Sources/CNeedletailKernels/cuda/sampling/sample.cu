// Chooses a token for each row that asks for more than its largest logit (sample.h): the same tokens as the CPU device
// for the same seeds, without sorting the vocabulary.
//
// A row lies in the shared memory of a cluster's blocks and is read from there as often as needed; the clusters share
// the rows. Tokens that may be in the front that top-k or top-p keeps are brought to one block, which sorts them and
// draws (sample_front.cuh, sample_list.cuh). Where they are too many (a flat distribution, many ties) the blocks find
// the cut together (sample_cut.cuh). Rows of sample_greedy are passed over.
//
// NT_BLOCKS: blocks of a row, a cluster (1: no clusters). NT_WARPS: warps of a block. NT_IN_SHARED: 1: a block's part
// of the row lies behind sample_shared; 0: in the workspace, padded to what the warps share (for rows that are too
// long, and GPUs without clusters).
#include "sample_cuda.h"
#include "common/launch.cuh"
#include "sampling/sample_long.cuh"

// Tokens of a block that top-p looks at first: mostly they have the mass.
#define SAMPLE_LIKELY (NT_BLOCKS > 1 ? 96 : 256)

// What to take from a logit for its log-probability in the model's own distribution; writes the list of likely tokens.
SAMPLE_CALL double sample_logprobs(
  sample_row &row, const nt_sample_arguments &a, const nt_sampling_row &parameters, nt_i64 at) {
  const int wanted = sample_listed(parameters, a);
  const sample_peak peak = sample_find_peak(row, wanted);
  double base = SAMPLE_NONE;
  int listed = 0;
  if (peak.largest) {
    const float maximum = sample_key_value(peak.largest);
    const sample_brought brought = sample_bring<true>(row, peak.bound, {maximum, 1});
    base = maximum + (brought.total > 0 ? sample_log((double)brought.total) - SAMPLE_LOG_MASS_ONE : 0);
    if (wanted > 0) {
      if (brought.count > 0) listed = row.rank == 0 ? sample_join(row.shared, brought, wanted) : 0;
      else listed = sample_front_of_count(row, peak.largest, wanted).listed;
    }
  }
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
__device__ __forceinline__ bool sample_draw(
  sample_row &row, sample_peak peak, const nt_sampling_row &parameters, bool has_top_k, nt_i32 &token) {
  const sample_weighing weighing = {
    sample_key_value(peak.largest), parameters.temperature < 1e30f ? __frcp_rn(parameters.temperature) : 1e-30f};
  const bool has_top_p = parameters.top_p < 1;
  sample_kept kept = {0, SAMPLE_EVERY_ID};
  int listed = 0;
  nt_u64 total = 0;
  if (has_top_k) {
    const sample_brought brought = sample_bring<false>(row, peak.bound, weighing);
    if (brought.count > 0) {
      if (row.rank != 0) return false;
      listed = sample_join(row.shared, brought, parameters.top_k);
    } else {
      const sample_front front = sample_front_of_count(row, peak.largest, parameters.top_k);
      listed = front.listed;
      kept = front.kept;
    }
  } else if (has_top_p) {
    const sample_brought brought = sample_bring<true>(row, peak.bound, weighing);
    total = brought.total;
    if (brought.count > 0 && brought.mass >= sample_goal(parameters.top_p, total)) {
      if (row.rank != 0) return false;
      listed = sample_join(row.shared, brought, 0);
    }
  }
  if (!listed && has_top_p) {
    if (has_top_k) total = sample_total(row, weighing, kept);
    const sample_front front = sample_front_of_mass(
      row, peak.largest, weighing, sample_goal(parameters.top_p, total), kept);
    listed = front.listed;
    kept = front.kept;
    has_top_k = false;
  }
  if (listed) {
    if (row.rank != 0) return false;
    sample_sort(row.shared, listed);
    return sample_draw_of_list(row.shared, listed, parameters, weighing, has_top_k, total, token);
  }
  return sample_draw_of_row(row, parameters, weighing, kept, token);
}

// The lowest id of the largest value.
__device__ __forceinline__ nt_i32 sample_largest_id(sample_row &row, nt_u32 largest) {
  nt_u32 id = 0xffffffffu;
  if (row.largest == largest) {
    SAMPLE_EACH(row, four, index, {
      for (int i = 3; i >= 0; i--)
        if (id >= (nt_u32)(row.first + index + i) && sample_key(four[i]) == largest)
          id = (nt_u32)(row.first + index + i);
    })
  }
  return (nt_i32)sample_row_minimum(row, id);
}

// Starts to copy the parameters of the next row.
__device__ __forceinline__ void sample_fetch_parameters(
  sample_shared *shared, const nt_sample_arguments &a, nt_i64 at, int turn) {
  constexpr int words = sizeof(nt_sampling_row) / 8;
  if (at < a.rows && threadIdx.x < words)
    asm volatile("cp.async.ca.shared.global [%0], [%1], 8;" ::"r"(
                   (nt_u32)__cvta_generic_to_shared((nt_u64 *)&shared->parameters[turn] + threadIdx.x)),
                 "l"((const nt_u64 *)(a.parameters + at) + threadIdx.x)
                 : "memory");
}

// `next` as in sample_row: it is on its way while the row is loaded.
__device__ __forceinline__ void sample_one(
  sample_row &row, const nt_sample_arguments &a, nt_i64 at, nt_i64 next, int turn) {
  const nt_sampling_row &parameters = row.shared->parameters[turn];
  if (sample_is_plain(parameters, a)) {
    row.next = next;
    sample_find_peak(row, 0);
    sample_fetch_parameters(row.shared, a, row.next, turn ^ 1);
    return;
  }
  const float *logits = a.logits + at * a.logits_stride;
  const bool is_greedy = sample_is_greedy(parameters);
  const bool has_top_k = parameters.top_k > 0 && parameters.top_k < a.vocabulary;
  sample_load(row, logits, a.vocabulary);
  row.next = next;
  double base = 0;
  if (sample_wants_logprobs(parameters, a)) base = sample_logprobs(row, a, parameters, at);
  if (sample_has_edits(parameters)) sample_edit(row, a, parameters);
  const sample_peak peak = sample_find_peak(
    row, is_greedy ? 0 : has_top_k ? parameters.top_k : parameters.top_p < 1 ? SAMPLE_LIKELY : 0);
  sample_fetch_parameters(row.shared, a, row.next, turn ^ 1);

  nt_i32 token = 0;
  bool chosen = row.rank == 0 && threadIdx.x == 0;
  if (!peak.largest) {
    if (row.rank == 0 && sample_has_edits(parameters)) token = sample_fallback(row.shared, a, parameters);
  } else if (is_greedy) {
    token = sample_largest_id(row, peak.largest);
  } else {
    chosen = sample_draw(row, peak, parameters, has_top_k, token);
  }
  if (chosen) {
    a.tokens[at] = token;
    if (parameters.wants_logprob) a.logprobs[at] = (float)((double)sample_clean(logits[token]) - base);
  }
}

// Two thousand threads a multiprocessor are too many for the registers, half of them not.
extern "C" __global__ void __launch_bounds__(NT_THREADS, 1024 / NT_THREADS)
sample(const __grid_constant__ nt_sample_cuda_arguments arguments) {
  extern __shared__ __align__(16) char memory[];
  const nt_sample_arguments &a = arguments.sample;
  sample_shared *shared = (sample_shared *)memory;
  const int warp = threadIdx.x / 32, rank = blockIdx.x % NT_BLOCKS;
  const nt_i64 clusters = gridDim.x / NT_BLOCKS;
  const int chunk = (int)((a.vocabulary + NT_BLOCKS * NT_WARPS * 128 - 1) / (NT_BLOCKS * NT_WARPS * 128) * 128);
#if NT_IN_SHARED
  float *values = (float *)(shared + 1) + warp * chunk;
#else
  float *values = (float *)arguments.workspace + ((nt_i64)blockIdx.x * NT_WARPS + warp) * chunk;
#endif
  sample_row row = {shared, values, (nt_i64)(rank * NT_WARPS + warp) * chunk, 0, chunk, rank, 0, a.rows};
#if NT_BLOCKS > 1
  nt_cluster_arrive();
#endif
  nt_let_successors_start();
  nt_wait_for_predecessors();
  nt_i64 at = blockIdx.x / NT_BLOCKS;
  sample_fetch_parameters(shared, a, at, 0);
#if NT_BLOCKS > 1
  nt_cluster_wait();  // a block's shared memory is there for the others once it has started
#endif
  for (int turn = 0; at < a.rows; turn ^= 1) {
    asm volatile("cp.async.wait_all;" ::: "memory");
    __syncthreads();
    // A cluster takes the next row when it begins one; where each has at most one, none asks. The counter wraps to 0
    // with the last that asks: as many do as there are rows.
    nt_i64 next = a.rows;
    if (rank == 0 && threadIdx.x == 0 && a.rows > clusters)
      next = clusters + atomicInc(arguments.counters, (nt_u32)(a.rows - 1));
    sample_one(row, a, at, next, turn);
    at = row.next;
  }
  // Others may still write to this block's memory.
  sample_sync();
}
