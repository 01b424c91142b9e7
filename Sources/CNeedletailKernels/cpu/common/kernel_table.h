// The CPU's kernels: one row for each (kernel, instruction set) that has a variant of its own. A row stands for the C
// function nt_<kernel>_<instruction set>; where a kernel has no row for an instruction set, nt_cpu_find_kernel falls to
// the next lower one, so every kernel has at least a `plain` row.
//
// This file has no include guard: dispatch.c includes it twice, to declare the functions and to fill the table.
// ANY rows are compiled everywhere, X86 and ARM rows on their architecture only.
ANY(matmul, plain)
ARM(matmul, neon)
X86(matmul, avx2)
X86(matmul, avx512)
X86(matmul, avx512bf16)
