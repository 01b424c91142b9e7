// The functions of libcuda.so.1 that are used, of CUDA 12.0 and newer.
#pragma once

#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

// A tensor map: what the copy engine reads of a tensor in memory. Opaque, made by tensorMapEncodeTiled, which wants it at
// a multiple of 64; the struct does not say so because Swift imports no struct of more than 16.
typedef struct nt_cu_tensor_map {
  uint64_t opaque[16];
} nt_cu_tensor_map;

// Attributes of a launch; the value is a union of 64 bytes of which these members are used.
typedef struct nt_cu_launch_attribute {
  uint32_t id;
  uint32_t padding;
  union {
    char bytes[64];
    struct {
      uint32_t x, y, z;
    } cluster;
    int32_t flag;
  } value;
} nt_cu_launch_attribute;

enum {
  NT_CU_LAUNCH_COOPERATIVE = 2,
  NT_CU_LAUNCH_CLUSTER_DIMENSION = 4,
  NT_CU_LAUNCH_PROGRAMMATIC_STREAM_SERIALIZATION = 6,
};

typedef struct nt_cu_launch_config {
  uint32_t grid_x, grid_y, grid_z;
  uint32_t block_x, block_y, block_z;
  uint32_t shared_bytes;
  uintptr_t stream;
  nt_cu_launch_attribute *_Nullable attributes;
  uint32_t attribute_count;
} nt_cu_launch_config;

// Why a graph could not be updated in place.
typedef struct nt_cu_graph_update_result {
  int32_t result;
  uintptr_t error_node;
  uintptr_t error_from_node;
} nt_cu_graph_update_result;

_Static_assert(sizeof(void *) == 8, "the layouts below are those of 64-bit systems");
_Static_assert(sizeof(nt_cu_tensor_map) == 128, "CUtensorMap");
_Static_assert(sizeof(nt_cu_launch_attribute) == 72, "CUlaunchAttribute");
_Static_assert(sizeof(nt_cu_launch_config) == 56, "CUlaunchConfig");
_Static_assert(sizeof(nt_cu_graph_update_result) == 24, "CUgraphExecUpdateResultInfo");

