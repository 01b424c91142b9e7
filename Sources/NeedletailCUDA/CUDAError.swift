/// A call to one of NVIDIA's libraries that failed: which call, with what code, on what.
///
/// Its text is one sentence: "cuLaunchKernelEx failed with 700 (CUDA_ERROR_ILLEGAL_ADDRESS): rms_norm, grid 3 x 1 x 1".
public struct CUDAError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The function that failed, as the library names it.
  public let call: String
  /// The library's status code; -1 where there was none.
  public let code: Int32
  /// The code's name, as the library gives it; empty where there was no code.
  public let name: String
  /// The object and the amounts the call was about.
  public let detail: String

  /// The failure of a call.
  public init(call: String, code: Int32, name: String, detail: String) {
    self.call = call
    self.code = code
    self.name = name
    self.detail = detail
  }

  /// Something that is missing or refused before any call is made; the sentence says what.
  public init(_ sentence: String) {
    self.init(call: "", code: -1, name: "", detail: sentence)
  }

  /// One sentence.
  public var description: String {
    if call.isEmpty { return detail }
    return "\(call) failed with \(code) (\(name))" + (detail.isEmpty ? "" : ": \(detail)")
  }

  /// Whether the driver reported that the GPU's memory is used up.
  public var isOutOfMemory: Bool {
    call.hasPrefix("cu") && code == CUDAStatus.outOfMemory && !call.hasPrefix("cuMemHostAlloc")
  }

  /// Whether the driver does not take machine code, which other machine code may mend.
  var isRefusedImage: Bool { call.hasPrefix("cuModule") && CUDAStatus.refusedImage.contains(code) }

  /// Whether the context is lost: after such a failure of a kernel every later call fails with the same code, and only
  /// a new process gets a working context.
  public var isContextLost: Bool { call.hasPrefix("cu") && CUDAStatus.contextLost.contains(code) }
}

/// Codes of the driver that decisions are taken on.
enum CUDAStatus {
  static let outOfMemory: Int32 = 2
  static let noDevice: Int32 = 100
  /// An invalid image, none for this GPU, made by a newer toolkit than the driver knows.
  static let refusedImage: Set<Int32> = [200, 209, 222]
  /// A call of the system failed: no device files, or no /proc.
  static let operatingSystem: Int32 = 304
  static let graphUpdateFailure: Int32 = 910
  static let notReady: Int32 = 600
  /// Illegal address, launch timeout, assert, hardware stack error, illegal instruction, misaligned address, invalid
  /// address space, invalid program counter, launch failure.
  static let contextLost: Set<Int32> = [700, 702, 710, 714, 715, 716, 717, 718, 719]
}

/// A library that has names for its status codes.
protocol StatusNaming {
  /// The name of a code.
  func name(ofStatus code: Int32) -> String
}

/// Turns a status code into an error; all calls of all libraries go through it. The detail is made only for an error.
@inline(__always)
func check(
  _ code: Int32, _ call: StaticString, in library: some StatusNaming, _ detail: @autoclosure () -> String = ""
) throws(CUDAError) {
  if code == 0 { return }
  throw CUDAError(call: "\(call)", code: code, name: library.name(ofStatus: code), detail: detail())
}
