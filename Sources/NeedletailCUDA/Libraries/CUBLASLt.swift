import CNeedletailCUDA

/// cuBLASLt, opened: the vendor's matrix products.
public final class CUBLASLt: Sendable, StatusNaming {
  let functions: nt_cublaslt
  /// The file it came from.
  public let path: String
  /// Its version, as "13.1.0".
  public let version: String

  init(_ library: OpenedLibrary) throws(CUDAError) {
    functions = try load(library, "library is too old (CUDA 12.0 or newer is needed)", nt_cublaslt_load)
    path = library.path
    let number = functions.getVersion()
    version = Self.versionText(number)
  }

  /// 12.x writes 120900 for 12.9.0, and so does 13.x.
  static func versionText(_ number: Int) -> String {
    "\(number / 10_000).\(number / 100 % 100).\(number % 100)"
  }

  func name(ofStatus code: Int32) -> String {
    functions.getStatusName(code).map { String(cString: $0) } ?? "an unknown code"
  }
}
