import NeedletailCPU
import NeedletailCUDA
import NeedletailCheckpoint
import NeedletailCompiler
import NeedletailGraph
import NeedletailJSON
import NeedletailKernels

/// Writes an engine: what loading a model would compute, so that later starts only read.
public struct EngineBuilder {
  /// What is written, before it has weights.
  private var manifest: EngineManifest
  private let package: ModelPackage
  private let threads: Int

  /// A builder for a compiled model; `threads` prepare its weights.
  public init(_ compiled: CompiledModel, options: LoadOptions, threads: Int = CPUDevice.coreCount) {
    package = compiled.package
    self.threads = threads
    let gpu = (compiled.device.catalog as? CUDACatalog)?.gpu
    manifest = EngineManifest(
      kernelSources: EngineArchive.kernelSources, model: package.directory.path, modelType: package.modelType,
      parameterCount: package.parameterCount,
      options: .init(
        isDeterministic: options.isDeterministic ?? (gpu == nil), allowsLibraries: options.allowsLibraries,
        dummySeed: package.checkpoint == nil ? options.dummySeed : nil, quantization: options.quantization),
      precision: compiled.precision, gpu: gpu, plan: compiled.plan, blockCount: compiled.blockCount,
      weights: PreparedFileTable(pieceBytes: []), companions: [])
  }

  /// Writes the engine to a directory, which is made and must not hold another model's files.
  ///
  /// The manifest comes last: what is not complete is no engine. An engine that stands there is replaced.
  ///
  /// - Parameters:
  ///   - compileKernels: puts the plan's compiled kernels into a folder; nil for the CPU.
  ///   - progress: gets the written share, 0 to 1.
  /// - Returns: bytes written.
  @discardableResult
  public func build(
    to directory: String, compileKernels: ((_ folder: String) throws -> Void)? = nil,
    progress: (@Sendable (Double) -> Void)? = nil
  ) throws -> Int {
    var manifest = manifest
    let isOther = ModelDirectory.exists("\(directory)/config.json") && !EngineArchive.isArchive(directory)
    guard !isOther else {
      throw LoadError("\(directory) holds a model; give --output a directory of its own")
    }
    try ModelDirectory.create(directory)
    if let compileKernels {
      let folder = "\(directory)/\(EngineManifest.kernelsName)"
      try ModelDirectory.create(folder)
      try compileKernels(folder)
    }
    manifest.companions = try package.directory.copyCompanions(to: directory).map { file in
      .init(name: file.name, byteCount: file.bytes.count, checksum: EngineArchive.checksum(file.bytes))
    }
    manifest.weights = try writeWeights(to: "\(directory)/\(EngineManifest.weightsName)", progress)
    let text = try manifest.sealed()
    try ModelDirectory.write(text, to: "\(directory)/\(EngineManifest.fileName)")
    return manifest.weights.byteCount + text.count + manifest.companions.reduce(0) { $0 + $1.byteCount }
  }

  private func writeWeights(to path: String, _ progress: (@Sendable (Double) -> Void)?) throws -> PreparedFileTable {
    let weights = manifest.plan.weights
    let writer = try PreparedFileWriter(path, pieceBytes: weights.map(\.byteCount))
    let source = try package.weightSource(seed: manifest.options.dummySeed ?? 0)
    let total = Double(max(manifest.plan.weightBytes, 1))
    var done = 0
    for (index, weight) in weights.enumerated() {
      try WeightPreparation.withPrepared(weight, from: source, threads: threads) { bytes in
        try writer.write(bytes, piece: index)
      }
      done += weight.byteCount
      progress?(0.95 * Double(done) / total)
    }
    let table = try writer.finish()
    progress?(1)
    return table
  }
}
