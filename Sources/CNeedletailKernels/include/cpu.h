// The CPU device's side: kernels are C functions over the argument structs, run by all workers of a pool.
#ifndef NEEDLETAIL_CPU_H
#define NEEDLETAIL_CPU_H
#include "types.h"

// What a worker knows of the launch it takes part in.
typedef struct {
  nt_u32 worker;
  nt_u32 workers;
  void *scratch;     // this worker's own, NT_SCRATCH_BYTES, aligned to 64
  nt_u64 *counter;   // 0 at the start of a launch, shared by its workers: next piece of work (use atomics)
} nt_task;

#define NT_SCRATCH_BYTES (8 << 20)

typedef void (*nt_cpu_kernel)(const void *arguments, const nt_task *task);

// Instruction sets a kernel may be written for; the values order them from plain to widest.
typedef enum {
  NT_ISA_PLAIN = 0,
  NT_ISA_NEON = 1,
  NT_ISA_AVX2 = 2,       // AVX2, FMA, F16C
  NT_ISA_AVX512 = 3,     // F, BW, DQ, VL, VNNI
  NT_ISA_AVX512BF16 = 4  // and BF16
} nt_isa;

// The widest instruction set of this machine.
nt_isa nt_cpu_best_isa(void);
// Whether this machine runs it.
int nt_cpu_has_isa(nt_isa isa);
// "avx512bf16", ...
const char *nt_isa_name(nt_isa isa);

// The cores this process may run on.
int nt_cpu_core_count(void);

// The kernel of that name ("matmul", "head_linear", "rms_norm", "rope_table", "rope_cache_write", "attention",
// "gated_activation", "unary", "binary", "gather_rows", "sample", "route", "sort_experts", "grouped_matmul",
// "combine_experts", "position_scale", "coded_matmul", "coded_grouped_matmul", "quantize_rows",
// "code_weights", "gather_coded_rows") for an instruction set, or the widest below it; null: no such kernel.
nt_cpu_kernel nt_cpu_find_kernel(const char *name, nt_isa isa);

// Bytes of a weight [n, k] in panels.
nt_u64 nt_cpu_packed_bytes(nt_i64 n, nt_i64 k, nt_i32 dtype);
// Writes rows [first, first + count) of a weight [n, k] into the panels at `packed`, which starts at row 0. `source` is
// row-major and starts at row `first`, so that several weights can be merged into one (q, k and v) and several threads
// can share the work; rows are row_stride elements apart, so that a slice of columns can be packed too. Any first and
// count are right; whole panels are the fast ones. Whoever writes row n - 1 also writes the zeros behind it.
// `source_dtype` may differ from `dtype`.
void nt_cpu_pack_weights(
  void *packed, const void *source, nt_i64 first, nt_i64 count, nt_i64 n, nt_i64 k, nt_i64 row_stride,
  nt_i32 source_dtype, nt_i32 dtype);

// The same for what each row of a weight [n, columns] has besides, scales say, elements of any size: [panel][columns]
// [NT_PANEL]. Whole codes of 8 or 4 bits are packed as float32 of which each holds four or eight.
void nt_cpu_pack_columns(
  void *packed, const void *source, nt_i64 first, nt_i64 count, nt_i64 n, nt_i64 columns, nt_i64 element_bytes);

// Rows of a weight in codes of NT_U4, NT_F4E2M1 or NT_I8, in the order of WeightCoding, as the CUDA products by such codes read
// them: n is brought to a multiple of 16 and k to one of 128 (64 for NT_I8) by codes 0 with scale 0.
//   codes: units of 8 rows b by a chunk of columns c, 512 bytes at (b * chunks + c) * 512; in a unit 16 bytes for each lane
//     4 g + t, of row 8 b + g. 4 bits: word i, nibble p + 4 e is column 128 c + 32 i + 16 (p >> 1) + 8 (p & 1) + 2 t + e.
//     8 bits: word i, byte p + 2 e is column 64 c + 16 i + 8 p + 2 t + e.
//   scales (4 bits): a word at ((b * groups + group) * 8 + g) * 4, groups of whole chunks and of at most 128 columns: the
//     scale in the low 16 bits; in the high ones -(128 + zero) of bfloat16, -(1024 + zero) of float16, or 0 for NT_F4E2M1,
//     whose scale is bfloat16. packed_scales is null for NT_I8, whose scales stay as they are.
void nt_cpu_tile_codes(
  void *packed, void *packed_scales, const void *codes, const void *scales, const nt_u8 *zeros, nt_i64 n, nt_i64 k,
  nt_i32 group, nt_i32 code, nt_i32 scale_dtype);

// A pool of threads; the caller of nt_pool_run is worker 0. Workers spin for some microseconds after a run before they
// sleep, so that the launches of consecutive steps cost little.
typedef struct nt_pool nt_pool;
nt_pool *nt_pool_create(nt_u32 workers);
void nt_pool_destroy(nt_pool *pool);
nt_u32 nt_pool_workers(const nt_pool *pool);

typedef struct {
  nt_cpu_kernel kernel;
  const void *arguments;
} nt_cpu_launch;

// Runs launches in order, each after the one before has finished on all workers. If `times` is not null, the
// nanoseconds of each launch are stored there.
void nt_pool_run(nt_pool *pool, const nt_cpu_launch *launches, nt_u64 count, nt_u64 *times);

// Memory reading loops for measuring the machine's read bandwidth on the pool's threads: streams (1 or 8) of 64-byte
// loads over `bytes` at `memory`; returns bytes per second of `repeats` passes, best one.
double nt_pool_read_bandwidth(nt_pool *pool, const void *memory, nt_u64 bytes, nt_u32 streams, nt_u32 repeats);

// Memory aligned to 64 bytes, on huge pages where the system gives them; zeroed. Null when there is none.
void *nt_memory_allocate(nt_u64 bytes);
void nt_memory_free(void *memory, nt_u64 bytes);

#endif
