import Testing

@testable import NeedletailCUDA

@Suite struct DiscoveryTests {
  @Test func aMachineWithoutLibrariesHasSentences() {
    let libraries = CUDALibraries(search: LibrarySearch(folders: [], asksLoader: false))
    let findings = CUDADiscovery.report(libraries, cache: CubinCache(folder: nil, bundledFolder: nil))
    let driver = findings.first { $0.name == "NVIDIA driver" }
    #expect(driver?.value == "libcuda.so.1 was not found; models run on the CPU")
    #expect(driver?.advice?.contains("install NVIDIA's driver") == true)
    #expect(findings.first { $0.name == "NVRTC" }?.advice == "pip install nvidia-cuda-nvrtc")
    #expect(findings.allSatisfy { !$0.isProblem })
    #expect(throws: CUDAError("libnvrtc.so.13 or libnvrtc.so.12 was not found")) { try libraries.nvrtc.get() }
  }

  @Test func damagedLibrariesArePassedOver() throws {
    let folder = TemporaryFolder()
    for name in ["libcuda.so.1", "libnvrtc.so.13", "libnvrtc.so.12", "libcublasLt.so.13", "libnvidia-ml.so.1"] {
      folder.write(name, Array("no library".utf8))
    }
    let libraries = CUDALibraries(search: LibrarySearch(folders: [folder.path], asksLoader: false), driverMajor: 12)
    let nvrtc = try #require(libraries.passedOver[.nvrtc])
    #expect(nvrtc.count == 2)
    #expect(nvrtc[0] == "\(folder.path)/libnvrtc.so.13: the driver supports CUDA 12 at most")
    #expect(nvrtc[1].hasPrefix("\(folder.path)/libnvrtc.so.12: "))
    #expect(
      libraries.passedOver[.cublasLt] == ["\(folder.path)/libcublasLt.so.13: the driver supports CUDA 12 at most"])
    #expect(libraries.passedOver[.nvml]?.count == 1)
    #expect(throws: CUDAError.self) { try libraries.driver.get() }
  }

  @Test func aLibraryWithoutTheFunctionsIsUnusable() throws {
    // Handle 0 is the program itself, which has none of the functions.
    let library = OpenedLibrary(handle: 0, path: "libold.so", passedOver: [])
    let error = #expect(throws: CUDAError.self) { try CUDADriver(library) }
    #expect(
      error?.description
        == "libold.so has no cuInit: the driver is too old (CUDA 12.0 or newer is needed)")
  }

  @Test func packagesOfPipAreFound() {
    let folder = TemporaryFolder()
    let site = "lib/python3.12/site-packages"
    for name in ["cuda_nvrtc", "cublas", "cu13"] { folder.write("\(site)/nvidia/\(name)/lib/x", []) }
    folder.write("\(site)/nvidia/__init__.py", [])
    let sites = LibrarySearch.packageFolders(prefix: folder.path)
    #expect(sites == ["\(folder.path)/\(site)"])
    #expect(
      sites.flatMap(LibrarySearch.libraryFolders(site:))
        == ["cu13", "cublas", "cuda_nvrtc"].map { "\(folder.path)/\(site)/nvidia/\($0)/lib" })
  }

  @Test func theDriversRefusalsHaveAdvice() {
    func advice(_ code: Int32, files: Bool = true, forbidden: [String] = []) -> String {
      DriverAdvice.advice(code: code, hasDeviceFiles: files, forbidden: forbidden)
    }
    #expect(advice(100, forbidden: ["/dev/nvidia0"]).contains("access to /dev/nvidia0"))
    #expect(advice(100, files: false).contains("--gpus all"))
    #expect(advice(304, files: false).contains("--gpus all") && advice(304).contains("nvidia-smi"))
    #expect(advice(100).contains("CUDA_VISIBLE_DEVICES"))
    #expect(advice(803).contains("different versions"))
    #expect(Set([34, 46, 100, 802, 803, 999].map { advice($0) }).count == 6)
  }

  @Test(arguments: [(70, "7.0"), (75, "7.5"), (52, "5.2")])
  func gpusThatAreTooOldAreRefused(capability: Int, name: String) throws {
    let reason = try #require(DeviceProperties.refusal(computeCapability: capability))
    #expect(
      reason
        == "this GPU is too old: compute capability 8.0 (Ampere) or newer is needed, and it has \(name)")
  }

  @Test(arguments: [80, 86, 89, 90, 100, 120]) func newerGPUsAreTaken(capability: Int) {
    #expect(DeviceProperties.refusal(computeCapability: capability) == nil)
  }

  @Test func theLibrarysFileIsNamed() throws {
    // A library that is none of NVIDIA's stands where the driver's is looked for.
    let other = ["/lib/x86_64-linux-gnu/libm.so.6", "/lib/aarch64-linux-gnu/libm.so.6", "/lib64/libm.so.6"]
    guard let library = other.first(where: SystemFiles.exists) else { return }
    let folder = TemporaryFolder()
    folder.write("libcuda.so.1", try #require(SystemFiles.read(library, limit: 1 << 26)))
    let libraries = CUDALibraries(search: LibrarySearch(folders: [folder.path], asksLoader: false))
    let error = #expect(throws: CUDAError.self) { try libraries.driver.get() }
    #expect(error?.description.hasPrefix("\(folder.path)/libcuda.so.1 has no cuInit: the driver is too old") == true)
    #expect(!libraries.isDriverAbsent)
    #expect(CUDALibraries(search: LibrarySearch(folders: [], asksLoader: false)).isDriverAbsent)
  }

  @Test func memoryThatRanOutIsTheGPUsOrTheHosts() {
    func error(_ call: String, _ code: Int32) -> CUDAError {
      CUDAError(call: call, code: code, name: "CUDA_ERROR_OUT_OF_MEMORY", detail: "")
    }
    #expect(error("cuMemAlloc_v2", 2).isOutOfMemory && error("cuModuleLoadDataEx", 2).isOutOfMemory)
    #expect(!error("cuMemHostAlloc", 2).isOutOfMemory && !error("cuMemAlloc_v2", 1).isOutOfMemory)
    #expect(error("cuModuleLoadDataEx", 209).isRefusedImage && !error("cuLaunchKernelEx", 209).isRefusedImage)
    #expect(DriverAdvice.refusal(of: "GPU", code: 2).hasPrefix("GPU; its memory is used up by other processes"))
    #expect(DriverAdvice.refusal(of: "GPU", code: 46).contains("another process has the GPU for itself"))
    #expect(DriverAdvice.refusal(of: "GPU", code: 1) == "GPU")
  }

  @Test func versionsAndArchitectures() {
    #expect(CUDAVersion(number: 13010).description == "13.1")
    #expect(CUDAVersion(number: 12090) < CUDAVersion(number: 13000))
    #expect(CUBLASLt.versionText(120_901) == "12.9.1")
    #expect([80, 89, 90, 100].map(DeviceProperties.architecture) == ["sm_80", "sm_89", "sm_90a", "sm_100a"])
    #expect(gibibytes(150_754_820_096) == "140.4 GiB")
  }

  @Test func errorsAreOneSentence() {
    let error = CUDAError(
      call: "cuLaunchKernelEx", code: 700, name: "CUDA_ERROR_ILLEGAL_ADDRESS", detail: "rms_norm, grid 3 x 1 x 1")
    #expect(
      error.description
        == "cuLaunchKernelEx failed with 700 (CUDA_ERROR_ILLEGAL_ADDRESS): rms_norm, grid 3 x 1 x 1")
    #expect(error.isContextLost && !error.isOutOfMemory)
    #expect(
      LaunchShape(grid: Extents(3), block: Extents(512), sharedBytes: 8, cluster: Extents(2), startsEarly: true)
        .description == "grid 3 x 1 x 1, block 512 x 1 x 1, 8 bytes shared, cluster 2 x 1 x 1, early start")
  }
}
