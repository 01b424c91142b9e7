import NeedletailCheckpoint
import NeedletailGraph
import NeedletailJSON
import NeedletailKernels
import NeedletailModels

/// A model directory whose files have been read and found to belong together: the model, where its weights come from, and
/// how they are stored. Nothing is prepared yet.
///
///     let package = try ModelPackage("Demo/needle-5m")
///     print(package.model.vocabularySize)
public struct ModelPackage: Sendable {
  /// The directory and its small files.
  public let directory: ModelDirectory
  /// The model that config.json describes.
  public let model: any LanguageModel
  /// Its type's name: "llama".
  public let modelType: String
  /// Names and shapes of its parameters.
  public let parameters: [(name: String, shape: [Int])]
  /// The weights; nil for dummy ones.
  public let checkpoint: Checkpoint?
  /// What of the weights is stored in codes; nil: nothing.
  public let coded: CodedWeights?
  /// The engine that the directory is; nil where it is a model as published.
  public let archive: EngineArchive?
  private let dummyDType: DType

  /// Reads a directory, or ORG/NAME from the local Hugging Face cache.
  /// - Throws: one sentence about what is missing or does not fit, before any weight is read.
  public init(_ path: String, format: LoadOptions.LoadFormat = .auto, models: ModelTable = .standard) throws {
    let directory = try ModelDirectory(path)
    self.directory = directory
    archive = EngineArchive.isArchive(directory.path) ? try EngineArchive(directory) : nil
    let config = try ConfigJSON(directory.config, file: directory.path(of: "config.json"))
    modelType = try config("model_type")
    let model = try models.model(for: config)
    self.model = model
    parameters = try model.parameters()
    let names = ["dtype", "torch_dtype"].compactMap { directory.config[$0]?.string }
    dummyDType = names.first.flatMap(DType.init(name:)) ?? .bfloat16
    guard archive == nil else {
      guard format == .auto else {
        throw LoadError("\(path) is an engine, which has its weights; leave out --load-format")
      }
      checkpoint = nil
      coded = nil
      return
    }
    switch format {
    case .dummy:
      checkpoint = nil
      coded = nil
      guard DummyWeights.dtypes.contains(dummyDType) else {
        throw LoadError("config.json says weights are \(dummyDType.name), of which no dummy weights can be made")
      }
    case .auto:
      let checkpoint = try Self.checkpoint(directory.path, of: model, names: Set(parameters.map(\.name)))
      var coded: CodedWeights?
      if let config = try QuantizationConfig(directory) {
        coded = try QuantizedCheckpoint(
          checkpoint, config, parameters: parameters, transposed: try model.transposedParameters()
        ).coded
      }
      let (matrices, tensors) = (coded?.matrices ?? [:], coded?.tensors ?? [])
      try checkpoint.check(
        expected: parameters.filter { matrices[$0.name] == nil },
        ignoring: checkpoint.names.filter { model.ignores($0) || tensors.contains($0) })
      self.checkpoint = checkpoint
      self.coded = coded
    }
  }

  private static func checkpoint(
    _ path: String, of model: any LanguageModel, names: Set<String>
  ) throws -> Checkpoint {
    let checkpoint = try Checkpoint(directory: path)
    // Names of what is no part of the model stay as they are.
    guard let prefix = type(of: model).optionalPrefix, checkpoint.names.contains(where: { names.contains(prefix + $0) })
    else { return checkpoint.unstackingExperts(expected: names) }
    return checkpoint.adding(prefix: prefix) { names.contains($0) || model.ignores($0) }
      .unstackingExperts(expected: names)
  }

  /// How a tensor is stored; one in codes as what it is decoded to.
  public func storedType(_ name: String) -> DType {
    guard coded?.matrices[name] == nil else { return dummyDType }
    return checkpoint?[name]?.dtype.graphDType ?? dummyDType
  }

  /// How most of the weights are stored: what products are computed in unless an option says otherwise.
  public var mainDType: DType {
    guard checkpoint != nil, coded == nil else { return dummyDType }
    var elements: [DType: Int] = [:]
    for (name, shape) in parameters { elements[storedType(name), default: 0] += shape.reduce(1, *) }
    return elements.max { ($0.value, $0.key.rawValue) < ($1.value, $1.key.rawValue) }?.key ?? .float32
  }

  /// Numbers the model has.
  public var parameterCount: Int { parameters.reduce(0) { $0 + $1.shape.reduce(1, *) } }

  /// Where the weights come from.
  func weightSource(seed: UInt64) throws -> any WeightSource {
    guard let checkpoint else { return DummyWeightSource(weights: DummyWeights(seed: seed), dtype: dummyDType) }
    let names = parameters.map(\.name).filter { coded?.matrices[$0] == nil }
    return try CheckpointWeights(checkpoint, names: names, coded: coded?.matrices ?? [:])
  }
}
