// Latent attention of sequences that do not decode (paged_attention.h, prefill_attention, with values that are part of
// the keys). A block has a tile of NT_ROWS rows (prefill_tiles.cuh), each a query and a head, and goes over the
// positions that the last of them sees.
//
// Queries stay in the latents' space, which takes three times the operations that keys and values of all heads would
// take in long prompts; what is gained is one order of summation, whatever chunks a prompt comes in.
//
// Constants: those of latent_rows.cuh; NT_GROUP (query heads), NT_OUT. Blocks: at least as many as tiles; those beyond
// return.
#define NT_STEP 64
#define NT_ELEMENT_BYTES 2
#define NT_WINDOWED 0
#include "attention/latent_rows.cuh"
#include "attention/prefill_tiles.cuh"

extern "C" __global__ void __launch_bounds__(nt_latent_threads, 1)
  latent_prefill(const __grid_constant__ nt_prefill_attention_arguments a) {
  extern __shared__ nt_latent_memory nt_dynamic[];
  nt_latent_memory &memory = nt_dynamic[0];
  nt_let_successors_start();
  nt_wait_for_predecessors();
  nt_prefill_search search;
  nt_prefill_tile tile;
  search.start_at_first(a);
  if (!search.find(a, blockIdx.x, tile)) return;

  // Rows past the last one repeat it; they are not stored.
  auto row_of = [&](int row) { return min(tile.first_row + row, tile.rows - 1); };
  nt_latent_bring_queries(memory, [&](int row) {
    const int r = row_of(row);
    return (const nt_u16 *)a.q + (nt_i64)(tile.first_query + r / NT_GROUP) * a.q_stride +
           (nt_i64)(r % NT_GROUP) * NT_HEAD_DIM;
  });
  const int own_row = threadIdx.x / 32 % nt_latent_row_tiles * 16 + threadIdx.x % 32 / 4;
  const int last[2] = {tile.offset + row_of(own_row) / NT_GROUP, tile.offset + row_of(own_row + 8) / NT_GROUP};
  nt_latent_state state;
  state.start();
  const nt_i32 *blocks = a.block_tables + tile.sequence * a.block_table_stride;
  int stage = 0;
  nt_latent_start(memory, a.cache, blocks[tile.first_step], stage, tile.first_step, tile.context);
  nt_latent_attend(memory, state, a.cache, blocks, stage, tile.first_step, tile.end_step, tile.context, last,
                   a.scale * nt_latent_log2_e, [] {}, [] {});
  nt_latent_sum(memory, state);
  nt_latent_store(state, [&](int row, int column, const float(&pair)[2]) {
    const int r = tile.first_row + row;
    if (r >= tile.rows) return;
    const float factor = __fdividef(1.0f, memory.highest[0][row]);
    const float values[2] = {pair[0] * factor, pair[1] * factor};
    nt_store_vector<NT_OUT>(
      a.out, (nt_i64)(tile.first_query + r / NT_GROUP) * a.out_stride + (nt_i64)(r % NT_GROUP) * NT_VALUE_DIM + column,
      values);
  });
}
