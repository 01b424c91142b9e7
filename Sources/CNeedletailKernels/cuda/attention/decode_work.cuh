// How decode attention is divided into work.
//
// A sequence's tiles of 64 positions are divided into parts; how many depends on its own length only. Results are
// summed up in fours of parts and then from four to four, always in this order, so that bits do not depend on who does
// what. An item of work is one part, or, in steps with much work, one four (unless it is long), for a pack of query
// heads that share a kv head (at most NT_PACK: 16, unless it is defined). All blocks take items from one list, which
// each of them computes from the sequences' lengths.
//
// Constants of a specialization: NT_KV_HEADS, NT_GROUP (query heads of a kv head), NT_SPLITS (the most parts of a
// sequence), NT_SPLIT_TILES (a part has at least so many tiles, if the sequence has), NT_VALUE_DIM, NT_SEQUENCES (the
// most); NT_CHUNKED (1: a sequence's last position sees its own chunk only; 0 unless defined), NT_KEPT_GROUPS (lengths
// of up to 32 times as many sequences stay in registers; 0 unless defined).
#ifndef NEEDLETAIL_CUDA_DECODE_WORK_CUH
#define NEEDLETAIL_CUDA_DECODE_WORK_CUH
#include "paged_attention.h"

constexpr int nt_tile = 64;
constexpr int nt_four = 4;
#ifndef NT_PACK
#define NT_PACK 16
#endif
#ifndef NT_CHUNKED
#define NT_CHUNKED 0
#endif
constexpr int nt_packs_per_kv_head = (NT_GROUP + NT_PACK - 1) / NT_PACK;
constexpr int nt_packs = NT_KV_HEADS * nt_packs_per_kv_head;
constexpr int nt_pack_rows = NT_GROUP < NT_PACK ? NT_GROUP : NT_PACK;
constexpr int nt_longest_item = 48;  // tiles of a four
// Whether items of four parts are worth their registers.
constexpr bool nt_has_fours = nt_pack_rows * NT_VALUE_DIM <= 1024;

// Counters: the next item, the blocks that have no more to do, and for each (sequence, pack) the items that are done.
enum { NT_NEXT_ITEM = 0, NT_FINISHED_BLOCKS = 1, NT_FINISHED_ITEMS = 2 };

// a / b for 0 <= a < 2^22.
__device__ __forceinline__ int nt_divide(int a, int b) {
  int quotient = (int)__fdividef((float)a, (float)b), rest = a - quotient * b;
  return quotient + (rest >= b ? 1 : rest < 0 ? -1 : 0);
}

// The tiles of a sequence that its last position sees, and the number of parts and of fours.
struct nt_decode_span {
  int context;     // positions, the new one included
  int first_seen;  // the first position in the window and the chunk
  int first_tile;
  int tiles;
  int parts;
  int fours;  // or parts, where fours are too long for items

  __device__ __forceinline__ nt_decode_span(const nt_decode_attention_arguments &a, int length) : context(length) {
    first_seen = a.window > 0 && context > a.window ? context - a.window : 0;
#if NT_CHUNKED
    if (context > 0) first_seen = max(first_seen, (context - 1) / a.chunk * a.chunk);
#endif
    first_tile = first_seen / nt_tile;
    tiles = (context + nt_tile - 1) / nt_tile - first_tile;
    parts = (nt_u32)(tiles + NT_SPLIT_TILES - 1) / NT_SPLIT_TILES;
    parts = parts > NT_SPLITS ? NT_SPLITS : parts < 1 ? 1 : parts;
    fours = tiles * nt_four <= nt_longest_item * parts ? (parts + nt_four - 1) / nt_four : parts;
  }
};

// One item; sequence -1: there are no more.
struct nt_decode_item {
  int sequence;
  int pack;
  int index;      // among the items of this sequence and pack
  int count;      // of those
  int part;       // from this part
  int end_part;   // to the one before this
  int parts;      // of the sequence
  int context;
  int first_seen;
  int first_tile;  // of the sequence
  int each;        // tiles of a part
  int more;        // so many parts, the first, have one more

  __device__ __forceinline__ int start_of(int part) const { return first_tile + part * each + min(part, more); }
  __device__ __forceinline__ int kv_head() const { return pack / nt_packs_per_kv_head; }
  __device__ __forceinline__ int first_head() const {
    return kv_head() * NT_GROUP + pack % nt_packs_per_kv_head * NT_PACK;
  }
  __device__ __forceinline__ int rows() const {
    int left = NT_GROUP - pack % nt_packs_per_kv_head * NT_PACK;
    return left < NT_PACK ? left : NT_PACK;
  }
  // Whether the new token's position is in it.
  __device__ __forceinline__ bool has_new_token() const { return context > 0 && end_part == parts; }
  // Whether it is the one that writes the new token to the cache.
  __device__ __forceinline__ bool writes_cache() const {
    return has_new_token() && pack % nt_packs_per_kv_head == 0;
  }
  // Where in `partials` the first result of the sequence and pack is.
  __device__ __forceinline__ nt_i64 first_result() const { return ((nt_i64)sequence * nt_packs + pack) * NT_SPLITS; }
};

