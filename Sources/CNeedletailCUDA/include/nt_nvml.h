// The functions of libnvidia-ml.so.1 that are used: power, energy, temperature and load of a GPU.
#pragma once

#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

// Bytes of a GPU's memory.
typedef struct nt_nvml_memory {
  uint64_t total, free, used;
} nt_nvml_memory;

// Percent of the last sample period in which a kernel ran, and in which memory was read or written.
typedef struct nt_nvml_utilization {
  uint32_t gpu, memory;
} nt_nvml_utilization;

// result, member, symbol, arguments. The int32_t results are nvmlReturn_t.
#define NT_NVML_FUNCTIONS(X)                                                                                          \
  X(int32_t, init, nvmlInit_v2, (void))                                                                               \
  X(int32_t, shutdown, nvmlShutdown, (void))                                                                          \
  X(const char *_Nullable, errorString, nvmlErrorString, (int32_t code))                                              \
  X(int32_t, getDriverVersion, nvmlSystemGetDriverVersion, (char *version, uint32_t size))                            \
  X(int32_t, getVersion, nvmlSystemGetNVMLVersion, (char *version, uint32_t size))                                    \
  X(int32_t, getDeviceCount, nvmlDeviceGetCount_v2, (uint32_t *count))                                                \
  X(int32_t, getDeviceByIndex, nvmlDeviceGetHandleByIndex_v2, (uint32_t index, uintptr_t *device))                    \
  X(int32_t, getDeviceByPCIBusID, nvmlDeviceGetHandleByPciBusId_v2, (const char *id, uintptr_t *device))              \
  X(int32_t, getName, nvmlDeviceGetName, (uintptr_t device, char *name, uint32_t size))                               \
  X(int32_t, getPowerMilliwatts, nvmlDeviceGetPowerUsage, (uintptr_t device, uint32_t *milliwatts))                   \
  X(int32_t, getEnergyMillijoules, nvmlDeviceGetTotalEnergyConsumption, (uintptr_t device, uint64_t *millijoules))    \
  X(int32_t, getMemory, nvmlDeviceGetMemoryInfo, (uintptr_t device, nt_nvml_memory *memory))                          \
  X(int32_t, getTemperature, nvmlDeviceGetTemperature, (uintptr_t device, int32_t sensor, uint32_t *celsius))         \
  X(int32_t, getUtilization, nvmlDeviceGetUtilizationRates, (uintptr_t device, nt_nvml_utilization *utilization))     \
  X(int32_t, getClock, nvmlDeviceGetClockInfo, (uintptr_t device, int32_t clock, uint32_t *megahertz))

#define NT_FIELD(result, member, symbol, arguments) result (*_Nonnull member) arguments;
typedef struct nt_nvml {
  NT_NVML_FUNCTIONS(NT_FIELD)
} nt_nvml;
#undef NT_FIELD

// Fills the table; the name of the first missing function, NULL where there are all.
const char *_Nullable nt_nvml_load(uintptr_t library, nt_nvml *table);

#pragma clang assume_nonnull end
