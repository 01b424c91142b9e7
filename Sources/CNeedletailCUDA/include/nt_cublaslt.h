// The functions of libcublasLt.so.12 and .13 that are used: matrix products.
#pragma once

#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

typedef struct nt_cublaslt_algorithm {
  uint64_t data[8];
} nt_cublaslt_algorithm;

typedef struct nt_cublaslt_heuristic {
  nt_cublaslt_algorithm algorithm;
  size_t workspace_bytes;
  int32_t state;
  float waves;
  int32_t reserved[4];
} nt_cublaslt_heuristic;

_Static_assert(sizeof(nt_cublaslt_heuristic) == 96, "cublasLtMatmulHeuristicResult_t");

// Values of cudaDataType_t, cublasComputeType_t and the attributes of cuBLASLt's descriptors.
enum {
  NT_CUDA_R_32F = 0,
  NT_CUDA_R_16F = 2,
  NT_CUDA_R_8I = 3,
  NT_CUDA_R_32I = 10,
  NT_CUDA_R_16BF = 14,
  NT_CUDA_R_8F_E4M3 = 28,
  NT_CUDA_R_8F_E5M2 = 29,
  NT_CUBLAS_COMPUTE_32F = 68,
  NT_CUBLAS_COMPUTE_32I = 72,
  NT_CUBLASLT_DESC_TRANSPOSE_A = 3,
  NT_CUBLASLT_DESC_TRANSPOSE_B = 4,
  NT_CUBLASLT_DESC_EPILOGUE = 7,
  NT_CUBLASLT_DESC_BIAS_POINTER = 8,
  NT_CUBLASLT_DESC_A_SCALE_POINTER = 17,
  NT_CUBLASLT_DESC_B_SCALE_POINTER = 18,
  NT_CUBLASLT_LAYOUT_BATCH_COUNT = 5,
  NT_CUBLASLT_LAYOUT_BATCH_STRIDE = 6,
  NT_CUBLASLT_PREFERENCE_WORKSPACE_BYTES = 1,
  NT_CUBLASLT_EPILOGUE_BIAS = 4,
};

// result, member, symbol, arguments. The int32_t results are cublasStatus_t.
#define NT_CUBLASLT_FUNCTIONS(X)                                                                                      \
  X(size_t, getVersion, cublasLtGetVersion, (void))                                                                   \
  X(const char *_Nullable, getStatusName, cublasLtGetStatusName, (int32_t code))                                      \
  X(int32_t, create, cublasLtCreate, (uintptr_t *handle))                                                             \
  X(int32_t, destroy, cublasLtDestroy, (uintptr_t handle))                                                            \
  X(int32_t, matmulDescCreate, cublasLtMatmulDescCreate, (uintptr_t *description, int32_t compute, int32_t scale))    \
  X(int32_t, matmulDescDestroy, cublasLtMatmulDescDestroy, (uintptr_t description))                                   \
  X(int32_t, matmulDescSetAttribute, cublasLtMatmulDescSetAttribute,                                                  \
    (uintptr_t description, int32_t attribute, const void *value, size_t size))                                       \
  X(int32_t, layoutCreate, cublasLtMatrixLayoutCreate,                                                                \
    (uintptr_t *layout, int32_t dtype, uint64_t rows, uint64_t columns, int64_t leading))                             \
  X(int32_t, layoutDestroy, cublasLtMatrixLayoutDestroy, (uintptr_t layout))                                          \
  X(int32_t, layoutSetAttribute, cublasLtMatrixLayoutSetAttribute,                                                    \
    (uintptr_t layout, int32_t attribute, const void *value, size_t size))                                            \
  X(int32_t, preferenceCreate, cublasLtMatmulPreferenceCreate, (uintptr_t *preference))                               \
  X(int32_t, preferenceDestroy, cublasLtMatmulPreferenceDestroy, (uintptr_t preference))                              \
  X(int32_t, preferenceSetAttribute, cublasLtMatmulPreferenceSetAttribute,                                            \
    (uintptr_t preference, int32_t attribute, const void *value, size_t size))                                        \
  X(int32_t, getHeuristic, cublasLtMatmulAlgoGetHeuristic,                                                            \
    (uintptr_t handle, uintptr_t description, uintptr_t a, uintptr_t b, uintptr_t c, uintptr_t d,                     \
     uintptr_t preference, int32_t requested, nt_cublaslt_heuristic *results, int32_t *found))                        \
  X(int32_t, matmul, cublasLtMatmul,                                                                                  \
    (uintptr_t handle, uintptr_t description, const void *alpha, uint64_t a, uintptr_t a_layout, uint64_t b,          \
     uintptr_t b_layout, const void *beta, uint64_t c, uintptr_t c_layout, uint64_t d, uintptr_t d_layout,            \
     const nt_cublaslt_algorithm *_Nullable algorithm, uint64_t workspace, size_t workspace_bytes, uintptr_t stream))

#define NT_FIELD(result, member, symbol, arguments) result (*_Nonnull member) arguments;
typedef struct nt_cublaslt {
  NT_CUBLASLT_FUNCTIONS(NT_FIELD)
} nt_cublaslt;
#undef NT_FIELD

// Fills the table; the name of the first missing function, NULL where there are all.
const char *_Nullable nt_cublaslt_load(uintptr_t library, nt_cublaslt *table);

#pragma clang assume_nonnull end
