import NeedletailCUDA
import NeedletailCheckpoint
import NeedletailGraph
import NeedletailJSON
import NeedletailKernels

/// An engine on disk: a plan, its weights as the device wants them, and compiled kernels, made by `EngineBuilder`.
///
///     if EngineArchive.isArchive("engine") { let archive = try EngineArchive("engine") }
public struct EngineArchive: Sendable {
  /// The directory.
  public let path: String
  /// What it says of itself.
  public let manifest: EngineManifest
  /// The weights; each part is checked when it is read.
  public let weights: PreparedFile
  static let maximumManifestBytes = 512 << 20

  /// Whether a directory holds an engine rather than a model.
  public static func isArchive(_ path: String) -> Bool {
    ModelDirectory.exists("\(path)/\(EngineManifest.fileName)")
  }

  /// The folder of an engine's compiled kernels; nil where it was built for the CPU.
  public static func kernelsPath(_ path: String) -> String? {
    let folder = "\(path)/\(EngineManifest.kernelsName)"
    return ModelDirectory.exists(folder) ? folder : nil
  }

  /// A hash of everything that a plan's bytes mean something to: the sources of kernels and the headers of their
  /// argument structs, in this program.
  public static let kernelSources: String = {
    let files = CUDASources.files.sorted { $0.key < $1.key }
    return checksum(files.flatMap { Array($0.key.utf8) + [0] + Array($0.value.utf8) + [0] })
  }()

  /// Opens an engine: reads the manifest and compares every file beside the weights with its checksum.
  /// - Throws: a sentence where it is damaged, or of another format or version.
  public init(_ path: String) throws { try self.init(ModelDirectory(path)) }

  /// The same with a directory whose small files have been read.
  init(_ directory: ModelDirectory) throws {
    let path = directory.path
    let bytes = try directory.read(EngineManifest.fileName, limit: Self.maximumManifestBytes)
    let file = directory.path(of: EngineManifest.fileName)
    manifest = try Self.manifest(bytes, path: path, file: file)
    self.path = path
    for companion in manifest.companions { try Self.check(companion, in: directory) }
    guard manifest.gpu == nil || Self.kernelsPath(path) != nil else {
      throw LoadError("\(path) has no folder of kernels, though it was built for a GPU; build it again")
    }
    guard manifest.weights.pieces.map(\.count) == manifest.plan.weights.map(\.byteCount) else {
      throw LoadError("\(file): its weights are not those of its plan; build it again")
    }
    weights = try PreparedFile(directory.path(of: EngineManifest.weightsName), table: manifest.weights)
  }

  /// Reads and checks a manifest.
  static func manifest(_ bytes: [UInt8], path: String, file: String) throws -> EngineManifest {
    let json: JSON
    do { json = try JSON.parse(bytes) } catch { throw LoadError("\(file): \(error)") }
    guard let format = json["format"]?.int, format == EngineManifest.currentFormat else {
      throw LoadError(
        "\(path) is an engine of format \(json["format"]?.int.map { "\($0)" } ?? "none"), and this version reads format "
          + "\(EngineManifest.currentFormat); build it again")
    }
    let version = json["version"]?.string ?? "an unknown one"
    guard version == NeedletailVersion.text else {
      throw LoadError(
        "\(path) was built by version \(version) and this is \(NeedletailVersion.text); build it again")
    }
    guard EngineManifest.isWhole(bytes) else {
      throw LoadError("\(file) was changed or cut short after the engine was built; build it again")
    }
    do {
      let manifest: EngineManifest = try json.decoded()
      let plan = manifest.plan
      try plan.validate()
      let bytes = manifest.blockCount.multipliedReportingOverflow(by: plan.cacheBytesPerToken * plan.limits.blockSize)
      guard 1...Int(Int32.max) ~= manifest.blockCount, !bytes.overflow, bytes.partialValue < 1 << 52 else {
        throw PlanError("a cache of \(manifest.blockCount) blocks")
      }
      return manifest
    } catch { throw LoadError("\(file): \(error)") }
  }

  private static func check(_ companion: EngineManifest.Companion, in directory: ModelDirectory) throws {
    let bytes = try? directory.read(companion.name, limit: ModelDirectory.maximumCompanionBytes)
    guard let bytes, bytes.count == companion.byteCount, checksum(bytes) == companion.checksum else {
      throw LoadError("\(directory.path(of: companion.name)) was changed after the engine was built; build it again")
    }
  }

