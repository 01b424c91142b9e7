// Which rows of the step a block attends for. The query heads that share a kv head stand side by side: row r of a
// (sequence, kv head) is query r / NT_GROUP, head r % NT_GROUP of the group, so that keys brought once serve all of
// them and short chunks fill tiles. A tile is NT_ROWS of these rows.
//
// Tiles are numbered so that long ones come first: the sequences by context, longest first (among 32 neighbours at a
// time), in each the last rows first. Keys of as many kv heads as NT_L2_BYTES hold are worked on at the same time.
//
//   NT_GROUP: query heads to a kv head   NT_ROWS: rows of a tile   NT_STEP: keys at a time   NT_WINDOWED: 0, 1
//   NT_CHUNKED: 1: queries see their own chunk of positions only; 0 unless defined
//   NT_DECODES: 1: sequence s has the one query s, and may have no positions; 0 unless defined
#ifndef NEEDLETAIL_CUDA_PREFILL_TILES_CUH
#define NEEDLETAIL_CUDA_PREFILL_TILES_CUH
#include "paged_attention.h"

#ifndef NT_CHUNKED
#define NT_CHUNKED 0
#endif
#ifndef NT_DECODES
#define NT_DECODES 0
#endif
#ifndef NT_L2_BYTES
#define NT_L2_BYTES (32 << 20)
#endif

// The first position that the query at a position sees.
__device__ __forceinline__ nt_i32 nt_first_seen(const nt_prefill_attention_arguments &a, nt_i32 position) {
  nt_i32 first = 0;
#if NT_WINDOWED
  first = max(0, position - a.window + 1);
#endif
#if NT_CHUNKED
  first = max(first, position - position % a.chunk);
#endif
  return first;
}

struct nt_prefill_tile {
  nt_i32 sequence;
  nt_i32 kv_head;
  nt_i32 first_row;    // of the rows of this sequence and kv head
  nt_i32 rows;         // of this sequence and kv head
  nt_i32 first_query;  // the step's token that is the sequence's first
  nt_i32 offset;       // the position of that token
  nt_i32 context;      // positions of the sequence
  nt_i32 first_step;   // keys NT_STEP * first_step ... are seen
  nt_i32 end_step;     // and those before NT_STEP * end_step; first_step = end_step: no more tiles
};

// Finds tiles by their numbers; all lanes of a warp work together, and numbers given to one search ascend.
struct nt_prefill_search {
  nt_i64 group;    // the first of 32 sequences, one to a lane
  nt_i64 start;    // the number of their first tile
  nt_i32 total;    // their tiles
  nt_i32 begin;    // where those of this lane's sequence begin
  nt_i32 tiles;    // its tiles of one kv head
  nt_i32 length;   // its queries
  nt_i32 query;    // its first query
  nt_i32 context;  // its positions

  __device__ __forceinline__ void load(const nt_prefill_attention_arguments &a) {
    const int lane = threadIdx.x & 31;
    const nt_i64 sequence = group + lane;
    tiles = length = query = context = 0;
    if (sequence < a.sequences) {
      query = NT_DECODES ? (nt_i32)sequence : a.query_starts[sequence];
      length = NT_DECODES ? 1 : a.query_starts[sequence + 1] - query;
      context = a.context_lengths[sequence];
      if (NT_DECODES || (length > 0 && context >= length)) {
        tiles = (nt_i32)(((nt_i64)length * NT_GROUP + NT_ROWS - 1) / NT_ROWS);
      }
    }
    const nt_i32 count = tiles * a.kv_heads;
    begin = total = 0;
    const int lanes = (int)min((nt_i64)32, a.sequences - group);
    for (int other = 0; other < lanes; other++) {
      const nt_i32 others = __shfl_sync(~0u, count, other);
      const nt_i32 reach = __shfl_sync(~0u, context, other);
      total += others;
      if (reach > context || (reach == context && other < lane)) begin += others;
    }
  }

  __device__ __forceinline__ void start_at_first(const nt_prefill_attention_arguments &a) {
    group = a.first_sequence;
    start = 0;
    load(a);
  }

  // The tile of a number; false where there are fewer.
  __device__ __forceinline__ bool find(
    const nt_prefill_attention_arguments &a, nt_i64 number, nt_prefill_tile &tile
  ) {
    while (number >= start + total) {
      start += total;
      group += 32;
      if (group >= a.sequences) {
        total = 0;
        return false;
      }
      load(a);
    }
    const nt_i32 inside = (nt_i32)(number - start);
    const bool mine = inside >= begin && inside < begin + tiles * a.kv_heads;
    const int lane = __ffs(__ballot_sync(~0u, mine)) - 1;
    const nt_i32 index = inside - __shfl_sync(~0u, begin, lane);
    const nt_i32 count = __shfl_sync(~0u, tiles, lane);
    tile.sequence = (nt_i32)group + lane;
    tile.first_query = __shfl_sync(~0u, query, lane);
    tile.context = __shfl_sync(~0u, context, lane);
    const nt_i32 queries = __shfl_sync(~0u, length, lane);
    tile.rows = queries * NT_GROUP;
    tile.offset = tile.context - queries;

    const nt_i32 length_held = NT_DECODES ? max(tile.context, 1) : tile.context;
    const nt_i32 held = NT_L2_BYTES / ((a.head_dim + a.value_dim) * NT_ELEMENT_BYTES) / length_held;
    const nt_i32 section = max(1, min(held, a.kv_heads));
    const nt_i32 section_tiles = count * section;
    const nt_i32 first_head = index / section_tiles * section;
    const nt_i32 heads = min(section, a.kv_heads - first_head);
    const nt_i32 rest = index % section_tiles;
    tile.kv_head = first_head + rest % heads;
    tile.first_row = (count - 1 - rest / heads) * NT_ROWS;

    const nt_i32 last_row = min(tile.first_row + NT_ROWS, tile.rows) - 1;
    const nt_i32 last = tile.offset + last_row / NT_GROUP;
    tile.end_step = NT_DECODES && tile.context == 0 ? 0 : last / NT_STEP + 1;
    tile.first_step = nt_first_seen(a, tile.offset + tile.first_row / NT_GROUP) / NT_STEP;
    return true;
  }
};

#endif
