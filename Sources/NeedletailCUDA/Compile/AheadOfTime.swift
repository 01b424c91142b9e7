import NeedletailGraph
import NeedletailKernels
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Compiles functions into a folder, from which a machine that has only the driver loads them (`CubinCache`).
///
///     let made = try AheadOfTime(nvrtc, folder: "needletail-kernels").compile([(function, "sm_90a")])
public struct AheadOfTime: Sendable {
  /// A function and the architecture that it is compiled for.
  public struct Job: Hashable, Sendable {
    /// The function.
    public var function: GPUFunction
    /// The architecture: "sm_90a".
    public var architecture: String

    /// A function for an architecture.
    public init(_ function: GPUFunction, architecture: String) {
      self.function = function
      self.architecture = architecture
    }
  }

  /// What came of a job.
  public struct Made: Sendable {
    /// The job.
    public var job: Job
    /// The file's name in the folder.
    public var file: String
    /// Bytes of machine code.
    public var byteCount: Int
    /// Seconds that the compiler took; nil where the file was there and whole.
    public var seconds: Double?
  }

  /// The compiler.
  public let nvrtc: NVRTC
  /// The folder; it is made where it is not there.
  public let folder: String

  /// A compiler of functions into a folder.
  public init(_ nvrtc: NVRTC, folder: String) {
    self.nvrtc = nvrtc
    self.folder = folder
  }

  /// Compiles all jobs, several at the same time, each into a file of its own that is written under a temporary name.
  /// Files that are there and whole are left as they are.
  ///
  /// - Parameters:
  ///   - jobs: functions and architectures; equal ones are compiled once.
  ///   - threads: how many are compiled at the same time.
  ///   - progress: gets each result as it comes, from any thread but one at a time, and how many there are so far.
  /// - Throws: the first error; what came before it stays.
  public func compile(
    _ jobs: [Job], threads: Int = 1, progress: @escaping @Sendable (Made, Int) -> Void = { _, _ in }
  ) throws -> [Made] {
    guard SystemFiles.makeFolder(folder) else {
      throw CUDAError("\(folder) cannot be made: \(SystemFiles.reason())")
    }
    var seen: Set<Job> = []
    let jobs = jobs.filter { seen.insert($0).inserted }
    struct State {
      var next = 0
      var made: [Int: Made] = [:]
      var error: (any Error)?
    }
    let state = Mutex(State())
    Workers.run(min(max(1, threads), max(1, jobs.count))) {
      while true {
        let index = state.withLock { state -> Int? in
          guard state.error == nil, state.next < jobs.count else { return nil }
          defer { state.next += 1 }
          return state.next
        }
        guard let index else { return }
        do {
          let made = try make(jobs[index])
          state.withLock { state in
            state.made[index] = made
            progress(made, state.made.count)
          }
        } catch {
          state.withLock { $0.error = $0.error ?? error }
        }
      }
    }
    return try state.withLock { state in
      if let error = state.error { throw error }
      return jobs.indices.compactMap { state.made[$0] }
    }
  }

  private func make(_ job: Job) throws -> Made {
    let source = try CUDASources.source(for: job.function, architecture: job.architecture)
    let name = CubinCache.bundledName(source, architecture: job.architecture)
    let path = folder + "/" + name
    if let bytes = SystemFiles.read(path, limit: CompiledKernel.fileLimit), let kernel = CompiledKernel(file: bytes) {
      return Made(job: job, file: name, byteCount: kernel.cubin.count, seconds: nil)
    }
    let clock = ContinuousClock()
    let start = clock.now
    let kernel = try KernelCompiler(nvrtc).compile(source, architecture: job.architecture)
    let duration = start.duration(to: clock.now)
    if let reason = SystemFiles.writeAtomically(kernel.file(), to: path) {
      throw CUDAError("\(path) cannot be written: \(reason)")
    }
    return Made(job: job, file: name, byteCount: kernel.cubin.count, seconds: duration / .seconds(1))
  }
}

/// Threads that run one body each.
private enum Workers {
  private final class Body: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
  }

  /// Runs a body on so many threads, the caller's among them, and waits for all.
  static func run(_ count: Int, _ body: @escaping @Sendable () -> Void) {
    var threads: [pthread_t] = []
    for _ in 1..<max(count, 1) {
      let argument = Unmanaged.passRetained(Body(body))
      var thread = pthread_t()
      var attributes = pthread_attr_t()
      pthread_attr_init(&attributes)
      // The compiler recurses deeply.
      pthread_attr_setstacksize(&attributes, 16 << 20)
      defer { pthread_attr_destroy(&attributes) }
      let code = pthread_create(
        &thread, &attributes,
        { argument in
          guard let argument else { return nil }
          Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run()
          return nil
        }, argument.toOpaque())
      if code == 0 { threads.append(thread) } else { argument.release() }
    }
    body()
    for thread in threads { pthread_join(thread, nil) }
  }
}

extension Plan {
  /// The kernels that its launches run on a GPU, each once, in order of appearance.
  public var gpuFunctions: [GPUFunction] {
    var seen: Set<GPUFunction> = []
    return variants.flatMap(\.launches).compactMap { $0.gpu?.function }.filter { seen.insert($0).inserted }
  }
}

extension GPUFunction {
  /// All kernels that running a plan on a GPU takes: its launches', those that draw tokens, and those that make dummy
  /// weights; each once.
  public static func needed(by plan: Plan, on gpu: GPUTraits) -> [GPUFunction] {
    var seen: Set<GPUFunction> = []
    let dummies = Set(plan.weights.map(\.dtype)).sorted { $0.rawValue < $1.rawValue }
      .map { GPUWeights.dummy(rows: 1, columns: 1, out: $0).function }
    return (plan.gpuFunctions + CUDASampler.launches(plan, gpu).map(\.function) + dummies)
      .filter { seen.insert($0).inserted }
  }
}
