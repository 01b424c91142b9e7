// Pieces of 16 bytes on their way from memory to the lane that multiplies them, through shared memory that no other lane
// touches: no barrier is needed, a lane waits for its own copies.
#ifndef NEEDLETAIL_PRODUCT_PIECES_CUH
#define NEEDLETAIL_PRODUCT_PIECES_CUH
#include "product/shape.cuh"

// Requests 8 elements of a row of k elements, from `column` on; what lies past the row is zero. The rest of the line is
// brought into the second-level cache meanwhile: the next chunk needs it, and the memory gives whole lines at its full rate.
__device__ __forceinline__ void nt_request_piece(nt_u32 to, const nt_u16 *row, int column, int k) {
  if constexpr (NT_COLUMNS == 32) {
    asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16;" ::"r"(to), "l"(row + column) : "memory");
  } else if constexpr (NT_COLUMNS == 8) {
    int bytes = column < k ? 16 : 0;
    asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16, %2;" ::"r"(to), "l"(bytes ? row + column : row),
                 "r"(bytes)
                 : "memory");
  } else {
    nt_u32 words[4];
#pragma unroll
    for (int i = 0; i < 4; i++) {
      nt_u32 low = column + 2 * i < k ? row[column + 2 * i] : 0, high = column + 2 * i + 1 < k ? row[column + 2 * i + 1] : 0;
      words[i] = low | high << 16;
    }
    asm volatile("st.shared.v4.u32 [%0], {%1, %2, %3, %4};" ::"r"(to), "r"(words[0]), "r"(words[1]), "r"(words[2]),
                 "r"(words[3])
                 : "memory");
  }
}

__device__ __forceinline__ void nt_load_piece(nt_u32 (&piece)[4], nt_u32 from) {
  asm volatile("ld.shared.v4.u32 {%0, %1, %2, %3}, [%4];"
               : "=r"(piece[0]), "=r"(piece[1]), "=r"(piece[2]), "=r"(piece[3])
               : "r"(from)
               : "memory");
}

__device__ __forceinline__ void nt_store_word(nt_u32 to, nt_u32 word) {
  asm volatile("st.shared.u32 [%0], %1;" ::"r"(to), "r"(word) : "memory");
}

// Ends a group of requests; waits for all groups but the last `PENDING`.
__device__ __forceinline__ void nt_end_requests() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int PENDING> __device__ __forceinline__ void nt_wait_for_requests() {
  asm volatile("cp.async.wait_group %0;" ::"n"(PENDING) : "memory");
}

#endif
