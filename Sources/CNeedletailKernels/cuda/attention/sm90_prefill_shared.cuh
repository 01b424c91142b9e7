// Sizes of sm90_prefill_attention's tiles, its shared memory, and the rings that its warps pass tiles through.
#ifndef NEEDLETAIL_CUDA_SM90_PREFILL_SHARED_CUH
#define NEEDLETAIL_CUDA_SM90_PREFILL_SHARED_CUH
#include "common/conversions.cuh"
#include "common/launch.cuh"
#include "common/tensor_copies.cuh"

#define NT_ROWS (64 * NT_WARPGROUPS)
#define NT_ELEMENT_BYTES 2
#include "attention/prefill_softmax.cuh"
#include "attention/sm90_wgmma_registers.cuh"

namespace {

constexpr int kPositions = 64;  // of a cache block
constexpr int kParts = (NT_HEAD_DIM + 63) / 64;
constexpr nt_u32 kQueryPart = NT_ROWS * 128;
constexpr nt_u32 kQueryBytes = kParts * kQueryPart;
constexpr nt_u32 kStepPart = NT_STEP * 128;
constexpr nt_u32 kStepBytes = kParts * kStepPart;
constexpr int kConsumers = 128 * NT_WARPGROUPS;
constexpr int kLoaders = 96;
constexpr int kTiles = 3;  // known ahead
// Registers of the threads that attend, and of the others: 65,536 in all.
constexpr int kRegisters = NT_WARPGROUPS == 3 ? 160 : NT_HEAD_DIM > 192 ? 224 : 216;
constexpr int kOtherRegisters = NT_WARPGROUPS == 3 ? 32 : NT_HEAD_DIM > 192 ? 56 : 72;
// Columns of values that one instruction multiplies.
constexpr int kColumns = NT_HEAD_DIM % 128 == 0 ? 128 : NT_HEAD_DIM == 96 ? 96 : 64;
static_assert(NT_HEAD_DIM % kColumns == 0, "head size");

struct Shared {
  nt_u8 queries[NT_QUERY_TILES][kQueryBytes];
  nt_u8 keys[NT_STAGES][kStepBytes];
  nt_u8 values[NT_STAGES][kStepBytes];
  nt_u64 query_full[NT_QUERY_TILES], query_empty[NT_QUERY_TILES];
  nt_u64 key_full[NT_STAGES], key_empty[NT_STAGES], value_full[NT_STAGES], value_empty[NT_STAGES];
  nt_u64 tile_full[kTiles], tile_empty[kTiles];
  nt_prefill_tile tiles[kTiles];
};
// What the launch's configuration adds to tiles.
static_assert(sizeof(Shared) <= NT_QUERY_TILES * kQueryBytes + 2 * NT_STAGES * kStepBytes + 512, "shared memory");

// A place in a ring and the parity of its current round.
template <int COUNT> struct Ring {
  nt_u32 place = 0;
  nt_u32 round = 0;
  __device__ __forceinline__ void advance() {
    if (++place == COUNT) {
      place = 0;
      round ^= 1;
    }
  }
};

__device__ __forceinline__ void arrive_threads(int barrier, int threads) {
  asm volatile("bar.arrive %0, %1;" ::"r"(barrier), "r"(threads) : "memory");
}

}  // namespace

#endif
