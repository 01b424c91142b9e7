// Latent attention of sequences that decode (paged_attention.h, decode_attention, with values that are part of the
// keys): the new token's latent is in the cache already and its queries are rotated (rope_cache_write).
//
// Blocks stay and take items from a list: a part of a sequence for up to NT_ROWS of its heads (decode_work.cuh). A
// sequence of several parts is merged by the block that finishes last, or, where each item has a block of its own, by
// all of them (latent_merge.cuh). An item's queries and first tile are on their way while the results of the one before
// it are stored.
//
// Constants: those of latent_rows.cuh; NT_GROUP (query heads), NT_SPLITS, NT_SPLIT_TILES, NT_SEQUENCES (the most),
// NT_OUT.
#define NT_KV_HEADS 1
#define NT_PACK NT_ROWS
#include "attention/latent_merge.cuh"

extern "C" __global__ void __launch_bounds__(nt_latent_threads, 1)
  latent_decode(const __grid_constant__ nt_decode_attention_arguments a) {
  extern __shared__ nt_latent_memory nt_dynamic[];
  nt_latent_memory &memory = nt_dynamic[0];
  __shared__ nt_u32 counts[(NT_SEQUENCES + 31) / 32];
  __shared__ nt_u32 arrivals;
  nt_let_successors_start();
  nt_wait_for_predecessors();
  // Every warp keeps the list by itself, and all write the same numbers.
  nt_decode_list list(a, counts);
  const bool takes = list.total > gridDim.x;  // more than the first that each block has
  const int lane = threadIdx.x % 32, own_row = threadIdx.x / 32 % nt_latent_row_tiles * 16 + lane / 4;
  nt_results results(a);
  const auto blocks_of = [&](const nt_decode_item &item) {
    return a.block_tables + item.sequence * a.block_table_stride;
  };
  const auto first_block = [&](const nt_decode_item &item) {
    const int start = item.start_of(item.part);
    return start < item.start_of(item.end_part) ? blocks_of(item)[start] : -1;
  };
  int stage = 0;
  // The queries and the first tile of an item, if it has one.
  const auto prepare = [&](const nt_decode_item &item, nt_i32 block) {
    if (block < 0) return;
    const int rows = item.rows(), start = item.start_of(item.part);
    const nt_u16 *queries =
      (const nt_u16 *)a.q + item.sequence * a.q_stride + (nt_i64)item.first_head() * NT_HEAD_DIM;
    nt_latent_bring_queries(memory, [&](int row) { return queries + (nt_i64)min(row, rows - 1) * NT_HEAD_DIM; });
    nt_latent_start(memory, a.cache, block, stage, start, item.context);
  };
  int index = blockIdx.x;
  nt_decode_item item, next;
  nt_i32 block = -1;
  if (index < list.total) {
    item = list.find(index);
    prepare(item, first_block(item));
  }
  while (index < list.total) {
    int taken = list.total;
    if (takes && threadIdx.x == 0) taken = gridDim.x + (int)atomicAdd(&a.counters[NT_NEXT_ITEM], 1u);
    const auto tell = [&] {
      if (takes && threadIdx.x == 0) memory.next = taken;
    };
    const auto look_ahead = [&] {
      index = takes ? memory.next : list.total;
      if (index >= list.total) return;
      next = list.find(index);
      block = first_block(next);
    };
    nt_latent_state state;
    state.start();
    const int last[2] = {item.context - 1, item.context - 1};
    const int start = item.start_of(item.part), end = item.start_of(item.end_part);
    if (start >= end) {
      tell();
      __syncthreads();
      look_ahead();
    }
    nt_latent_attend(memory, state, a.cache, blocks_of(item), stage, start, end, item.context, last,
                     a.scale * nt_latent_log2_e, tell, look_ahead);
    // The next item's copies are under way while this one's results are stored.
    if (index < list.total) prepare(next, block);
    nt_latent_sum(memory, state);
    const int rows = item.rows();
    if (item.count == 1) {
      nt_latent_store(state, [&](int row, int column, const float(&pair)[2]) {
        if (row >= rows) return;
        const float sum = memory.highest[0][row], factor = sum == 0 ? 0 : __fdividef(1.0f, sum);
        const float values[2] = {pair[0] * factor, pair[1] * factor};
        nt_store_vector<NT_OUT>(
          a.out, item.sequence * a.out_stride + (nt_i64)(item.first_head() + row) * NT_VALUE_DIM + column, values);
      });
    } else {
      const nt_i64 result = (item.first_result() + item.index) * nt_pack_rows;
      nt_latent_store(state, [&](int row, int column, const float(&pair)[2]) {
        if (row < rows) nt_store_vector<NT_F32>(results.values, (result + row) * NT_VALUE_DIM + column, pair);
      });
      if (threadIdx.x / 32 < nt_latent_row_tiles && lane % 4 == 0)
#pragma unroll
        for (int r = 0; r < 2; r++)
          if (own_row + 8 * r < rows)
            results.states[result + own_row + 8 * r] =
              make_float2(state.highest[r], memory.highest[0][own_row + 8 * r]);
      __syncthreads();
      nt_u32 *counter = a.counters + NT_FINISHED_ITEMS + (nt_i64)item.sequence * nt_packs + item.pack;
      if (threadIdx.x == 0) {
        // Releases what the block has written (it did so before the barrier) and acquires what the others have.
        asm volatile("atom.add.acq_rel.gpu.global.u32 %0, [%1], 1;" : "=r"(arrivals) : "l"(counter) : "memory");
        // Where each item has a block that is there, all parts' blocks wait for each other and merge a share.
        for (nt_u32 arrived = arrivals + 1; !takes && arrived < item.count;)
          asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(arrived) : "l"(counter) : "memory");
      }
      __syncthreads();
      if (takes) {
        if (arrivals == item.count - 1) {
          if (threadIdx.x == 0) *counter = 0;
          nt_latent_merge<4>(a, item, results, memory, 0, 1);
        }
      } else {
        // Counts to twice the number of parts and goes back to 0.
        if (threadIdx.x == 0) atomicInc(counter, 2 * item.count - 1);
        nt_latent_merge<1>(a, item, results, memory, item.index, item.count);
      }
    }
    __syncthreads();
    item = next;
  }
  if (takes && threadIdx.x == 0) {
    __threadfence();
    // Counts to gridDim.x and goes back to 0.
    if (atomicInc(&a.counters[NT_FINISHED_BLOCKS], gridDim.x - 1) == gridDim.x - 1) a.counters[NT_NEXT_ITEM] = 0;
  }
}
