import NeedletailGraph

/// A checkpoint with quantized weights: which of a model's parameters are stored in codes, and where.
///
///     if let config = try QuantizationConfig(directory) {
///       let stored = try QuantizedCheckpoint(checkpoint, config, parameters: try model.parameters())
///       let matrix = try stored.matrices["model.layers.0.mlp.down_proj.weight"]?.read()
///     }
///
/// Finding them looks at names, types and shapes only.
public struct QuantizedCheckpoint: Sendable {
  /// By parameter.
  public let matrices: [String: StoredMatrix]
  /// Tensors that belong to them, and scales of the cache.
  public let tensors: Set<String>
  /// Storage of the cache, and the scales of layers that have some.
  public let cache: DType?
  /// By layer.
  public let cacheScales: [Int: CacheScales]
  /// "compressed-tensors, 84 matrices".
  public let name: String

  /// Finds the matrices of a model's parameters, given as its checkpoints have them.
  /// - Parameter transposed: names of those that ordinary checkpoints have as [inputs, outputs]; codes are always of
  ///   [outputs, inputs].
  /// - Throws: one sentence where scales are missing, of another shape or of a type that is not read.
  public init(
    _ checkpoint: Checkpoint, _ config: QuantizationConfig, parameters: [(name: String, shape: [Int])],
    transposed: Set<String> = []
  ) throws(CheckpointError) {
    var matrices: [String: StoredMatrix] = [:]
    var tensors: Set<String> = []
    for (parameter, stored) in parameters where stored.count >= 2 {
      var shape = stored
      if transposed.contains(parameter) { shape.swapAt(shape.count - 1, shape.count - 2) }
      let module = parameter.hasSuffix(".weight") ? String(parameter.dropLast(7)) : parameter
      guard let scheme = config.scheme(of: module) else { continue }
      let finder = StoredMatrixFinder(checkpoint: checkpoint, parameter: parameter, module: module, shape: shape)
      guard let matrix = try finder.find(scheme) else { continue }
      if let fault = matrix.recipe.fault(n: matrix.rows, k: matrix.columns) {
        throw CheckpointError(checkpoint.directory, "\(quoted(parameter)) \(fault)")
      }
      matrices[parameter] = matrix
      // Some say the same in other words, or what is known already.
      tensors.formUnion(["weight_scale_2", "weight_shape"].map { "\(module).\($0)" })
    }
    self.matrices = matrices
    (cache, cacheScales) = (config.cache, try Self.cacheScales(checkpoint, &tensors))
    let kinds = Set(matrices.values.map { "\($0.recipe)" }).sorted()
    name = "\(config.method)\(kinds.isEmpty ? "" : ": " + kinds.joined(separator: ", "))"
    for matrix in matrices.values { for tensor in matrix.tensors { tensors.insert(tensor.name) } }
    // Views know the names in their files, which may lack a prefix.
    self.tensors = tensors.union(
      checkpoint.names.filter { name in checkpoint[name].map { tensors.contains($0.name) } ?? false })
  }

  /// The same for the compiler and devices.
  public var coded: CodedWeights {
    CodedWeights(name: name, matrices: matrices, tensors: tensors, cache: cache, cacheScales: cacheScales)
  }

  /// Names of scales that layers' keys and values may have, and which of both they are for.
  private static let cacheSuffixes: [(suffix: String, isKey: Bool)] = [
    (".k_scale", true), (".v_scale", false), (".k_proj.output_scale", true), (".v_proj.output_scale", false),
  ]

  private static func cacheScales(
    _ checkpoint: Checkpoint, _ tensors: inout Set<String>
  ) throws(CheckpointError) -> [Int: CacheScales] {
    var scales: [Int: CacheScales] = [:]
    for name in checkpoint.names {
      guard let kind = cacheSuffixes.first(where: { name.hasSuffix($0.suffix) }), let tensor = checkpoint[name] else {
        continue
      }
      let words = name.split(separator: ".")
      guard let place = words.firstIndex(where: { Int($0) != nil }), let layer = Int(words[place]) else { continue }
      let values = try tensor.floats()
      guard values.count == 1, values[0].isFinite, values[0] > 0 else {
        throw tensor.invalid("is no scale of a layer's cache: one number that is more than 0")
      }
      tensors.insert(name)
      if kind.isKey { scales[layer, default: CacheScales()].keys = values[0] }
      if !kind.isKey { scales[layer, default: CacheScales()].values = values[0] }
    }
    return scales
  }
}