  static func checksum(_ bytes: [UInt8]) -> String {
    String(bytes.withUnsafeBytes { XXHash64.hash($0) }, radix: 16)
  }

  /// Compares the engine with the device at hand and with what is asked for.
  /// - Throws: a sentence about the first thing that differs.
  public func check(_ options: LoadOptions, on device: any Device) throws(LoadError) {
    let plan = manifest.plan
    let target = device.catalog.target
    guard plan.target.device == target.device else {
      throw LoadError("\(path) is an engine for \(plan.target.device), and the device is \(target.device)")
    }
    guard plan.target == target else {
      throw LoadError(
        "\(path) is an engine for \(plan.target.architecture), and this is \(target.architecture); build it again here")
    }
    if let gpu = manifest.gpu, let here = (device.catalog as? CUDACatalog)?.gpu, gpu != here {
      throw LoadError(
        "\(path) is an engine for \(Self.text(gpu)), and this GPU has \(Self.text(here)); build it again here")
    }
    guard manifest.kernelSources == Self.kernelSources else {
      throw LoadError("\(path) was built with other kernels than this program has; build it again")
    }
    for planned in plan.weights {
      let bytes = device.catalog.byteCount(of: planned.weight, dtype: planned.dtype, layout: planned.layout)
      guard bytes == planned.byteCount else {
        throw LoadError(
          "\(path): \(planned.weight.description) has \(planned.byteCount) bytes, not \(bytes); build it again")
      }
    }
    try check(options)
  }

  private static func text(_ gpu: GPUTraits) -> String {
    "\(gpu.multiprocessors) multiprocessors, \(gpu.sharedBytesPerBlock >> 10) KiB of shared memory a block and "
      + "\(gpu.l2Bytes >> 20) MiB of second-level cache"
  }

  // Options that the plan was made with: left out, they are the engine's.
  private func check(_ options: LoadOptions) throws(LoadError) {
    let limits = manifest.plan.limits
    func differs(_ name: String, _ asked: String, _ built: String) -> LoadError {
      LoadError("\(path) was built with \(name) \(built), not \(asked); leave the option out or build another engine")
    }
    if let isDeterministic = options.isDeterministic, isDeterministic != manifest.options.isDeterministic,
      manifest.gpu != nil
    {
      throw differs("--deterministic", isDeterministic ? "on" : "off", isDeterministic ? "off" : "on")
    }
    if !options.allowsLibraries, manifest.options.allowsLibraries, manifest.gpu != nil {
      throw differs("--libraries", "none", "all")
    }
    if options.givesEmbeddings, manifest.plan.width(of: .hidden) == nil {
      throw LoadError("\(path) was built without --embeddings; build another engine, or load the model itself")
    }
    if let dtype = options.dtype, dtype != manifest.precision.dtype {
      throw differs("--dtype", dtype.name, manifest.precision.dtype.name)
    }
    if let recipe = options.quantization, recipe != manifest.options.quantization {
      throw differs("--quantize", recipe.name, manifest.options.quantization?.name ?? "none")
    }
    if let dtype = options.cacheDType, dtype != manifest.precision.cache {
      throw differs("--kv-cache-dtype", dtype.name, manifest.precision.cache.name)
    }
    let numbers = [
      ("--max-batch-size", options.limits.maximumSequences, limits.sequences),
      ("--max-tokens-per-step", options.limits.tokensPerStep, limits.tokens),
      ("--max-sequence-length", options.limits.maximumSequenceLength, limits.sequenceLength),
      ("--block-size", options.limits.blockSize, limits.blockSize),
    ]
    for case (let name, let asked?, let built) in numbers where asked != built {
      throw differs(name, "\(asked)", "\(built)")
    }
  }
}

extension EngineArchive: PreparedWeights {
  /// What one checksum covers.
  public var partBytes: Int { PreparedFileTable.partBytes }

  /// Reads bytes of one of the plan's weights and compares them with their checksums.
  public func read(weight index: Int, _ range: Range<Int>, into target: UnsafeMutableRawBufferPointer) throws {
    try weights.read(piece: index, range, into: target)
  }
}
