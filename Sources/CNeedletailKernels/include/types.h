// Fixed-width types and the few macros that NVRTC, C and Swift's importer all accept. NVRTC has no <stdint.h>.
#ifndef NEEDLETAIL_TYPES_H
#define NEEDLETAIL_TYPES_H

typedef signed char nt_i8;
typedef unsigned char nt_u8;
typedef unsigned short nt_u16;
typedef int nt_i32;
typedef unsigned int nt_u32;
typedef long long nt_i64;
typedef unsigned long long nt_u64;

// Every argument struct states its size, so that C, CUDA and Swift cannot disagree on its layout.
#define NT_CHECK_SIZE(type, bytes) typedef char type##_size_check[(sizeof(type) == (bytes)) ? 1 : -1]

// Storage types; the values are those of DType.rawValue in NeedletailGraph.
enum {
  NT_REAL = 0,  // not chosen yet; never reaches a kernel
  NT_F32 = 1,
  NT_F16 = 2,
  NT_BF16 = 3,
  NT_F8E4M3 = 4,
  NT_F8E5M2 = 5,
  NT_I8 = 6,
  NT_U8 = 7,
  NT_I16 = 8,
  NT_I32 = 9,
  NT_I64 = 10,
  NT_BOOL = 11,
  NT_F64 = 12,
  NT_U4 = 13,       // two a byte, the first in the low half
  NT_F4E2M1 = 14,   // likewise
  NT_F8E8M0 = 15,   // 2^(bits - 127)
};

// Element-wise functions; the values are those of Activation.rawValue in NeedletailGraph.
enum {
  NT_IDENTITY = 0,
  NT_SILU = 1,
  NT_GELU = 2,       // 0.5 x (1 + erf(x / sqrt 2))
  NT_GELU_TANH = 3,  // the tanh approximation
  NT_RELU = 4,
  NT_RELU_SQUARED = 5,
  NT_SIGMOID = 6,
  NT_TANH = 7,
  NT_QUICK_GELU = 8,  // x sigmoid(1.702 x)
};

#endif
