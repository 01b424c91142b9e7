import NeedletailGraph

/// What `needletail quantize` does to a model: which codes, found how, written in which layout.
///
///     var recipe = try QuantizeRecipe("int4-awq", stored: .bfloat16)
///     recipe.kept = ["*.down_proj"]
public struct QuantizeRecipe: Sendable {
  /// How codes and scales are found.
  public enum Method: Hashable, Sendable {
    /// Each number becomes the nearest code; no text is needed.
    case nearest
    /// Activation-aware factors of columns and clipped ranges (Lin et al. 2024).
    case awq
    /// Column by column, making up for errors (Frantar et al. 2023).
    case gptq(ordersColumns: Bool)
    /// Factors of columns that make activations easier to code (Xiao et al. 2023).
    case smoothQuant(alpha: Float)
  }

  /// Names that `init` knows, with what they mean.
  public static let names: [(name: String, meaning: String)] = [
    ("fp8", "fp8 weights, a scale a row; fp8 activations, a scale a token"),
    ("fp8-static", "fp8 weights and activations, one calibrated scale each"),
    ("fp8-block", "fp8 weights in blocks of 128x128, fp8 activations in groups of 128"),
    ("int8", "int8 weights, a scale a row; activations in 16 bits"),
    ("int8-smoothquant", "int8 weights and activations (SmoothQuant)"),
    ("int4", "4-bit weights in groups, rounded to nearest"),
    ("int4-awq", "4-bit weights in groups, factors and ranges searched (AWQ)"),
    ("int4-gptq", "4-bit weights in groups, errors made up for (GPTQ)"),
    ("w4a8", "4-bit weights in groups, fp8 activations, rounded to nearest"),
    ("w4a8-awq", "4-bit weights in groups (AWQ), fp8 activations"),
    ("mxfp4", "4-bit floating point in groups of 32 (MXFP4)"),
    ("mixed", "int4 (AWQ) and int8 within a budget of bits, where they cost least"),
  ]

  /// Its name.
  public var name: String
  /// The arithmetic of products. Factors of rows are made when a checkpoint is loaded, and never written.
  public var linear: LinearRecipe
  /// How codes are found.
  public var method: Method
  /// Whether a weight has one scale.
  public var isPerTensor = false
  /// Bits a weight may have on average, where precision is mixed; nil: all are alike.
  public var bits: Double?
  /// The product that gives logits, and embeddings: quantized too if not nil.
  public var head: LinearRecipe?
  /// How the embedding's table is coded; nil: as it is.
  public var embedding: WeightCoding?
  /// Modules that stay as they are: names, in which `*` stands for any text.
  public var kept: [String] = []
  /// How keys and values will be cached; nil: as usual.
  public var cache: DType?
  /// The files' layout.
  public var format: CheckpointFormat

  /// A recipe by its name, for a model whose weights are stored in a type.
  /// - Parameters:
  ///   - groupSize: columns that share a scale in 4-bit groups; 64 unless said.
  ///   - isSymmetric: without zero points; with them unless said, or unless the format has none.
  public init(
    _ name: String, stored: DType, format: CheckpointFormat? = nil, groupSize: Int? = nil, isSymmetric: Bool? = nil,
    alpha: Float = 0.5, ordersColumns: Bool = false, bits: Double? = nil
  ) throws(QuantizeError) {
    self.name = name
    let chosen = format ?? (name == "mxfp4" ? .mxfp4 : .compressedTensors)
    self.format = chosen
    let isFP8Activation = name.hasPrefix("w4a8")
    let scaleType: DType = chosen == .awq || chosen == .gptq || stored == .float16 ? .float16 : .bfloat16
    let int4 = WeightCoding(
      .int4, groupSize: groupSize ?? 64, hasZeroPoints: !(isSymmetric ?? (chosen == .modelOpt)), scaleType: scaleType)
    method = .nearest
    switch name {
    case "fp8": linear = LinearRecipe(WeightCoding(.float8e4m3), activation: ActivationCoding(.float8e4m3, .token))
    case "fp8-static":
      linear = LinearRecipe(WeightCoding(.float8e4m3), activation: ActivationCoding(.float8e4m3, .tensor))
      isPerTensor = true
    case "fp8-block":
      linear = LinearRecipe(
        WeightCoding(.float8e4m3, groupSize: 128, rowsPerScale: 128),
        activation: ActivationCoding(.float8e4m3, .group(128)))
    case "int8": linear = LinearRecipe(WeightCoding(.int8))
    case "int8-smoothquant":
      linear = LinearRecipe(WeightCoding(.int8), activation: ActivationCoding(.int8, .token))
      method = .smoothQuant(alpha: alpha)
    case "int4": linear = LinearRecipe(int4)
    case "int4-awq":
      linear = LinearRecipe(int4)
      method = .awq
    case "int4-gptq":
      linear = LinearRecipe(int4)
      method = .gptq(ordersColumns: ordersColumns)
    case "w4a8", "w4a8-awq":
      linear = LinearRecipe(int4, activation: ActivationCoding(.float8e4m3, chosen == .modelOpt ? .tensor : .token))
      linear.weight.hasRowScales = true
      method = name == "w4a8" ? .nearest : .awq
    case "mxfp4":
      linear = LinearRecipe(WeightCoding(.float4e2m1, groupSize: 32, scaleType: .float8e8m0))
    case "mixed":
      linear = LinearRecipe(int4)
      method = .awq
      self.bits = bits ?? 5.5
    default:
      let known = Self.names.map(\.name).joined(separator: ", ")
      throw QuantizeError("there is no recipe '\(name)'; known are \(known)")
    }
    if let bits, name != "mixed" { throw QuantizeError("\(bits) bits are for the recipe mixed, not \(name)") }
    if groupSize != nil, linear.weight.code != .int4 {
      throw QuantizeError("the recipe \(name) has no groups to be sized")
    }
    if isSymmetric != nil, linear.weight.code != .int4 { throw QuantizeError("the recipe \(name) has no zero points") }
    if let size = groupSize, ![16, 32, 64, 128, 256].contains(size) {
      throw QuantizeError("groups of \(size) are not made; 16, 32, 64, 128 or 256 columns may share a scale")
    }
    if isFP8Activation, chosen == .awq || chosen == .gptq {
      throw QuantizeError("\(chosen.rawValue) checkpoints cannot say that activations are fp8")
    }
    guard alpha >= 0, alpha <= 1 else { throw QuantizeError("alpha is \(alpha); it must be from 0 to 1") }
    if let fault = chosen.fault(linear, isPerTensor: isPerTensor) {
      throw QuantizeError("the recipe \(name) cannot be written as \(chosen.rawValue), which \(fault)")
    }
  }

  /// Whether the text's activations are needed.
  public var needsCalibration: Bool { method != .nearest || linear.activation?.scope == .tensor }
  /// Whether their second moments are.
  var needsMoments: Bool {
    switch method {
    case .awq, .gptq: true
    case .nearest, .smoothQuant: false
    }
  }

  /// How a module is quantized; nil: it stays as it is.
  func recipe(of module: String, role: ModuleRole) -> LinearRecipe? {
    if kept.contains(where: { module.matches(glob: $0) }) { return nil }
    switch role {
    case .projection, .experts: return linear
    case .head: return head
    case .embedding: return embedding.map { LinearRecipe($0) }
    case .router: return nil
    }
  }
}
