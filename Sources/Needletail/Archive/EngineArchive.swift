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
  /// The weights, mapped; each part is checked when it is read.
  public let weights: PreparedFile
  private static let maximumManifestBytes = 512 << 20

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
  public init(_ path: String) throws {
    let directory = try ModelDirectory(path)
    let bytes = try directory.read(EngineManifest.fileName, limit: Self.maximumManifestBytes)
    let file = directory.path(of: EngineManifest.fileName)
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
    do { manifest = try json.decoded() } catch { throw LoadError("\(file): \(error)") }
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

  private static func check(_ companion: EngineManifest.Companion, in directory: ModelDirectory) throws {
    let bytes = try directory.read(companion.name, limit: max(companion.byteCount, 0) + 1)
    guard bytes.count == companion.byteCount, checksum(bytes) == companion.checksum else {
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
    guard manifest.kernelSources == Self.kernelSources else {
      throw LoadError("\(path) was built with other kernels than this program has; build it again")
    }
    try check(options)
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
    if let dtype = options.dtype, dtype != manifest.precision.dtype {
      throw differs("--dtype", dtype.name, manifest.precision.dtype.name)
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
  /// Bytes of one of the plan's weights, once their checksum was found right.
  public func withBytes(
    ofWeight index: Int, _ range: Range<Int>, _ body: (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    try weights.withBytes(ofPiece: index, range, body)
  }
}
