import NeedletailCUDA

/// What the kernels of the checks take: out[i] = a[i] + b[i], i < count, at addresses of the GPU.
struct AddArguments: BitwiseCopyable {
  var a: UInt64
  var b: UInt64
  var out: UInt64
  var count: Int64
}

/// The kernels of the checks as a loaded module.
final class TestKernels {
  /// Threads of a block of `add` and `clusterRank`.
  static let blockThreads = 256
  /// The name under which the compiler is asked for `add`.
  static let addExpression = "add<float>"

  /// A header, a define, a template and kernels with plain names: all that a source of the product has.
  static let source = KernelSource(
    name: "check/add.cu",
    text: """
      #include "add.h"
      template <typename T>
      __global__ void add(AddArguments p) {
      #if __CUDA_ARCH__ >= 900
        asm volatile("griddepcontrol.wait;" ::: "memory");
        asm volatile("griddepcontrol.launch_dependents;");
      #endif
        long long i = (long long)blockIdx.x * BLOCK + threadIdx.x;
        if (i < p.count) ((T *)p.out)[i] = ((const T *)p.a)[i] + ((const T *)p.b)[i];
      }
      extern "C" __global__ void clusterRank(AddArguments p) {
        unsigned rank = 0;
      #if __CUDA_ARCH__ >= 900
        asm volatile("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
      #endif
        long long i = (long long)blockIdx.x * BLOCK + threadIdx.x;
        if (i < p.count) ((float *)p.out)[i] = (float)rank;
      }
      extern "C" __global__ void fault(AddArguments p) { *(volatile int *)((char *)p.a + 0x7000000000000) = 1; }
      """,
    headers: [.init(name: "add.h", text: "struct AddArguments { void *a, *b, *out; long long count; };")],
    defines: [.init("BLOCK", blockThreads)], nameExpressions: [addExpression])

  let module: KernelModule
  let add: KernelFunction
  let clusterRank: KernelFunction
  /// Writes where there is no memory; the context is lost by it.
  let fault: KernelFunction

  init(_ context: Context, _ kernel: CompiledKernel) throws {
    guard let name = kernel.loweredNames[Self.addExpression] else {
      throw CheckFailure(description: "\(Self.addExpression) has no lowered name: \(kernel.loweredNames)")
    }
    module = try KernelModule(context, cubin: kernel.cubin, name: Self.source.name)
    add = try module.function(name)
    clusterRank = try module.function("clusterRank")
    fault = try module.function("fault")
  }
}
