// Brings a row of logits to its blocks and applies masks, biases and penalties.
#ifndef NEEDLETAIL_CUDA_SAMPLE_LOAD_CUH
#define NEEDLETAIL_CUDA_SAMPLE_LOAD_CUH
#include "sampling/sample_row.cuh"

#define SAMPLE_BATCH 8

// Clean logits to row.values, and the thread's largest one's key.
__device__ __forceinline__ void sample_load(sample_row &row, const float *logits, nt_i64 vocabulary) {
  float largest = SAMPLE_NONE;
  const bool aligned = ((nt_u64)logits & 15) == 0;
  for (int start = (threadIdx.x % 32) * 4; start < row.chunk; start += SAMPLE_BATCH * 128) {
    float4 batch[SAMPLE_BATCH];
    // Loads without another way around them, so that all are under way at once.
#pragma unroll
    for (int i = 0; i < SAMPLE_BATCH; i++) {
      const nt_i64 id = row.first + start + i * 128;
      batch[i] = make_float4(SAMPLE_NONE, SAMPLE_NONE, SAMPLE_NONE, SAMPLE_NONE);
      if (aligned && start + i * 128 < row.chunk && id + 4 <= vocabulary)
        batch[i] = __ldcs((const float4 *)(logits + id));
    }
    const nt_i64 last = row.first + start + (SAMPLE_BATCH - 1) * 128;
    if (!aligned || last + 4 > vocabulary) {
#pragma unroll
      for (int i = 0; i < SAMPLE_BATCH; i++) {
        const nt_i64 id = row.first + start + i * 128;
        if (start + i * 128 >= row.chunk || (aligned && id + 4 <= vocabulary)) continue;
        if (id < vocabulary) batch[i].x = logits[id];
        if (id + 1 < vocabulary) batch[i].y = logits[id + 1];
        if (id + 2 < vocabulary) batch[i].z = logits[id + 2];
        if (id + 3 < vocabulary) batch[i].w = logits[id + 3];
      }
    }
#pragma unroll
    for (int i = 0; i < SAMPLE_BATCH; i++) {
      const float4 four = make_float4(
        sample_clean(batch[i].x), sample_clean(batch[i].y), sample_clean(batch[i].z), sample_clean(batch[i].w));
      largest = fmaxf(fmaxf(fmaxf(four.x, four.y), fmaxf(four.z, four.w)), largest);
      if (start + i * 128 < row.chunk) *(float4 *)(row.values + start + i * 128) = four;
    }
  }
  row.largest = largest > SAMPLE_NONE ? sample_key(largest) : 0;
  __syncwarp();
}

// Tokens that the mask leaves out get -infinity.
__device__ __forceinline__ void sample_apply_mask(const sample_row &row, const nt_u32 *mask, nt_i64 vocabulary) {
  SAMPLE_EACH(row, four, index, {
    const nt_i64 id = row.first + index;
    const nt_u32 allowed = id < vocabulary ? mask[id / 32] >> (id % 32) : 0;
    float *to = row.values + index;
    for (int i = 0; i < 4; i++) to[i] = allowed >> i & 1 ? four[i] : SAMPLE_NONE;
  })
  __syncwarp();
}

// Applies `change(value, entry)` to the tokens of a list that are this warp's, in the list's order: a token that occurs
// twice is changed twice.
template <class Entry, class Change>
__device__ __forceinline__ void sample_apply_list(
  const sample_row &row, const Entry *list, int count, nt_i64 vocabulary, Change change) {
  const int lane = threadIdx.x % 32;
  const nt_i64 end = row.first + row.chunk < vocabulary ? row.first + row.chunk : vocabulary;
  for (int start = 0; start < count; start += SAMPLE_BATCH * 32) {
    Entry entries[SAMPLE_BATCH];
#pragma unroll
    for (int i = 0; i < SAMPLE_BATCH; i++) {
      const int at = start + i * 32 + lane;
      entries[i].token = -1;
      if (at < count) entries[i] = list[at];
    }
#pragma unroll
    for (int i = 0; i < SAMPLE_BATCH; i++) {
      const bool mine = entries[i].token >= row.first && entries[i].token < end;
      if (!__any_sync(SAMPLE_ALL_LANES, mine)) continue;
      const nt_u32 same = __match_any_sync(SAMPLE_ALL_LANES, mine ? entries[i].token : -1);
      const int turn = __popc(same & ((1u << lane) - 1));
      for (int now = 0; __any_sync(SAMPLE_ALL_LANES, mine && turn >= now); now++) {
        if (mine && turn == now) {
          float *value = row.values + (entries[i].token - row.first);
          *value = change(*value, entries[i]);
        }
        __syncwarp();
      }
    }
  }
}

// Also finds the thread's largest value anew.
SAMPLE_CALL void sample_edit(
  sample_row &row, const nt_sample_arguments &a, const nt_sampling_row &parameters) {
  if (parameters.mask_start >= 0) sample_apply_mask(row, a.masks + parameters.mask_start, a.vocabulary);
  sample_apply_list(
    row, a.biases + parameters.bias_start, parameters.bias_count, a.vocabulary,
    [](float value, nt_token_bias entry) { return __fadd_rn(value, entry.bias); });
  if (sample_has_penalties(parameters))
    sample_apply_list(
      row, a.history + parameters.history_start, parameters.history_count, a.vocabulary,
      [&](float value, nt_token_count entry) {
        const float penalty = parameters.repetition_penalty;
        value = value > 0 ? __fdiv_rn(value, penalty) : __fmul_rn(value, penalty);
        if (entry.generated > 0)
          value = __fsub_rn(
            value, __fmaf_rn(parameters.frequency_penalty, (float)entry.generated, parameters.presence_penalty));
        return value;
      });
  // A change may have made infinity or not a number.
  float largest = SAMPLE_NONE;
  SAMPLE_EACH_FAST(row, four, index, {
    const float4 clean =
      make_float4(sample_clean(four[0]), sample_clean(four[1]), sample_clean(four[2]), sample_clean(four[3]));
    largest = fmaxf(fmaxf(fmaxf(clean.x, clean.y), fmaxf(clean.z, clean.w)), largest);
    *(float4 *)(row.values + index) = clean;
  })
  row.largest = largest > SAMPLE_NONE ? sample_key(largest) : 0;
  __syncwarp();
}

// Where nothing has a finite logit: the lowest id that the mask allows and no bias bans, else that the mask allows,
// else 0. By one whole block.
SAMPLE_CALL nt_i32 sample_fallback(
  sample_shared *shared, const nt_sample_arguments &a, const nt_sampling_row &parameters) {
  if (threadIdx.x == 0) shared->found[0] = shared->found[1] = ~0ull;
  __syncthreads();
  for (nt_i64 id = threadIdx.x; id < a.vocabulary; id += NT_THREADS) {
    if (parameters.mask_start >= 0 && !(a.masks[parameters.mask_start + id / 32] >> (id % 32) & 1)) continue;
    atomicMin(&shared->found[1], (nt_u64)id);
    bool banned = false;
    for (int i = 0; i < parameters.bias_count; i++) {
      const nt_token_bias bias = a.biases[parameters.bias_start + i];
      banned |= bias.token == id && bias.bias == SAMPLE_NONE;
    }
    if (!banned) {
      atomicMin(&shared->found[0], (nt_u64)id);
      break;
    }
  }
  __syncthreads();
  const nt_u64 id = shared->found[0] != ~0ull ? shared->found[0] : shared->found[1];
  return id == ~0ull ? 0 : (nt_i32)id;
}

#endif
