/// What of NVIDIA's libraries this machine has. Each is optional; asking for one that is missing throws a sentence.
///
///     let driver = try CUDALibraries.shared.driver.get()
public struct CUDALibraries: Sendable {
  /// The GPU's driver, without which nothing runs on the GPU.
  public let driver: Result<CUDADriver, CUDAError>
  /// The compiler; not needed where all kernels are compiled already.
  public let nvrtc: Result<NVRTC, CUDAError>
  /// The vendor's matrix products; our own kernels replace it.
  public let cublasLt: Result<CUBLASLt, CUDAError>
  /// Power and energy; only figures need it.
  public let nvml: Result<NVML, CUDAError>
  /// Files that were not taken and why, one sentence each.
  public let passedOver: [LibraryKind: [String]]
  /// The newest CUDA that the driver supports; nil without a driver, or with one that does not start.
  public var driverVersion: CUDAVersion? { (try? driver.get())?.version }

  /// The libraries of this machine, opened when first asked for.
  public static let shared = CUDALibraries()

  /// Opens what the search finds. `driverMajor` stands for the driver's version where it is given.
  public init(search: LibrarySearch = .system(), driverMajor: Int? = nil) {
    var passedOver: [LibraryKind: [String]] = [:]
    func open<Library>(
      _ kind: LibraryKind, _ major: Int?, _ make: (OpenedLibrary) throws(CUDAError) -> Library
    ) -> Result<Library, CUDAError> {
      do {
        let library = try search.open(kind, driverMajor: major)
        passedOver[kind] = library.passedOver
        return .success(try make(library))
      } catch let error as CUDAError {
        return .failure(error)
      } catch let error as MissingLibrary {
        passedOver[kind] = error.passedOver
        return .failure(CUDAError(error.sentence))
      } catch {
        return .failure(CUDAError("\(kind.title): \(error)"))
      }
    }
    driver = open(.driver, nil) { library throws(CUDAError) in try CUDADriver(library) }
    let major = driverMajor ?? (try? driver.get())?.version.major
    nvrtc = open(.nvrtc, major) { library throws(CUDAError) in try NVRTC(library) }
    cublasLt = open(.cublasLt, major) { library throws(CUDAError) in try CUBLASLt(library) }
    nvml = open(.nvml, nil) { library throws(CUDAError) in try NVML(library) }
    self.passedOver = passedOver
  }
}
