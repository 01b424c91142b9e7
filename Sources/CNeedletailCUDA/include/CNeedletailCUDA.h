// NVIDIA's libraries as tables of functions, filled when the program runs.
//
// Nothing here is linked and no header of a CUDA toolkit is needed: every function, struct and constant that is used is
// declared in this folder. Handles are uintptr_t, which has the size and the calling convention of a pointer.
#pragma once

#include "nt_cublaslt.h"
#include "nt_cuda_driver.h"
#include "nt_library.h"
#include "nt_nvml.h"
#include "nt_nvrtc.h"
