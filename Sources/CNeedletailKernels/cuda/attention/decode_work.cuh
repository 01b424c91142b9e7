// What decode attention computes is divided into items: a pack of query heads that share a kv head (at most 16), over
// a part of one sequence's tiles of 64 positions. How many parts a sequence has depends on its own length only; all
// blocks take items from one list, which each of them computes from the sequences' lengths.
//
// Constants of a specialization: NT_KV_HEADS, NT_GROUP (query heads of a kv head), NT_SPLITS (the most parts of a
// sequence), NT_SPLIT_TILES (a part has at least so many tiles, if the sequence has).
#ifndef NEEDLETAIL_CUDA_DECODE_WORK_CUH
#define NEEDLETAIL_CUDA_DECODE_WORK_CUH
#include "paged_attention.h"

constexpr int nt_tile = 64;
constexpr int nt_packs_per_kv_head = (NT_GROUP + 15) / 16;
constexpr int nt_packs = NT_KV_HEADS * nt_packs_per_kv_head;
constexpr int nt_pack_rows = NT_GROUP < 16 ? NT_GROUP : 16;

// Counters: the next item, the blocks that have no more to do, and for each (sequence, pack) the parts that are done.
enum { NT_NEXT_ITEM = 0, NT_FINISHED_BLOCKS = 1, NT_FINISHED_PARTS = 2 };

// The tiles of a sequence that its last position sees, and their division.
struct nt_decode_span {
  int context;     // positions, the new one included
  int first_seen;  // the first position in the window
  int first_tile;
  int tiles;
  int splits;

  __device__ __forceinline__ nt_decode_span(const nt_decode_attention_arguments &a, int length) : context(length) {
    first_seen = a.window > 0 && context > a.window ? context - a.window : 0;
    first_tile = first_seen / nt_tile;
    tiles = (context + nt_tile - 1) / nt_tile - first_tile;
    splits = (nt_u32)(tiles + NT_SPLIT_TILES - 1) / NT_SPLIT_TILES;
    splits = splits > NT_SPLITS ? NT_SPLITS : splits < 1 ? 1 : splits;
  }
  __device__ __forceinline__ int part_start(int split) const {
    return first_tile + (nt_u32)tiles * (nt_u32)split / (nt_u32)splits;
  }
};

// One item; sequence -1: there are no more.
struct nt_decode_item {
  int sequence;
  int pack;
  int split;
  int splits;
  int tile;      // from this tile
  int end_tile;  // to the one before this
  int context;
  int first_seen;

  __device__ __forceinline__ int kv_head() const { return pack / nt_packs_per_kv_head; }
  __device__ __forceinline__ int first_head() const {
    return kv_head() * NT_GROUP + pack % nt_packs_per_kv_head * 16;
  }
  __device__ __forceinline__ int rows() const {
    int left = NT_GROUP - pack % nt_packs_per_kv_head * 16;
    return left < 16 ? left : 16;
  }
  // Whether the new token's position is in this part.
  __device__ __forceinline__ bool has_new_token() const { return context > 0 && split == splits - 1; }
  // Whether this item is the one that writes the new token to the cache.
  __device__ __forceinline__ bool writes_cache() const {
    return has_new_token() && pack % nt_packs_per_kv_head == 0;
  }
  // Where in `partials` a part's results are.
  __device__ __forceinline__ nt_i64 partial(int part) const {
    return ((nt_i64)sequence * nt_packs + pack) * NT_SPLITS + part;
  }
};

// The list of items, which a warp keeps: of each 32 sequences the number of items up to their end, and one group of 32
// in its lanes.
struct nt_decode_list {
  const nt_decode_attention_arguments &a;
  int *ends;    // [sequences / 32]
  int group;    // the group in the lanes:
  int context;  // of the lane's sequence
  int items;    // of the group's sequences up to the lane's
  int total;    // items of all sequences

  __device__ __forceinline__ void load(int index) {
    int lane = threadIdx.x % 32, sequence = index * 32 + lane;
    group = index;
    context = sequence < a.sequences ? a.context_lengths[sequence] : 0;
    items = sequence < a.sequences ? nt_decode_span(a, context).splits * nt_packs : 0;
#pragma unroll
    for (int distance = 1; distance < 32; distance *= 2) {
      int other = __shfl_up_sync(~0u, items, distance);
      if (lane >= distance) items += other;
    }
  }

  __device__ __forceinline__ nt_decode_list(const nt_decode_attention_arguments &arguments, int *memory)
      : a(arguments), ends(memory), total(0) {
    for (int index = (int)((a.sequences + 31) / 32) - 1; index >= 0; index--) {
      load(index);
      int count = __shfl_sync(~0u, items, 31);
      if (threadIdx.x % 32 == 0) ends[index] = count;
      total += count;
    }
    __syncwarp();
  }

  // Item number `index`; all lanes get it.
  __device__ __forceinline__ nt_decode_item find(int index) {
    int wanted = 0;
    for (int count; index >= (count = ends[wanted]); wanted++) index -= count;
    if (wanted != group) load(wanted);
    int within = __popc(__ballot_sync(~0u, items <= index));
    int before = __shfl_sync(~0u, items, within > 0 ? within - 1 : 0), local = index - (within > 0 ? before : 0);
    nt_decode_span span(a, __shfl_sync(~0u, context, within));
    nt_decode_item item;
    item.sequence = wanted * 32 + within;
    item.pack = (nt_u32)local / (nt_u32)span.splits;
    item.split = local - item.pack * span.splits;
    item.splits = span.splits;
    item.tile = span.part_start(item.split);
    item.end_tile = span.part_start(item.split + 1);
    item.context = span.context;
    item.first_seen = span.first_seen;
    return item;
  }
};

#endif
