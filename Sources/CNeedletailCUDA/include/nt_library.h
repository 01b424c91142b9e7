// Opening shared libraries and filling tables of functions.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

// Opens a library; 0 where that fails, with the loader's reason in error. Libraries that serve a table stay open until
// the program ends: code of theirs may still run on threads of theirs.
uintptr_t nt_library_open(const char *name, char *error, size_t error_size);

// Closes a library that was opened and is not wanted.
void nt_library_close(uintptr_t library);

// The path of the file that an open library came from, by the address of one of its functions; false where the loader
// cannot say.
bool nt_library_path(uintptr_t library, const char *symbol, char *path, size_t path_size);

// One entry of a table: where the address goes, and the name of the function in the library.
typedef struct nt_symbol {
  size_t offset;
  const char *name;
} nt_symbol;

// Fills a table. The name of the first function that the library lacks, NULL where it has them all.
const char *_Nullable nt_library_fill(uintptr_t library, const nt_symbol *symbols, size_t count, void *table);

#pragma clang assume_nonnull end
