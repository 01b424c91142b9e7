// Rotation of a head's pairs (rope.h), with the same bits wherever a query or key is rotated.
#ifndef NEEDLETAIL_CUDA_ROTATION_CUH
#define NEEDLETAIL_CUDA_ROTATION_CUH
#include "common/conversions.cuh"

// Elements that one access takes: the most, up to `width`, that divides all of a head's parts.
constexpr int nt_rotation_width(int head_dim, int rotary_dim, bool interleaved, int width) {
  while (width > 1 &&
         (head_dim % width != 0 || (interleaved ? rotary_dim % (2 * width) : rotary_dim / 2 % width) != 0))
    width /= 2;
  return width;
}

// The widest access, up to `width`, that the rows of heads of both sizes allow where queries, keys and values follow each
// other in a row.
constexpr int nt_heads_width(int head_dim, int value_dim, int width) {
  while (head_dim % width != 0 || value_dim % width != 0) width /= 2;
  return width;
}

// A head of head_dim elements in pieces, each for a thread: first those with `width` pairs, then those with `width`
// elements that are not rotated.
template <int head_dim, int rotary_dim, bool interleaved, int most = 8>
struct nt_rotation {
  static constexpr int width = nt_rotation_width(head_dim, rotary_dim, interleaved, most);
  static constexpr int rotated = rotary_dim / 2 / width;
  static constexpr int pieces = rotated + (head_dim - rotary_dim) / width;

  // What a piece is computed from; loaded ahead, so that a thread's pieces wait together.
  struct parts {
    int piece;
    float a[width], b[width], cosines[width], sines[width];
  };

  // A piece of the head whose first element is `base`, and what the row of the table says about it.
  template <int dtype>
  __device__ __forceinline__ static void load(parts &p, int piece, const void *x, nt_i64 base, const float *table) {
    p.piece = piece;
    if (piece >= rotated) {
      nt_load_vector<dtype>(p.a, x, base + rotary_dim + (piece - rotated) * width);
      return;
    }
    int first = piece * width * (interleaved ? 2 : 1), second = first + (interleaved ? width : rotary_dim / 2);
    nt_load_vector<dtype>(p.a, x, base + first);
    nt_load_vector<dtype>(p.b, x, base + second);
    nt_load_vector<NT_F32>(p.cosines, table, piece * width);
    nt_load_vector<NT_F32>(p.sines, table, rotary_dim / 2 + piece * width);
  }

  // Rotates a piece and gives each vector of the result, with its place in the head, to store(place, values).
  template <class Store>
  __device__ __forceinline__ static void finish(parts &p, const Store &store) {
    if (p.piece >= rotated) {
      store(rotary_dim + (p.piece - rotated) * width, p.a);
      return;
    }
#pragma unroll
    for (int i = 0; i < width; i++) {
      float &left = !interleaved ? p.a[i] : 2 * i < width ? p.a[2 * i % width] : p.b[2 * i % width];
      float &right = !interleaved ? p.b[i] : 2 * i + 1 < width ? p.a[(2 * i + 1) % width] : p.b[(2 * i + 1) % width];
      float x0 = left, x1 = right;
      left = __fmaf_rn(x0, p.cosines[i], -__fmul_rn(x1, p.sines[i]));
      right = __fmaf_rn(x1, p.cosines[i], __fmul_rn(x0, p.sines[i]));
    }
    int first = p.piece * width * (interleaved ? 2 : 1), second = first + (interleaved ? width : rotary_dim / 2);
    store(first, p.a);
    store(second, p.b);
  }
};

#endif
