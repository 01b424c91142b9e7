// A block of a panel of codes (include/coded_matmul.h) as the weights that tiles multiply: pairs of bfloat16 where
// tiles take their dot products, else float32. A block is decoded once for all rows of an item and stays in the
// first-level
// cache.
#include "../../include/coded_matmul.h"
#include "../common/codes.h"

enum { coded_vectors = NT_PANEL / NT_LANES, coded_ahead = 4096 };

// Two neighbouring k of each column as one lane of bfloat16; `rounds`: the numbers are no bfloat16 yet.
NT_INLINE nt_uvec nt_pair(nt_vec low, nt_vec high, const int rounds) {
#if defined(NT_AVX512BF16)
  if (rounds) {
    const __m512i order = _mm512_setr_epi32(
      0x100000, 0x110001, 0x120002, 0x130003, 0x140004, 0x150005, 0x160006, 0x170007, 0x180008, 0x190009, 0x1a000a,
      0x1b000b, 0x1c000c, 0x1d000d, 0x1e000e, 0x1f000f);
    return (nt_uvec)_mm512_permutexvar_epi16(order, (__m512i)_mm512_cvtne2ps_pbh((__m512)high, (__m512)low));
  }
#endif
  (void)rounds;
  return ((nt_uvec)high & 0xffff0000u) | ((nt_uvec)low >> 16);
}

NT_INLINE nt_vec load_scale(const void *scales, nt_i64 index, const nt_i32 dtype) {
  if (dtype == NT_F8E8M0) {
    nt_vec a;
    float lanes[NT_LANES];
    // 2^-127 is subnormal: its bits are not the exponent's.
    for (int i = 0; i < NT_LANES; i++) {
      const nt_u32 e = ((const nt_u8 *)scales)[index + i], bits = e == 0 ? 0x400000u : e << 23;
      memcpy(lanes + i, &bits, 4);
    }
    memcpy(&a, lanes, sizeof(a));
    return a;
  }
  return nt_load_as(scales, index, dtype);
}

// The weights of columns [k, end) of a panel; k is a multiple of the codes of a lane.
NT_INLINE void decode_panel(void *target, const nt_coded_panels *c, const nt_u32 *codes, nt_i64 panel, nt_i64 all_k,
                            nt_i64 k, nt_i64 end, const nt_i32 dtype, const nt_i32 scale_dtype, const int to_pairs,
                            const int is_fp8) {
  const nt_i64 per = nt_codes_per_lane(dtype), group = c->group ? c->group : all_k;
  const nt_i64 groups = (all_k + group - 1) / group;
  const int has_scales = dtype == NT_U4 || dtype == NT_F4E2M1;
  nt_u32 *to = target;
  while (k < end) {
    const nt_i64 g = k / group, first = (panel * groups + g) * NT_PANEL;
    nt_i64 stop = (g + 1) * group < end ? (g + 1) * group : end;
    nt_vec scale[coded_vectors], shift[coded_vectors];
    if (has_scales) {
      _Pragma("unroll") for (int v = 0; v < coded_vectors; v++) {
        scale[v] = load_scale(c->scales, first + v * NT_LANES, scale_dtype);
        nt_vec zero = nt_splat(8);
        if (c->zeros)
          for (int i = 0; i < NT_LANES; i++) zero[i] = c->zeros[first + v * NT_LANES + i];
        shift[v] = -scale[v] * zero;
      }
    }
    const nt_u32 *from = codes + k / per * NT_PANEL;
    for (; k < stop; k += per, from += NT_PANEL, to += (to_pairs ? per / 2 : per) * NT_PANEL) {
      __builtin_prefetch((const char *)from + coded_ahead, 0, 3);
      __builtin_prefetch((const char *)from + coded_ahead + 64, 0, 3);
      _Pragma("unroll") for (int v = 0; v < coded_vectors; v++) {
        nt_uvec lanes;
        memcpy(&lanes, from + v * NT_LANES, sizeof(lanes));
        nt_vec low = {};
        _Pragma("unroll") for (int j = 0; j < per; j++) {
          nt_vec w = nt_decode(lanes, j, dtype);
          if (dtype == NT_U4) {
            // Exact: the products' bits fit in float32, whether it is one rounding or two.
            w = nt_fma(scale[v], w, shift[v]);
            if (is_fp8) w = nt_round_e4m3(w);
            else if (scale_dtype == NT_BF16 && !to_pairs) w = nt_from_bf16(nt_to_bf16_exact(w));
            else if (scale_dtype == NT_F16) w = nt_from_f16(nt_to_f16(w));
          } else if (dtype == NT_F4E2M1) {
            w = w * scale[v];
          }
          if (!to_pairs) {
            nt_store((float *)to + j * NT_PANEL + v * NT_LANES, w);
          } else if (j % 2 == 0) {
            low = w;
          } else {
            const nt_uvec pair = nt_pair(low, w, dtype == NT_U4 && !is_fp8);
            memcpy(to + j / 2 * NT_PANEL + v * NT_LANES, &pair, sizeof(pair));
          }
        }
      }
    }
  }
}