// result, member, symbol, arguments. Where a symbol ends in _v2 that is what cuda.h's macro stands for.
#define NT_CUDA_DRIVER_FUNCTIONS(X)                                                                                   \
  X(int32_t, init, cuInit, (uint32_t flags))                                                                          \
  X(int32_t, driverGetVersion, cuDriverGetVersion, (int32_t *version))                                                \
  X(int32_t, getErrorName, cuGetErrorName, (int32_t code, const char *_Nullable *_Nonnull name))                      \
  X(int32_t, getErrorString, cuGetErrorString, (int32_t code, const char *_Nullable *_Nonnull text))                  \
  X(int32_t, deviceGetCount, cuDeviceGetCount, (int32_t *count))                                                      \
  X(int32_t, deviceGet, cuDeviceGet, (int32_t *device, int32_t ordinal))                                              \
  X(int32_t, deviceGetName, cuDeviceGetName, (char *name, int32_t size, int32_t device))                              \
  X(int32_t, deviceGetUUID, cuDeviceGetUuid_v2, (void *uuid, int32_t device))                                         \
  X(int32_t, deviceGetPCIBusID, cuDeviceGetPCIBusId, (char *id, int32_t size, int32_t device))                        \
  X(int32_t, deviceTotalMem, cuDeviceTotalMem_v2, (size_t *bytes, int32_t device))                                    \
  X(int32_t, deviceGetAttribute, cuDeviceGetAttribute, (int32_t *value, int32_t attribute, int32_t device))           \
  X(int32_t, primaryContextRetain, cuDevicePrimaryCtxRetain, (uintptr_t *context, int32_t device))                    \
  X(int32_t, primaryContextRelease, cuDevicePrimaryCtxRelease_v2, (int32_t device))                                   \
  X(int32_t, contextSetCurrent, cuCtxSetCurrent, (uintptr_t context))                                                 \
  X(int32_t, contextSynchronize, cuCtxSynchronize, (void))                                                            \
  X(int32_t, contextGetStreamPriorityRange, cuCtxGetStreamPriorityRange, (int32_t *least, int32_t *greatest))         \
  X(int32_t, streamCreate, cuStreamCreateWithPriority, (uintptr_t *stream, uint32_t flags, int32_t priority))         \
  X(int32_t, streamDestroy, cuStreamDestroy_v2, (uintptr_t stream))                                                   \
  X(int32_t, streamSynchronize, cuStreamSynchronize, (uintptr_t stream))                                              \
  X(int32_t, streamQuery, cuStreamQuery, (uintptr_t stream))                                                          \
  X(int32_t, streamWaitEvent, cuStreamWaitEvent, (uintptr_t stream, uintptr_t event, uint32_t flags))                 \
  X(int32_t, streamBeginCapture, cuStreamBeginCapture_v2, (uintptr_t stream, int32_t mode))                           \
  X(int32_t, streamEndCapture, cuStreamEndCapture, (uintptr_t stream, uintptr_t *graph))                              \
  X(int32_t, streamIsCapturing, cuStreamIsCapturing, (uintptr_t stream, int32_t *status))                             \
  X(int32_t, eventCreate, cuEventCreate, (uintptr_t *event, uint32_t flags))                                          \
  X(int32_t, eventDestroy, cuEventDestroy_v2, (uintptr_t event))                                                      \
  X(int32_t, eventRecord, cuEventRecord, (uintptr_t event, uintptr_t stream))                                         \
  X(int32_t, eventSynchronize, cuEventSynchronize, (uintptr_t event))                                                 \
  X(int32_t, eventQuery, cuEventQuery, (uintptr_t event))                                                             \
  X(int32_t, eventElapsedTime, cuEventElapsedTime, (float *milliseconds, uintptr_t start, uintptr_t end))             \
  X(int32_t, memAlloc, cuMemAlloc_v2, (uint64_t *address, size_t bytes))                                              \
  X(int32_t, memFree, cuMemFree_v2, (uint64_t address))                                                               \
  X(int32_t, memGetInfo, cuMemGetInfo_v2, (size_t *free, size_t *total))                                              \
  X(int32_t, memHostAlloc, cuMemHostAlloc, (void *_Nullable *_Nonnull address, size_t bytes, uint32_t flags))         \
  X(int32_t, memFreeHost, cuMemFreeHost, (void *address))                                                             \
  X(int32_t, memHostRegister, cuMemHostRegister_v2, (void *address, size_t bytes, uint32_t flags))                    \
  X(int32_t, memHostUnregister, cuMemHostUnregister, (void *address))                                                 \
  X(int32_t, memHostGetDevicePointer, cuMemHostGetDevicePointer_v2, (uint64_t *device, void *address, uint32_t flags))\
  X(int32_t, memcpyHtoDAsync, cuMemcpyHtoDAsync_v2, (uint64_t to, const void *from, size_t bytes, uintptr_t stream))  \
  X(int32_t, memcpyDtoHAsync, cuMemcpyDtoHAsync_v2, (void *to, uint64_t from, size_t bytes, uintptr_t stream))        \
  X(int32_t, memcpyDtoDAsync, cuMemcpyDtoDAsync_v2, (uint64_t to, uint64_t from, size_t bytes, uintptr_t stream))     \
  X(int32_t, memsetD8Async, cuMemsetD8Async, (uint64_t to, uint8_t value, size_t count, uintptr_t stream))            \
  X(int32_t, memsetD32Async, cuMemsetD32Async, (uint64_t to, uint32_t value, size_t count, uintptr_t stream))         \
  X(int32_t, moduleLoadDataEx, cuModuleLoadDataEx,                                                                    \
    (uintptr_t *module, const void *image, uint32_t count, int32_t *options, void *_Nullable *_Nonnull values))       \
  X(int32_t, moduleUnload, cuModuleUnload, (uintptr_t module))                                                        \
  X(int32_t, moduleGetFunction, cuModuleGetFunction, (uintptr_t *function, uintptr_t module, const char *name))       \
  X(int32_t, moduleGetGlobal, cuModuleGetGlobal_v2,                                                                   \
    (uint64_t *address, size_t *bytes, uintptr_t module, const char *name))                                           \
  X(int32_t, functionGetAttribute, cuFuncGetAttribute, (int32_t *value, int32_t attribute, uintptr_t function))       \
  X(int32_t, functionSetAttribute, cuFuncSetAttribute, (uintptr_t function, int32_t attribute, int32_t value))        \
  X(int32_t, occupancyMaxActiveBlocks, cuOccupancyMaxActiveBlocksPerMultiprocessor,                                   \
    (int32_t *blocks, uintptr_t function, int32_t threads, size_t shared_bytes))                                      \
  X(int32_t, occupancyMaxActiveClusters, cuOccupancyMaxActiveClusters,                                                \
    (int32_t *clusters, uintptr_t function, const nt_cu_launch_config *config))                                       \
  X(int32_t, launchKernelEx, cuLaunchKernelEx,                                                                        \
    (const nt_cu_launch_config *config, uintptr_t function, void *_Nullable *_Nullable parameters,                    \
     void *_Nullable *_Nullable extra))                                                                               \
  X(int32_t, launchHostFunction, cuLaunchHostFunc,                                                                    \
    (uintptr_t stream, void (*function)(void *_Nullable), void *_Nullable argument))                                  \
  X(int32_t, graphInstantiate, cuGraphInstantiateWithFlags, (uintptr_t *exec, uintptr_t graph, uint64_t flags))       \
  X(int32_t, graphGetNodes, cuGraphGetNodes, (uintptr_t graph, uintptr_t *_Nullable nodes, size_t *count))            \
  X(int32_t, graphUpload, cuGraphUpload, (uintptr_t exec, uintptr_t stream))                                          \
  X(int32_t, graphLaunch, cuGraphLaunch, (uintptr_t exec, uintptr_t stream))                                          \
  X(int32_t, graphExecUpdate, cuGraphExecUpdate_v2,                                                                   \
    (uintptr_t exec, uintptr_t graph, nt_cu_graph_update_result *result))                                             \
  X(int32_t, graphExecDestroy, cuGraphExecDestroy, (uintptr_t exec))                                                  \
  X(int32_t, graphDestroy, cuGraphDestroy, (uintptr_t graph))                                                         \
  X(int32_t, tensorMapEncodeTiled, cuTensorMapEncodeTiled,                                                            \
    (nt_cu_tensor_map *map, int32_t dtype, uint32_t rank, uint64_t address, const uint64_t *dimensions,               \
     const uint64_t *strides, const uint32_t *box, const uint32_t *element_strides, int32_t interleave,               \
     int32_t swizzle, int32_t promotion, int32_t fill))

#define NT_FIELD(result, member, symbol, arguments) result (*_Nonnull member) arguments;
typedef struct nt_cuda_driver {
  NT_CUDA_DRIVER_FUNCTIONS(NT_FIELD)
} nt_cuda_driver;
#undef NT_FIELD

// Fills the table; the name of the first missing function, NULL where there are all.
const char *_Nullable nt_cuda_driver_load(uintptr_t library, nt_cuda_driver *table);

#pragma clang assume_nonnull end
