#include "cuda_sources.h"
#include "cuda_files.inc"

const nt_cuda_file *nt_cuda_files(nt_i64 *count) {
  *count = sizeof files / sizeof files[0];
  return files;
}