#define NT_DECODER(NAME, DTYPE, SCALE, PAIRS, FP8)                                                                     \
  static void NAME(void *to, const nt_coded_panels *c, const nt_u32 *codes, nt_i64 panel, nt_i64 all_k, nt_i64 k,      \
                   nt_i64 end) {                                                                                       \
    decode_panel(to, c, codes, panel, all_k, k, end, DTYPE, SCALE, PAIRS, FP8);                                        \
  }
NT_DECODER(decode_i8, NT_I8, NT_F32, 0, 0)
NT_DECODER(decode_f8, NT_F8E4M3, NT_F32, 0, 0)
NT_DECODER(decode_u4_f32, NT_U4, NT_F32, 0, 0)
NT_DECODER(decode_u4_f16, NT_U4, NT_F16, 0, 0)
NT_DECODER(decode_u4_bf16, NT_U4, NT_BF16, 0, 0)
NT_DECODER(decode_u4_f32_f8, NT_U4, NT_F32, 0, 1)
NT_DECODER(decode_u4_f16_f8, NT_U4, NT_F16, 0, 1)
NT_DECODER(decode_u4_bf16_f8, NT_U4, NT_BF16, 0, 1)
NT_DECODER(decode_f4, NT_F4E2M1, NT_F8E8M0, 0, 0)
#if defined(NT_AVX512BF16)
NT_DECODER(decode_i8_pairs, NT_I8, NT_F32, 1, 0)
NT_DECODER(decode_f8_pairs, NT_F8E4M3, NT_F32, 1, 0)
NT_DECODER(decode_u4_pairs, NT_U4, NT_BF16, 1, 0)
NT_DECODER(decode_u4_f32_f8_pairs, NT_U4, NT_F32, 1, 1)
NT_DECODER(decode_u4_f16_f8_pairs, NT_U4, NT_F16, 1, 1)
NT_DECODER(decode_u4_bf16_f8_pairs, NT_U4, NT_BF16, 1, 1)
NT_DECODER(decode_f4_pairs, NT_F4E2M1, NT_F8E8M0, 1, 0)
#endif

typedef void (*nt_decoder)(void *to, const nt_coded_panels *c, const nt_u32 *codes, nt_i64 panel, nt_i64 all_k,
                           nt_i64 k, nt_i64 end);

// What decodes a kind of codes to float32 or, for bfloat16 activations, to pairs; null where there are no such pairs.
static nt_decoder find_decoder(nt_i32 dtype, const nt_coded_panels *c, int to_pairs) {
  const nt_i32 scale = c->scale_dtype;
#if defined(NT_AVX512BF16)
  if (to_pairs) {
    switch (dtype) {
      case NT_I8: return decode_i8_pairs;
      case NT_F8E4M3: return decode_f8_pairs;
      case NT_F4E2M1: return decode_f4_pairs;
      default:
        if (c->row_scales)
          return scale == NT_BF16  ? decode_u4_bf16_f8_pairs
                 : scale == NT_F16 ? decode_u4_f16_f8_pairs
                                   : decode_u4_f32_f8_pairs;
        return scale == NT_BF16 ? decode_u4_pairs : 0;
    }
  }
#endif
  if (to_pairs) return 0;
  switch (dtype) {
    case NT_I8: return decode_i8;
    case NT_F8E4M3: return decode_f8;
    case NT_F4E2M1: return decode_f4;
    default:
      if (c->row_scales)
        return scale == NT_BF16 ? decode_u4_bf16_f8 : scale == NT_F16 ? decode_u4_f16_f8 : decode_u4_f32_f8;
      return scale == NT_BF16 ? decode_u4_bf16 : scale == NT_F16 ? decode_u4_f16 : decode_u4_f32;
  }
}
