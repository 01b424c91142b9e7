import Glibc
import Synchronization
import Testing

@testable import NeedletailCUDA

private let nvrtc = try? CUDALibraries.shared.nvrtc.get()

@Suite(.enabled(if: nvrtc != nil, "needs NVRTC")) struct CompilerTests {
  let source = KernelSource(
    name: "check/add.cu",
    text: """
      #include "add.h"
      template <int N> __global__ void add(Arguments p) { p.out[threadIdx.x * N] = p.a[threadIdx.x] + BIAS; }
      """,
    headers: [.init(name: "add.h", text: "struct Arguments { float *out; const float *a; };")],
    defines: [.init("BIAS", "2.0f")], nameExpressions: ["add<4>"])

  private func origins(_ cache: CubinCache, _ count: Int) throws -> [CubinCache.Origin] {
    try (0..<count).map { _ in
      try cache.kernel(source, architecture: "sm_90a") { try CUDALibraries.shared.nvrtc.get() }.origin
    }
  }

  @Test(arguments: ["sm_80", "sm_89", "sm_90a", "sm_100a"]) func compiles(architecture: String) throws {
    let kernel = try KernelCompiler(#require(nvrtc)).compile(source, architecture: architecture)
    #expect(kernel.cubin.starts(with: [0x7f, 0x45, 0x4c, 0x46]))
    #expect(kernel.loweredNames["add<4>"]?.hasPrefix("_Z3addILi4EEv") == true)
  }

  @Test func mistakesHaveTheirLine() throws {
    var wrong = source
    wrong.text += "\n\n__global__ void f() { absent(1); }"
    let error = #expect(throws: KernelCompileError.self) {
      try KernelCompiler(#require(nvrtc)).compile(wrong, architecture: "sm_90a")
    }
    #expect(error?.firstError?.file == "check/add.cu")
    #expect(error?.firstError?.line == 4)
    #expect(error?.sourceLine == "__global__ void f() { absent(1); }")
    #expect(error?.description.contains("\"absent\" is undefined") == true)
  }

  @Test func anUnknownArchitectureIsAnError() throws {
    let error = #expect(throws: KernelCompileError.self) {
      try KernelCompiler(#require(nvrtc)).compile(source, architecture: "sm_1")
    }
    #expect(error?.description.contains("compiling check/add.cu for sm_1: ") == true)
  }

  @Test func theSecondTimeIsFromTheCache() throws {
    let folder = TemporaryFolder()
    let cache = CubinCache(folder: folder.path + "/a/b", bundledFolder: nil) { Issue.record("warned: \($0)") }
    #expect(try origins(cache, 3) == [.compiled, .cached, .cached])
    #expect(SystemFiles.names(in: folder.path + "/a/b").count == 1)
  }

  @Test func kernelsBesideTheBinaryComeFirstAndNeedNoCompiler() throws {
    let folder = TemporaryFolder()
    let kernel = try KernelCompiler(#require(nvrtc)).compile(source, architecture: "sm_90a")
    folder.write(CubinCache.bundledName(source, architecture: "sm_90a"), kernel.file())
    let cache = CubinCache(folder: nil, bundledFolder: folder.path) { Issue.record("warned: \($0)") }
    let found = try cache.kernel(source, architecture: "sm_90a") { throw CUDAError("no compiler") }
    #expect(found.origin == .bundled && found.kernel == kernel)
    #expect(
      throws: CUDAError(
        "check/add.cu is not compiled for sm_80 and there is nothing to compile it with: no compiler; "
          + "needletail doctor says what to install")
    ) { try cache.kernel(source, architecture: "sm_80") { throw CUDAError("no compiler") } }
  }

  @Test func damagedFilesAreReplaced() throws {
    let folder = TemporaryFolder()
    let warnings = Mutex(0)
    let cache = CubinCache(folder: folder.path, bundledFolder: nil) { _ in warnings.withLock { $0 += 1 } }
    #expect(try origins(cache, 1) == [.compiled])
    folder.write(SystemFiles.names(in: folder.path)[0], [1, 2, 3])
    #expect(try origins(cache, 2) == [.compiled, .cached])
    #expect(warnings.withLock { $0 } == 1)
  }

  @Test(arguments: ["/dev/full/cache", "/proc/needletail"]) func anUnusableFolderWarnsOnce(folder: String) throws {
    let warnings = Mutex<[String]>([])
    let cache = CubinCache(folder: folder, bundledFolder: nil) { text in warnings.withLock { $0.append(text) } }
    #expect(try origins(cache, 2) == [.compiled, .compiled])
    let said = warnings.withLock { $0 }
    #expect(said.count == 1)
    #expect(said.first?.contains("kernels are compiled at every start") == true)
    // The reason is that of the folder, not of a look at it.
    #expect(folder.hasPrefix("/proc") || said.first?.contains("Not a directory") == true)
  }

  @Test func noFolderIsSaid() throws {
    let warnings = Mutex<[String]>([])
    let cache = CubinCache(folder: nil, bundledFolder: nil) { text in warnings.withLock { $0.append(text) } }
    #expect(try origins(cache, 2) == [.compiled, .compiled])
    let said = warnings.withLock { $0 }
    #expect(said.count == 1 && said[0].contains("neither HOME nor XDG_CACHE_HOME is set"))
  }

  @Test func whatTheDriverDoesNotTakeIsCompiledAgain() throws {
    let folder = TemporaryFolder()
    let warnings = Mutex<[String]>([])
    let cache = CubinCache(folder: folder.path, bundledFolder: nil) { text in warnings.withLock { $0.append(text) } }
    #expect(try origins(cache, 1) == [.compiled])
    let name = SystemFiles.names(in: folder.path)[0]
    let whole = try #require(SystemFiles.read("\(folder.path)/\(name)", limit: CompiledKernel.fileLimit))
    folder.write(name, CompiledKernel(cubin: [1, 2, 3]).file())
    let reason = CUDAError(call: "cuModuleLoadDataEx", code: 209, name: "CUDA_ERROR_NO_BINARY_FOR_GPU", detail: "")
    _ = try cache.kernelAgain(source, architecture: "sm_90a", because: reason) {
      try CUDALibraries.shared.nvrtc.get()
    }
    #expect(SystemFiles.read("\(folder.path)/\(name)", limit: CompiledKernel.fileLimit) == whole)
    let said = warnings.withLock { $0 }
    #expect(said.count == 1 && said[0].contains("CUDA_ERROR_NO_BINARY_FOR_GPU"))
  }

  @Test func manyAtOnceGiveWholeFiles() async throws {
    let folder = TemporaryFolder()
    let path = folder.path
    try await withThrowingTaskGroup(of: CompiledKernel.self) { group in
      for _ in 0..<8 {
        group.addTask {
          let cache = CubinCache(folder: path, bundledFolder: nil) { Issue.record("warned: \($0)") }
          return try cache.kernel(source, architecture: "sm_90a") { try CUDALibraries.shared.nvrtc.get() }.kernel
        }
      }
      var kernels: [CompiledKernel] = []
      for try await kernel in group { kernels.append(kernel) }
      #expect(kernels.allSatisfy { $0.loweredNames == kernels[0].loweredNames })
    }
    #expect(SystemFiles.names(in: path).filter { !$0.hasSuffix(".cubin") }.isEmpty)
  }
}
