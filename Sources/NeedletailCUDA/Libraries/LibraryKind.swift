/// The libraries that are opened when the program runs.
public enum LibraryKind: String, Sendable, CaseIterable {
  /// libcuda, which comes with the GPU's driver.
  case driver
  /// The compiler of CUDA C++, of the CUDA toolkit or of pip.
  case nvrtc
  /// Matrix products, of the CUDA toolkit or of pip.
  case cublasLt
  /// Power, energy and temperature, which comes with the GPU's driver.
  case nvml

  /// How people call it.
  public var title: String {
    switch self {
    case .driver: "NVIDIA driver"
    case .nvrtc: "NVRTC"
    case .cublasLt: "cuBLASLt"
    case .nvml: "NVML"
    }
  }

  /// Whether it has one file name for each major version of CUDA; the driver's own libraries have one name.
  var isOfToolkit: Bool { self == .nvrtc || self == .cublasLt }

  /// The majors of CUDA whose functions the tables know, newest first.
  static let majors = [13, 12]

  /// The file's name, for a major of CUDA where it has one.
  func fileName(major: Int) -> String {
    switch self {
    case .driver: "libcuda.so.1"
    case .nvrtc: "libnvrtc.so.\(major)"
    case .cublasLt: "libcublasLt.so.\(major)"
    case .nvml: "libnvidia-ml.so.1"
    }
  }

  /// A function that every version has, by whose address the library's file is found.
  var anchor: String {
    switch self {
    case .driver: "cuInit"
    case .nvrtc: "nvrtcVersion"
    case .cublasLt: "cublasLtGetVersion"
    case .nvml: "nvmlInit_v2"
    }
  }

  /// What to do where it is missing, for the major of CUDA that the driver supports (nil: no driver was found).
  public func installation(driverMajor: Int?) -> String {
    let isOld = driverMajor.map { $0 < 13 } ?? false
    return switch self {
    case .driver, .nvml:
      "install NVIDIA's driver for the GPU (550 or newer), or start the container with --gpus all"
    case .nvrtc: "pip install \(isOld ? "nvidia-cuda-nvrtc-cu12" : "nvidia-cuda-nvrtc")"
    case .cublasLt: "pip install \(isOld ? "nvidia-cublas-cu12" : "nvidia-cublas")"
    }
  }
}
