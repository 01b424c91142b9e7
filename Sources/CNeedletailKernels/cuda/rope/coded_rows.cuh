// A new row of a cache of 8 bits: rotated, made codes, and stored by a warp.
#ifndef NEEDLETAIL_CUDA_CODED_ROWS_CUH
#define NEEDLETAIL_CUDA_CODED_ROWS_CUH
#include "attention/cache_codes.cuh"
#include "rope/rotation.cuh"

// Gives each vector of codes of a row, with its place, to store(place, codes): lane l of the warp has pieces l, l + 32, ...
// of it. `scale` is that of all rows, or becomes the row's own. The pieces are not to be used again.
template <class Pieces, int count, class Store>
__device__ __forceinline__ void nt_make_codes(
  typename Pieces::parts (&pieces)[count], int lane, float &scale, const Store &store) {
  if constexpr (nt_has_row_scales) {
    // Rotated twice: once for the highest magnitude.
    float highest = 0;
#pragma unroll
    for (int i = 0; i < count; i++) {
      typename Pieces::parts again = pieces[i];
      if (lane + i * 32 < Pieces::pieces)
        Pieces::finish(again, [&](int, const float(&v)[Pieces::width]) {
#pragma unroll
          for (int j = 0; j < Pieces::width; j++) highest = fmaxf(highest, fabsf(v[j]));
        });
    }
    scale = nt_scale_of_row(nt_highest_of_warp(highest));
  }
#pragma unroll
  for (int i = 0; i < count; i++)
    if (lane + i * 32 < Pieces::pieces)
      Pieces::finish(pieces[i], [&](int place, const float(&v)[Pieces::width]) {
        nt_u8 codes[Pieces::width];
#pragma unroll
        for (int j = 0; j < Pieces::width; j++) codes[j] = nt_code(v[j], scale);
        store(place, codes);
      });
}

// `width` codes from a multiple of `width` on.
template <int width>
__device__ __forceinline__ void nt_store_codes(nt_u8 *to, const nt_u8 (&codes)[width]) {
  if constexpr (width % 4 == 0) {
#pragma unroll
    for (int i = 0; i < width; i += 4)
      *(nt_u32 *)(to + i) = codes[i] | codes[i + 1] << 8 | codes[i + 2] << 16 | (nt_u32)codes[i + 3] << 24;
  } else {
#pragma unroll
    for (int i = 0; i < width; i++) to[i] = codes[i];
  }
}

// Writes row `base` of x to the cache, and its scale where rows have their own.
template <class Pieces>
__device__ __forceinline__ void nt_write_coded(
  const void *x, nt_i64 base, const float *table, int lane, nt_u8 *to, float scale, float *row_scale) {
  constexpr int count = (Pieces::pieces + 31) / 32;
  typename Pieces::parts pieces[count];
#pragma unroll
  for (int i = 0; i < count; i++)
    if (lane + i * 32 < Pieces::pieces) Pieces::template load<NT_INPUT>(pieces[i], lane + i * 32, x, base, table);
  nt_make_codes<Pieces>(pieces, lane, scale, [&](int place, const nt_u8(&codes)[Pieces::width]) {
    nt_store_codes(to + place, codes);
  });
  if (nt_has_row_scales && lane == 0) *row_scale = scale;
}

#endif
