// The text of everything CUDA kernels are compiled from, carried by the binary: sources and shared code by their path
// below cuda/ ("norm/rms_norm.cu"), headers of argument structs by their name ("rms_norm.h").
#ifndef NEEDLETAIL_CUDA_SOURCES_H
#define NEEDLETAIL_CUDA_SOURCES_H
#include "types.h"

typedef struct {
  const char *path;
  const char *text;  // ends with a zero
  nt_i64 byte_count; // without the zero
} nt_cuda_file;

// All of them; *count gets how many.
const nt_cuda_file *nt_cuda_files(nt_i64 *count);

#endif
