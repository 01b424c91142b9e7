// The functions of libnvrtc.so.12 and .13 that are used: CUDA C++ to machine code.
#pragma once

#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

// result, member, symbol, arguments.
#define NT_NVRTC_FUNCTIONS(X)                                                                                         \
  X(const char *_Nullable, getErrorString, nvrtcGetErrorString, (int32_t code))                                       \
  X(int32_t, version, nvrtcVersion, (int32_t *major, int32_t *minor))                                                 \
  X(int32_t, getSupportedArchCount, nvrtcGetNumSupportedArchs, (int32_t *count))                                      \
  X(int32_t, getSupportedArchs, nvrtcGetSupportedArchs, (int32_t *archs))                                             \
  X(int32_t, createProgram, nvrtcCreateProgram,                                                                       \
    (uintptr_t *program, const char *source, const char *name, int32_t header_count,                                  \
     const char *_Nullable const *_Nullable headers, const char *_Nullable const *_Nullable include_names))           \
  X(int32_t, destroyProgram, nvrtcDestroyProgram, (uintptr_t *program))                                               \
  X(int32_t, addNameExpression, nvrtcAddNameExpression, (uintptr_t program, const char *expression))                  \
  X(int32_t, compileProgram, nvrtcCompileProgram,                                                                     \
    (uintptr_t program, int32_t count, const char *_Nullable const *_Nullable options))                               \
  X(int32_t, getLoweredName, nvrtcGetLoweredName,                                                                     \
    (uintptr_t program, const char *expression, const char *_Nullable *_Nonnull name))                                \
  X(int32_t, getCUBINSize, nvrtcGetCUBINSize, (uintptr_t program, size_t *size))                                      \
  X(int32_t, getCUBIN, nvrtcGetCUBIN, (uintptr_t program, char *cubin))                                               \
  X(int32_t, getProgramLogSize, nvrtcGetProgramLogSize, (uintptr_t program, size_t *size))                            \
  X(int32_t, getProgramLog, nvrtcGetProgramLog, (uintptr_t program, char *log))

#define NT_FIELD(result, member, symbol, arguments) result (*_Nonnull member) arguments;
typedef struct nt_nvrtc {
  NT_NVRTC_FUNCTIONS(NT_FIELD)
} nt_nvrtc;
#undef NT_FIELD

// Fills the table; the name of the first missing function, NULL where there are all.
const char *_Nullable nt_nvrtc_load(uintptr_t library, nt_nvrtc *table);

#pragma clang assume_nonnull end
