// read_bandwidth: reads all of a piece of memory and does nothing with it, to measure the memory's rate.
#ifndef NEEDLETAIL_READ_BANDWIDTH_H
#define NEEDLETAIL_READ_BANDWIDTH_H
#include "types.h"

typedef struct {
  const void *memory;  // aligned to 16
  nt_u32 *sink;        // one word, written only if all of the memory xors to 0x9E3779B9: the reads cannot be left out
  nt_i64 bytes;        // a multiple of 16
} nt_read_bandwidth_arguments;
NT_CHECK_SIZE(nt_read_bandwidth_arguments, 24);

#endif
