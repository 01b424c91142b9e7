// The running softmax of a tile of rows (M. Milakov, N. Gimelshein, arXiv 1805.02867, as in arXiv 2205.14135) on scores
// that lie as tensor cores leave them: of a warp's 16 rows a lane has rows lane / 4 and lane / 4 + 8, and its values
// 4 j ... 4 j + 3 are keys 8 j + 2 (lane % 4) and the next one of the first row, then of the second.
//
// A step whose keys a row does not see at all leaves that row's bits as they are, so it does not matter which steps the
// tile's other rows need.
//
//   NT_SOFTCAP, NT_SLOPES, NT_SINKS, NT_WINDOWED, NT_CHUNKED: 0, 1
#ifndef NEEDLETAIL_CUDA_PREFILL_SOFTMAX_CUH
#define NEEDLETAIL_CUDA_PREFILL_SOFTMAX_CUH
#include "attention/prefill_tiles.cuh"

#define NT_LOG2E 1.4426950408889634f
#define NT_NEGATIVE_INFINITY __int_as_float(0xff800000)

__device__ __forceinline__ float nt_exp2(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

// A lane's two rows.
struct nt_prefill_rows {
  nt_i32 position[2];
  nt_i32 head[2];     // query heads
  float highest[2];   // the highest score so far
  float sum[2];       // this lane's part of the sum
#if NT_SLOPES
  float slope[2];     // times log2 e
#endif

  __device__ __forceinline__ void start(
    const nt_prefill_attention_arguments &a, const nt_prefill_tile &tile, int first
  ) {
#pragma unroll
    for (int r = 0; r < 2; r++) {
      // Rows past the last one repeat it; they are not stored.
      const nt_i32 row = min(tile.first_row + first + 8 * r, tile.rows - 1);
      position[r] = tile.offset + row / NT_GROUP;
      head[r] = tile.kv_head * NT_GROUP + row % NT_GROUP;
      highest[r] = NT_NEGATIVE_INFINITY;
      sum[r] = 0;
#if NT_SLOPES
      slope[r] = a.alibi_slopes[head[r]] * NT_LOG2E;
#endif
    }
  }

  // What exponents are scaled by once `shape` has run.
  static __device__ __forceinline__ float exponent_scale(const nt_prefill_attention_arguments &a) {
#if NT_SOFTCAP || NT_SLOPES
    return 1;
#else
    return a.scale * NT_LOG2E;
#endif
  }

  // Caps and slopes; the scores are exponents of 2 afterwards. `key`: the lane's first key.
  template <int COUNT>
  __device__ __forceinline__ void shape(const nt_prefill_attention_arguments &a, float (&s)[COUNT], nt_i32 key) const {
#if NT_SOFTCAP
    // c tanh(x / c) = c - 2 c / (exp(2 x / c) + 1)
    const float inner = 2 * NT_LOG2E * a.scale / a.softcap;
    const float cap = a.softcap * NT_LOG2E;
#pragma unroll
    for (int i = 0; i < COUNT; i++) s[i] = cap - __fdividef(2 * cap, nt_exp2(s[i] * inner) + 1);
#endif
#if NT_SLOPES
#pragma unroll
    for (int i = 0; i < COUNT; i++) {
      const int r = i >> 1 & 1;
      const float distance = (float)(key + (i >> 2) * 8 + (i & 1) - position[r]);
#if NT_SOFTCAP
      s[i] = fmaf(slope[r], distance, s[i]);
#else
      s[i] = fmaf(slope[r], distance, s[i] * (a.scale * NT_LOG2E));
#endif
    }
#endif
  }

  // Hides keys behind a row's position, and those before the first that it sees.
  template <int COUNT>
  __device__ __forceinline__ void hide(const nt_prefill_attention_arguments &a, float (&s)[COUNT], nt_i32 key) const {
#pragma unroll
    for (int r = 0; r < 2; r++) {
      const nt_i32 last = position[r] - key;
#if NT_WINDOWED || NT_CHUNKED
      const nt_i32 first = nt_first_seen(a, position[r]) - key;
#endif
#pragma unroll
      for (int i = 2 * r; i < COUNT; i += 4) {
#pragma unroll
        for (int c = 0; c < 2; c++) {
          const int column = (i >> 2) * 8 + c;
          bool hidden = column > last;
#if NT_WINDOWED || NT_CHUNKED
          hidden |= column < first;
#endif
          if (hidden) s[i + c] = NT_NEGATIVE_INFINITY;
        }
      }
    }
  }

  // Scores become weights; factors: what earlier sums are to be multiplied by.
  template <int COUNT> __device__ __forceinline__ void weigh(float (&s)[COUNT], float scale, float (&factors)[2]) {
#pragma unroll
    for (int r = 0; r < 2; r++) {
      float top = highest[r];
#pragma unroll
      for (int i = 2 * r; i < COUNT; i += 4) top = fmaxf(top, fmaxf(s[i], s[i + 1]));
      top = fmaxf(top, __shfl_xor_sync(~0u, top, 1));
      top = fmaxf(top, __shfl_xor_sync(~0u, top, 2));
      // A row that has seen nothing yet must not take infinity from infinity; one that sees nothing higher gets a
      // factor of exactly 1.
      const float level = top == NT_NEGATIVE_INFINITY ? 0 : top;
      const float base = level * scale;
      factors[r] = nt_exp2((highest[r] - level) * scale);
      highest[r] = top;
#pragma unroll
      for (int i = 2 * r; i < COUNT; i += 4) {
        s[i] = nt_exp2(fmaf(s[i], scale, -base));
        s[i + 1] = nt_exp2(fmaf(s[i + 1], scale, -base));
      }
    }
  }

  // Adds weights to the rows' sums.
  template <int COUNT> __device__ __forceinline__ void add(const float (&s)[COUNT], const float (&factors)[2]) {
#pragma unroll
    for (int r = 0; r < 2; r++) {
      float even = sum[r] * factors[r];
      float odd = 0;
#pragma unroll
      for (int i = 2 * r; i < COUNT; i += 4) {
        even += s[i];
        odd += s[i + 1];
      }
      sum[r] = even + odd;
    }
  }

  // What the rows' sums of values are multiplied by at the end.
  __device__ __forceinline__ void finish(
    const nt_prefill_attention_arguments &a, float scale, float (&factors)[2]
  ) const {
#pragma unroll
    for (int r = 0; r < 2; r++) {
      float total = sum[r];
      total += __shfl_xor_sync(~0u, total, 1);
      total += __shfl_xor_sync(~0u, total, 2);
      float factor = 1;
#if NT_SINKS
      const float sink = a.sinks[head[r]] * NT_LOG2E;
      const float top = highest[r] * scale;
      const float base = fmaxf(top, sink);
      factor = nt_exp2(top - base);
      total = fmaf(total, factor, nt_exp2(sink - base));
#endif
      factors[r] = __fdividef(factor, total);
    }
  }
};

#endif
