import Dispatch
import Synchronization

/// What of NVIDIA's libraries this machine has. Each is optional; asking for one that is missing throws a sentence.
///
///     let driver = try CUDALibraries.shared.driver.get()
///
/// The driver is looked for at once, the others when they are first asked for: opening cuBLASLt alone takes longer than
/// a small model's start.
public struct CUDALibraries: Sendable {
  /// The GPU's driver, without which nothing runs on the GPU.
  public let driver: Result<CUDADriver, CUDAError>
  private let compiler: Lazy<Found<NVRTC>>
  private let products: Lazy<Found<CUBLASLt>>
  private let sensors: Lazy<Found<NVML>>
  private let driverNotes: [String]
  /// Whether there is no file of a driver at all, neither one that works nor one that does not.
  public let isDriverAbsent: Bool

  /// The compiler; not needed where all kernels are compiled already.
  public var nvrtc: Result<NVRTC, CUDAError> { compiler.value.result }
  /// The vendor's matrix products; our own kernels replace it.
  public var cublasLt: Result<CUBLASLt, CUDAError> { products.value.result }
  /// Power and energy; only figures need it.
  public var nvml: Result<NVML, CUDAError> { sensors.value.result }
  /// The newest CUDA that the driver supports; nil without a driver, or with one that does not start.
  public var driverVersion: CUDAVersion? { (try? driver.get())?.version }

  /// Files that were not taken and why, one sentence each; opens all libraries.
  public var passedOver: [LibraryKind: [String]] {
    [
      .driver: driverNotes, .nvrtc: compiler.value.passedOver, .cublasLt: products.value.passedOver,
      .nvml: sensors.value.passedOver,
    ].filter { !$0.value.isEmpty }
  }

  /// The libraries of this machine.
  public static let shared = CUDALibraries()

  /// The libraries that the search finds. `driverMajor` stands for the driver's version where it is given.
  public init(search: LibrarySearch = .system(), driverMajor: Int? = nil) {
    let driver = Found(.driver, search, nil) { library throws(CUDAError) in try CUDADriver(library) }
    self.driver = driver.result
    driverNotes = driver.passedOver
    isDriverAbsent = driver.isAbsent
    let major = driverMajor ?? (try? driver.result.get())?.version.major
    compiler = Lazy { Found(.nvrtc, search, major) { library throws(CUDAError) in try NVRTC(library) } }
    products = Lazy { Found(.cublasLt, search, major) { library throws(CUDAError) in try CUBLASLt(library) } }
    sensors = Lazy { Found(.nvml, search, nil) { library throws(CUDAError) in try NVML(library) } }
  }

  /// Starts to open the compiler and cuBLASLt on other threads.
  func openAhead(withProducts: Bool) {
    DispatchQueue.global(qos: .userInitiated).async { [compiler] in _ = compiler.value }
    if withProducts { DispatchQueue.global(qos: .userInitiated).async { [products] in _ = products.value } }
  }
}

/// A library, or why there is none.
private struct Found<Library: Sendable>: Sendable {
  let result: Result<Library, CUDAError>
  let passedOver: [String]
  /// Whether no file was found.
  var isAbsent = false

  init(
    _ kind: LibraryKind, _ search: LibrarySearch, _ major: Int?,
    _ make: (OpenedLibrary) throws(CUDAError) -> Library
  ) {
    do {
      let library = try search.open(kind, driverMajor: major)
      passedOver = library.passedOver
      do throws(CUDAError) { result = .success(try make(library)) } catch { result = .failure(error) }
    } catch {
      passedOver = error.passedOver
      isAbsent = passedOver.isEmpty
      result = .failure(CUDAError(error.sentence))
    }
  }
}

/// A value made when it is first asked for, once.
private final class Lazy<Value: Sendable>: Sendable {
  private let made = Mutex<Value?>(nil)
  private let make: @Sendable () -> Value

  init(_ make: @escaping @Sendable () -> Value) { self.make = make }

  var value: Value {
    made.withLock { made in
      if let made { return made }
      let value = make()
      made = value
      return value
    }
  }
}
