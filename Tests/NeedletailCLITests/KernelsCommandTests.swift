import Needletail
import NeedletailCUDA
import NeedletailKernels
import Testing

@testable import NeedletailCLI

@Suite struct KernelsCommandTests {
  private func error(_ arguments: String...) -> String? {
    do {
      var command = try KernelsCompileCommand.parse(arguments)
      try command.run()
      return nil
    } catch { return "\(error)" }
  }

  @Test func architecturesMustBeKnown() {
    #expect(
      error("--arch", "sm_90a,sm_12", "--output", "/dev/full/kernels")
        == "--arch sm_12 is not known; known are sm_80, sm_89, sm_90a, sm_100a")
    #expect(error("--arch", "", "--output", "x")?.hasPrefix("--arch  is not known") == true)
    #expect(
      error("--arch", "sm_90a", "--output", "x", "--jobs", "0") == "--jobs is 0; it must be 1 or more")
  }

  /// Kernels of all models of the list, with all sources in the binary; their number is what a person waits for.
  @Test(arguments: StandardModel.all)
  func standardModelsHaveKernels(_ standard: StandardModel) throws {
    let folder = try TemporaryConfig(standard.config)
    let package = try ModelPackage(folder.directory, format: .dummy)
    for gpu in KnownGPU.all where gpu.memoryBytes > package.parameterCount * 2 * 5 / 4 {
      var options = LoadOptions()
      options.device = .cuda
      options.loadFormat = .dummy
      let compiled = try CompiledModel(package, on: PlannedGPU(gpu, options), options: options)
      let functions = GPUFunction.needed(by: compiled.plan, on: gpu.traits)
      #expect((20..<150).contains(functions.count), "\(functions.count) on \(gpu.name)")
      #expect(Set(functions).count == functions.count)
      for function in functions {
        #expect(throws: Never.self) {
          try CUDASources.source(for: function, architecture: gpu.traits.architecture)
        }
      }
    }
  }
}
