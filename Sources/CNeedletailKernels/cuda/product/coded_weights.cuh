// A coded weight: which pieces a lane requests, and the operands it makes of them; product/weights.cuh for codes.
//
// Memory of the codes: units of 8 rows x a chunk of columns (128 of 4 bits, 64 of 8) follow each other, the chunks of 8
// rows first; 512 bytes each, 16 of every lane, in the order in which its words become operands of the matrix
// instructions: for lane 4 g + t, row g and in each 16 columns 2 t, 2 t + 1, 2 t + 8, 2 t + 9. Of 4-bit codes, word i has
// 32 columns: bits 4 p ... and 4 p + 16 ... have 32 i + 16 (p / 2) + 8 (p % 2) + 2 t and its neighbour. Of 8-bit codes, word
// i has 16: bytes p and p + 2 have 16 i + 8 p + 2 t and its neighbour. There are 16 rows and whole chunks at least; what
// does not belong to the weight is anything whose operand is a number.
//
// Scales: [8 rows][group][row], a word each: the scale in the low half, and in the high half -(128 + zero point) of
// bf16, -(1024 + zero point) of fp16. Both are of the operands' type.
#ifndef NEEDLETAIL_PRODUCT_CODED_WEIGHTS_CUH
#define NEEDLETAIL_PRODUCT_CODED_WEIGHTS_CUH
#include "common/mma.cuh"
#include "product/codes.cuh"
#include "product/pieces.cuh"

static_assert(NT_CODE == NT_I8 || nt_groups * NT_GROUP == nt_chunk_columns, "groups of 32, 64 or 128 columns");
static_assert(NT_CODE != NT_F4E2M1 || NT_GROUP == 32, "32 columns share an exponent");

struct nt_coded_pieces {
  const nt_arguments &a;
  int lane, count;
  // Tiles from a pass to the next, blocks of 8 rows from a tile's rows to its others, chunks of a row.
  int pass_tiles, half_blocks, chunks;
  static constexpr int tile_blocks = NT_GATED ? 1 : 2;
  // Passes that are left to be requested, the next chunk, the warp's tile and the last that there is.
  int passes, chunk = 0, tile, last_tile;
  // The lane's pieces of the upper rows of the warp's first tile, and the word of a scale that it brings for its row.
  const nt_u8 *pieces;
  const nt_u8 *scales;

  // `count` chunks from `first` on; the tiles of a pass, the first of them that is this warp's, the block's first pass and
  // from there to its next.
  __device__ __forceinline__ nt_coded_pieces(
    const nt_arguments &a, int lane, int first, int count, int pass_tiles, int warp_tile, int pass, int step)
      : a(a), lane(lane), count(count), chunks(nt_chunks(a.k)) {
    int all = nt_passes(a.n, pass_tiles);
    passes = count > 0 && pass < all ? (all - pass + step - 1) / step : 0;
    this->pass_tiles = step * pass_tiles;
    half_blocks = NT_GATED ? a.n / 16 : 1;
    // Tiles past the weight are its last one.
    last_tile = nt_passes(a.n, 1) - 1;
    tile = min(pass * pass_tiles + warp_tile, last_tile);
    nt_i64 block = (nt_i64)tile * tile_blocks;
    pieces = (const nt_u8 *)a.w + (block * chunks + first) * 512 + lane * 16;
    if constexpr (nt_groups > 0) {
      // Lane t of four: of group t / 2, t odd: of the lower rows.
      int t = lane & 3;
      block += t & 1 ? half_blocks : 0;
      scales = (const nt_u8 *)a.w_scales + ((block * chunks + first) * nt_groups + t / 2) * 32 + (lane >> 2) * 4;
    }
  }

  // Requests the next chunk, if there is one, into a warp's place in a stage, its scales into another.
  __device__ __forceinline__ void request(nt_u32 place, nt_u32 scale_place) {
    if (passes == 0) return;
    auto blocks_of = [&](int m) { return (m == 0 || tile + m <= last_tile ? m : 0) * tile_blocks; };
#pragma unroll
    for (int m = 0; m < NT_TILES; m++)
#pragma unroll
      for (int half = 0; half < 2; half++) {
        nt_i64 block = blocks_of(m) + (half ? half_blocks : 0);
        asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16;" ::"r"(place + (m * 2 + half) * 512 + lane * 16),
                     "l"(pieces + block * ((nt_u32)chunks * 512))
                     : "memory");
      }
    if constexpr (nt_groups > 0) {
#pragma unroll
      for (int m = 0; m < NT_TILES; m++)
#pragma unroll
        for (int i = 0; i < (nt_groups + 1) / 2; i++) {
          if (nt_groups == 1 && (lane & 2)) break;
          nt_u32 to = scale_place + (m * 8 + (lane >> 2)) * nt_row_scale_bytes + i * 16 + (lane & 3) * 4;
          asm volatile("cp.async.ca.shared.global.L2::128B [%0], [%1], 4;" ::"r"(to),
                       "l"(scales + blocks_of(m) * (nt_i64)chunks * (nt_groups * 32) + i * 64)
                       : "memory");
        }
      scales += nt_groups * 32;
    }
    pieces += 512;
    if (++chunk == count) {
      chunk = 0;
      passes--;
      int next = min(tile + pass_tiles, last_tile);
      nt_i64 on = (nt_i64)((next - tile) * tile_blocks) * chunks - count;
      tile = next;
      pieces += on * 512;
      scales += on * (nt_groups * 32);
    }
  }
};

// The operands of a tile for 16 columns, made of the words of both rows of a lane.
struct nt_coded_operands {
  static constexpr int steps_of_word = nt_code_words / 2, steps = nt_chunk_columns / 16;
  nt_u32 upper[4], lower[4];
  // Of both rows for each group.
  nt_u32 scales[nt_groups > 0 ? nt_groups : 1][2];

  // From the tile's place in a stage and that of its scales.
  __device__ __forceinline__ void load(nt_u32 codes, nt_u32 scales_at, int lane) {
    nt_load_piece(upper, codes + lane * 16);
    nt_load_piece(lower, codes + 512 + lane * 16);
    nt_u32 from = scales_at + (lane >> 2) * nt_row_scale_bytes;
#pragma unroll
    for (int i = 0; i < nt_groups; i++)
      asm volatile("ld.shared.v2.u32 {%0, %1}, [%2];" : "=r"(scales[i][0]), "=r"(scales[i][1]) : "r"(from + i * 8) : "memory");
  }

  // Those of the steps that word i holds.
  __device__ __forceinline__ void decode(nt_u32 (&operands)[steps_of_word][4], int i) const {
    nt_u32 rows[2][nt_code_words];
#pragma unroll
    for (int half = 0; half < 2; half++) {
      nt_u32 word = nt_groups > 0 ? scales[i * nt_groups / 4][half] : 0;
      nt_u32 minus_zero = NT_CODE == NT_U4 && !NT_ZEROS ? nt_minus_eight : __byte_perm(word, 0, 0x3232);
      nt_decode(rows[half], half ? lower[i] : upper[i], minus_zero, __byte_perm(word, 0, 0x1010));
    }
#pragma unroll
    for (int s = 0; s < steps_of_word; s++) {
      operands[s][0] = rows[0][s * 2], operands[s][1] = rows[1][s * 2];
      operands[s][2] = rows[0][s * 2 + 1], operands[s][3] = rows[1][s * 2 + 1];
    }
  }
};

#endif
