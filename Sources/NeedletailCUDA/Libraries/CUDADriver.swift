import CNeedletailCUDA

/// libcuda, opened and initialized.
public final class CUDADriver: Sendable, StatusNaming {
  let functions: nt_cuda_driver
  /// The file it came from.
  public let path: String
  /// The newest CUDA that the driver supports.
  public let version: CUDAVersion

  /// The driver of this machine. Throws a sentence where there is none, and the driver's code where it cannot start.
  init(_ library: OpenedLibrary) throws(CUDAError) {
    functions = try load(library, "driver is too old (CUDA 12.0 or newer is needed)", nt_cuda_driver_load)
    path = library.path
    var number: Int32 = 0
    let code = functions.driverGetVersion(&number)
    version = CUDAVersion(number: Int(number))
    try check(code, "cuDriverGetVersion", in: self, path)
    try check(functions.`init`(0), "cuInit", in: self, DriverAdvice.sentence(path: path))
  }

  func name(ofStatus code: Int32) -> String {
    var name: UnsafePointer<CChar>?
    guard functions.getErrorName(code, &name) == 0, let name else { return "an unknown code" }
    return String(cString: name)
  }

  /// How many GPUs the process sees.
  public func deviceCount() throws(CUDAError) -> Int {
    var count: Int32 = 0
    try check(functions.deviceGetCount(&count), "cuDeviceGetCount", in: self)
    return Int(count)
  }
}

/// A version of CUDA, as "13.0".
public struct CUDAVersion: Sendable, Hashable, Comparable, CustomStringConvertible {
  /// The number before the dot.
  public let major: Int
  /// The number after the dot.
  public let minor: Int

  /// A version by its parts.
  public init(major: Int, minor: Int) {
    self.major = major
    self.minor = minor
  }

  /// A version as the driver writes it: 13010 is 13.1.
  init(number: Int) {
    self.init(major: number / 1000, minor: number % 1000 / 10)
  }

  /// "13.0".
  public var description: String { "\(major).\(minor)" }

  /// By major, then minor.
  public static func < (a: CUDAVersion, b: CUDAVersion) -> Bool { (a.major, a.minor) < (b.major, b.minor) }
}

/// Fills a library's table. Throws a sentence where the library lacks a function.
func load<Table>(
  _ library: OpenedLibrary, _ complaint: String,
  _ fill: (UInt, UnsafeMutablePointer<Table>) -> UnsafePointer<CChar>?
) throws(CUDAError) -> Table {
  // The table's members are never null, so that it has no value before all are found.
  let table = UnsafeMutablePointer<Table>.allocate(capacity: 1)
  defer { table.deallocate() }
  if let missing = fill(library.handle, table) {
    throw CUDAError("\(library.path) has no \(String(cString: missing)): the \(complaint)")
  }
  return table.pointee
}
