// dladdr needs it.
#define _GNU_SOURCE
#include <dlfcn.h>
#ifdef __linux__
#include <link.h>
#endif
#include <stdio.h>
#include <string.h>

#include "CNeedletailCUDA.h"

uintptr_t nt_library_open(const char *name, char *error, size_t error_size) {
  void *library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
  if (library == NULL && error_size > 0) {
    const char *reason = dlerror();
    snprintf(error, error_size, "%s", reason != NULL ? reason : "the loader gives no reason");
  }
  return (uintptr_t)library;
}

void nt_library_close(uintptr_t library) {
  if (library != 0) dlclose((void *)library);
}

bool nt_library_path(uintptr_t library, const char *symbol, char *path, size_t path_size) {
  void *address = dlsym((void *)library, symbol);
  Dl_info info;
  const char *name = NULL;
  if (address != NULL && dladdr(address, &info) != 0) name = info.dli_fname;
#ifdef __linux__
  // A library without the symbol is the wrong one, and which file it is matters then.
  struct link_map *map = NULL;
  if (name == NULL && dlinfo((void *)library, RTLD_DI_LINKMAP, &map) == 0 && map != NULL) name = map->l_name;
#endif
  if (name == NULL || name[0] == 0 || strlen(name) >= path_size) return false;
  strcpy(path, name);
  return true;
}

const char *nt_library_fill(uintptr_t library, const nt_symbol *symbols, size_t count, void *table) {
  for (size_t i = 0; i < count; i++) {
    void *address = dlsym((void *)library, symbols[i].name);
    if (address == NULL) return symbols[i].name;
    memcpy((char *)table + symbols[i].offset, &address, sizeof address);
  }
  return NULL;
}

// A function of each table that fills it from the table's own list.
#define DEFINE_LOAD(TABLE, FUNCTIONS)                                                      \
  const char *TABLE##_load(uintptr_t library, struct TABLE *table) {                       \
    static const nt_symbol symbols[] = {FUNCTIONS(SYMBOL)};                                \
    return nt_library_fill(library, symbols, sizeof symbols / sizeof *symbols, table);     \
  }

#define SYMBOL(result, member, symbol, arguments) {offsetof(struct nt_cuda_driver, member), #symbol},
DEFINE_LOAD(nt_cuda_driver, NT_CUDA_DRIVER_FUNCTIONS)
#undef SYMBOL

#define SYMBOL(result, member, symbol, arguments) {offsetof(struct nt_nvrtc, member), #symbol},
DEFINE_LOAD(nt_nvrtc, NT_NVRTC_FUNCTIONS)
#undef SYMBOL

#define SYMBOL(result, member, symbol, arguments) {offsetof(struct nt_cublaslt, member), #symbol},
DEFINE_LOAD(nt_cublaslt, NT_CUBLASLT_FUNCTIONS)
#undef SYMBOL

#define SYMBOL(result, member, symbol, arguments) {offsetof(struct nt_nvml, member), #symbol},
DEFINE_LOAD(nt_nvml, NT_NVML_FUNCTIONS)
#undef SYMBOL