constexpr int nt_groups = (NT_SEQUENCES + 31) / 32;
#ifndef NT_KEPT_GROUPS
#define NT_KEPT_GROUPS 0
#endif
// Whether the lengths of all sequences stay in the lanes, 32 of them a register. Else they are read again where the
// group changes, and the answer comes behind all that the memory was asked for before.
constexpr bool nt_keeps_lengths = nt_groups <= NT_KEPT_GROUPS;

// The list of items, which a warp keeps: of each group of 32 sequences the number of items, and one group in its lanes.
// Numbers of parts and of fours are in the low and the high half of a word.
struct nt_decode_list {
  const nt_decode_attention_arguments &a;
  nt_u32 *counts;  // [sequences / 32]
  int shift;       // 16: items are fours
  int total;       // items of all sequences
  int group;       // the group in the lanes:
  int context;     // of the lane's sequence
  nt_u32 items;    // of the group's sequences up to the lane's
  int lengths[nt_keeps_lengths ? nt_groups : 1];  // of the lane's sequence of each group

  // Of this lane's sequence of a group.
  __device__ __forceinline__ int length_of(int index) const {
    int sequence = index * 32 + threadIdx.x % 32;
    return sequence < a.sequences ? a.context_lengths[sequence] : 0;
  }
  __device__ __forceinline__ nt_u32 items_of(int index, int length) const {
    nt_decode_span span(a, length);
    return index * 32 + threadIdx.x % 32 < a.sequences ? span.parts | span.fours << 16 : 0;
  }

  __device__ __forceinline__ void load(int index) {
    context = 0;
    if constexpr (nt_keeps_lengths) {
#pragma unroll
      for (int i = 0; i < nt_groups; i++)
        if (i == index) context = lengths[i];
    } else {
      context = length_of(index);
    }
    group = index;
    items = items_of(index, context);
#pragma unroll
    for (int distance = 1; distance < 32; distance *= 2) {
      nt_u32 other = __shfl_up_sync(~0u, items, distance);
      if (threadIdx.x % 32 >= distance) items += other;
    }
  }
  __device__ __forceinline__ int number(nt_u32 pair) const { return (int)(pair >> shift & 0xffff) * nt_packs; }

  __device__ __forceinline__ nt_decode_list(const nt_decode_attention_arguments &arguments, nt_u32 *memory)
      : a(arguments), counts(memory), shift(0) {
    int parts = 0, fours = 0;
    const auto count = [&](int index, nt_u32 number) {
      if (threadIdx.x % 32 == 0) counts[index] = number;
      parts += number & 0xffff;
      fours += number >> 16;
    };
    if constexpr (nt_keeps_lengths) {
      lengths[0] = length_of(0);
      if (a.sequences > 32) {
#pragma unroll
        for (int i = 1; i < nt_groups; i++) lengths[i] = length_of(i);
#pragma unroll
        for (int i = 1; i < nt_groups; i++)
          if (i * 32 < a.sequences) count(i, __reduce_add_sync(~0u, items_of(i, lengths[i])));
      }
    } else {
#pragma unroll 2
      for (int i = (int)((a.sequences + 31) / 32) - 1; i > 0; i--)
        count(i, __reduce_add_sync(~0u, items_of(i, length_of(i))));
    }
    load(0);
    count(0, __shfl_sync(~0u, items, 31));
    total = parts * nt_packs;
    if (nt_has_fours && total > gridDim.x) {
      // Fours if they do not leave blocks idle.
      nt_i64 rounds = (total + gridDim.x - 1) / gridDim.x;
      nt_i64 rounds_of_fours = (fours * nt_packs + gridDim.x - 1) / gridDim.x;
      if (rounds_of_fours * parts * 8 <= rounds * fours * 9) {
        shift = 16;
        total = fours * nt_packs;
      }
    }
    __syncwarp();
  }

  // Item number `place` of the list; all lanes get it.
  __device__ __forceinline__ nt_decode_item find(int place) {
    int wanted = 0;
    if (a.sequences > 32)
      for (int count; place >= (count = number(counts[wanted])); wanted++) place -= count;
    if (wanted != group) load(wanted);
    int within = __popc(__ballot_sync(~0u, number(items) <= place));
    nt_decode_span span(a, __shfl_sync(~0u, context, within));
    nt_u32 before = __shfl_sync(~0u, items, within > 0 ? within - 1 : 0);
    int local = place - (within > 0 ? number(before) : 0);
    nt_decode_item item;
    item.sequence = wanted * 32 + within;
    item.count = shift > 0 ? span.fours : span.parts;
    item.pack = nt_divide(local, item.count);
    item.index = local - item.pack * item.count;
    bool is_four = item.count < span.parts;
    item.part = is_four ? item.index * nt_four : item.index;
    item.end_part = is_four ? min(item.part + nt_four, span.parts) : item.part + 1;
    item.parts = span.parts;
    item.context = span.context;
    item.first_seen = span.first_seen;
    item.first_tile = span.first_tile;
    item.each = nt_divide(span.tiles, span.parts);
    item.more = span.tiles - item.each * span.parts;
    return item;
  }
};

#endif
