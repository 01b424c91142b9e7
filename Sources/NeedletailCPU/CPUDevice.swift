import CNeedletailKernels
import NeedletailKernels

/// The CPU as a device: a pool of threads that runs C kernels in the widest instruction set of this machine.
///
///     let device = try CPUDevice(threads: 2)
///     let loaded = try device.load(plan, weights: source, blockCount: 256, progress: nil)
public final class CPUDevice: Device, @unchecked Sendable {
  /// The kernels' instruction set.
  public let instructionSet: InstructionSet
  /// Threads of the pool, the caller's included.
  public let threads: Int
  // The pool serializes runs itself; its pointer never changes.
  let pool: OpaquePointer
  let kernels: KernelTable

  /// A device with a pool of its own.
  ///
  /// - Parameters:
  ///   - threads: threads of the pool; nil: one for each core this process may use.
  ///   - instructionSet: nil: the widest one this machine runs, or what NEEDLETAIL_CPU names.
  /// - Throws: `CPUError` where the instruction set is unknown or not of this machine, or no thread can be made.
  public init(threads: Int? = nil, instructionSet: InstructionSet? = nil) throws {
    let chosen = try instructionSet ?? Self.environmentInstructionSet() ?? .best
    guard chosen.isAvailable else {
      throw CPUError("this CPU has no \(chosen.name); it has \(Self.availableNames)")
    }
    let count = threads ?? Self.coreCount
    guard 1...1024 ~= count else { throw CPUError("threads must be 1 to 1024, not \(count)") }
    guard let pool = nt_pool_create(UInt32(count)) else { throw CPUError("\(count) threads could not be started") }
    self.instructionSet = chosen
    self.threads = count
    self.pool = pool
    kernels = KernelTable(chosen)
  }

  deinit { nt_pool_destroy(pool) }

  /// What plans for this device are compiled with.
  public var catalog: any KernelCatalog { CPUCatalog(instructionSet) }
  /// "CPU avx512bf16, 2 threads"
  public var summary: String { "CPU \(instructionSet.name), \(threads) thread\(threads == 1 ? "" : "s")" }

  private static var availableNames: String {
    InstructionSet.allCases.filter(\.isAvailable).map(\.name).joined(separator: ", ")
  }

  /// Bytes a second that this device's threads read from memory, by three loops of 64-byte loads: one stream a thread,
  /// eight streams a thread, and the better of both over memory on huge pages.
  public func readBandwidth(bytes: Int = 1 << 30, repeats: Int = 5) throws -> [(loop: String, bytesPerSecond: Double)] {
    guard let huge = nt_memory_allocate(UInt64(bytes)) else { throw CPUError("\(bytes) bytes could not be had") }
    defer { nt_memory_free(huge, UInt64(bytes)) }
    let plain = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 4096)
    defer { plain.deallocate() }
    // Untouched pages are all one page of zeros, which the caches hold.
    plain.initializeMemory(as: UInt8.self, repeating: 1, count: bytes)
    huge.initializeMemory(as: UInt8.self, repeating: 1, count: bytes)
    func measure(_ memory: UnsafeRawPointer, _ streams: UInt32) -> Double {
      nt_pool_read_bandwidth(pool, memory, UInt64(bytes), streams, UInt32(repeats))
    }
    return [
      ("one stream", measure(plain, 1)), ("eight streams", measure(plain, 8)),
      ("huge pages", max(measure(huge, 1), measure(huge, 8))),
    ]
  }
}

/// What keeps the CPU device from being used.
public struct CPUError: Error, Equatable, CustomStringConvertible {
  /// One sentence.
  public let description: String
  /// An error.
  public init(_ description: String) { self.description = description }
}

/// The functions of one instruction set by name.
struct KernelTable {
  private let instructionSet: InstructionSet
  init(_ instructionSet: InstructionSet) { self.instructionSet = instructionSet }

  func kernel(_ name: String) throws(CPUError) -> nt_cpu_kernel {
    guard let kernel = nt_cpu_find_kernel(name, instructionSet.isa) else {
      throw CPUError("the CPU device has no kernel \(name)")
    }
    return kernel
  }
}
