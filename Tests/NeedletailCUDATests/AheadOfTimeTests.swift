import NeedletailKernels
import Synchronization
import Testing

@testable import NeedletailCUDA

@Suite(.enabled(if: (try? CUDALibraries.shared.nvrtc.get()) != nil, "needs NVRTC")) struct AheadOfTimeTests {
  /// Functions of whatever source compiles without definitions being there; two names of the same are two files.
  private func jobs() -> [AheadOfTime.Job] {
    let source = "common/launch.cuh"
    return (1...3).map { number in
      AheadOfTime.Job(GPUFunction(source, entry: "none", ["NT_TEST": number]), architecture: "sm_90a")
    }
  }

  @Test func whatIsMadeIsFoundWithoutACompiler() throws {
    let folder = TemporaryFolder()
    let counts = Mutex<[Int]>([])
    let ahead = AheadOfTime(try CUDALibraries.shared.nvrtc.get(), folder: folder.path + "/kernels")
    let made = try ahead.compile(jobs() + jobs(), threads: 2) { _, count in counts.withLock { $0.append(count) } }
    #expect(made.map(\.job) == jobs())
    #expect(made.allSatisfy { $0.seconds != nil })
    #expect(counts.withLock { $0 } == [1, 2, 3])
    #expect(SystemFiles.names(in: folder.path + "/kernels") == made.map(\.file).sorted())

    let cache = CubinCache(folder: nil, bundledFolder: folder.path + "/kernels") { Issue.record("warned: \($0)") }
    for job in jobs() {
      let source = try CUDASources.source(for: job.function, architecture: job.architecture)
      let found = try cache.kernel(source, architecture: job.architecture) { throw CUDAError("no compiler") }
      #expect(found.origin == .bundled)
    }
    let again = try ahead.compile(jobs(), threads: 2)
    #expect(again.allSatisfy { $0.seconds == nil })
    #expect(again.map(\.byteCount) == made.map(\.byteCount))
  }

  @Test func damagedFilesAreMadeAgain() throws {
    let folder = TemporaryFolder()
    let ahead = AheadOfTime(try CUDALibraries.shared.nvrtc.get(), folder: folder.path)
    let made = try ahead.compile([jobs()[0]])
    folder.write(made[0].file, [1, 2, 3])
    #expect(try ahead.compile([jobs()[0]])[0].seconds != nil)
    #expect(
      CompiledKernel(file: try #require(SystemFiles.read(folder.path + "/" + made[0].file, limit: 1 << 20))) != nil)
  }

  @Test func errorsAreSaid() throws {
    let nvrtc = try CUDALibraries.shared.nvrtc.get()
    let folder = TemporaryFolder()
    let absent = AheadOfTime.Job(GPUFunction("norm/absent.cu", entry: "absent"), architecture: "sm_90a")
    #expect(throws: KernelSourceError.self) {
      try AheadOfTime(nvrtc, folder: folder.path).compile(jobs() + [absent], threads: 2)
    }
    let error = #expect(throws: CUDAError.self) {
      try AheadOfTime(nvrtc, folder: "/dev/full/kernels").compile(jobs())
    }
    #expect(error?.description.hasPrefix("/dev/full/kernels cannot be made: ") == true)
  }
}
