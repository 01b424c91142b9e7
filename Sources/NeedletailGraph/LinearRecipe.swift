/// How the activations of a product are coded before they are multiplied.
public struct ActivationCoding: Hashable, Sendable, Codable {
  /// What a code is.
  public enum Code: String, Hashable, Sendable, Codable, CaseIterable {
    /// e4m3(x / scale), nearest, ties to even, bounded by ±448.
    case float8e4m3
    /// x / scale, nearest, ties to even, bounded by ±127.
    case int8
  }
  /// Which numbers share a scale.
  public enum Scope: Hashable, Sendable, Codable {
    /// All: the checkpoint's.
    case tensor
    /// A row's: its largest magnitude over the largest code.
    case token
    /// So many columns of a row: likewise.
    case group(Int)
  }

  /// What a code is.
  public var code: Code
  /// Which numbers share a scale.
  public var scope: Scope

  /// A coding.
  public init(_ code: Code, _ scope: Scope) {
    self.code = code
    self.scope = scope
  }

  /// Storage of a code.
  public var dtype: DType { code == .int8 ? .int8 : .float8e4m3 }
  /// The largest magnitude of a code.
  public var largest: Float { code == .int8 ? 127 : 448 }
}

/// The arithmetic of a product by a coded weight: how the weight is stored, and what becomes of x first.
///
///     let fp8 = LinearRecipe(WeightCoding(.float8e4m3), activation: ActivationCoding(.float8e4m3, .token))
public struct LinearRecipe: Hashable, Sendable, Codable {
  /// The weight.
  public var weight: WeightCoding
  /// x; nil: it stays in 16 bits.
  public var activation: ActivationCoding?
  /// Whether the columns of x are divided by a vector [k] first, whose product with the weight's columns the codes hold
  /// (AWQ, SmoothQuant, where the vector could not become part of what makes x).
  public var hasInputScale: Bool

  /// A recipe.
  public init(_ weight: WeightCoding, activation: ActivationCoding? = nil, hasInputScale: Bool = false) {
    self.weight = weight
    self.activation = activation
    self.hasInputScale = hasInputScale
  }

  /// What is wrong with it for a weight [n, k], as the end of a sentence; nil: nothing.
  public func fault(n: Int, k: Int) -> String? {
    if let fault = weight.fault(n: n, k: k) { return fault }
    guard let activation else { return weight.hasRowScales ? "has factors of rows, which is for fp8 activations" : nil }
    switch (weight.code, activation.code) {
    case (.int8, .int8):
      return weight.groupSize == nil && !activation.isGrouped
        ? nil : "has groups of int8, which products of int8 do not have"
    case (.float8e4m3, .float8e4m3):
      guard case .group(let size) = activation.scope else {
        return weight.groupSize == nil ? nil : "has groups, and activations that have none"
      }
      return weight.groupSize == size ? nil : "has groups of other sizes than its activations"
    case (.int4, .float8e4m3): return weight.hasRowScales && !activation.isGrouped ? nil : "has no factors of rows"
    default: return "cannot be multiplied with activations in \(activation.code.rawValue)"
    }
  }
}

extension ActivationCoding {
  /// Whether columns share scales.
  public var isGrouped: Bool { if case .group = scope { true } else { false } }
}

extension LinearRecipe: CustomStringConvertible {
  /// "float8e4m3; x float8e4m3 token", "int4 groups 64 zeros scales bfloat16; input_scale".
  public var description: String {
    var text = weight.description
    if let activation {
      let scope =
        switch activation.scope {
        case .tensor: "tensor"
        case .token: "token"
        case .group(let size): "groups \(size)"
        }
      text += "; x \(activation.code.rawValue) \(scope)"
    }
    if hasInputScale { text += "; input_scale" }
    return text
  }

  /// Reads what `description` prints.
  public init(text: String) throws(GraphError) {
    let parts = text.split(separator: ";").map(\.trimmed)
    guard let first = parts.first else { throw GraphError("a recipe is empty") }
    self.init(try WeightCoding(text: first))
    for part in parts.dropFirst() {
      if part == "input_scale" {
        hasInputScale = true
        continue
      }
      let words = part.split(separator: " ")
      guard words.count >= 3, words[0] == "x", let code = ActivationCoding.Code(rawValue: String(words[1])) else {
        throw GraphError("\(part) is no coding of activations")
      }
      switch (words[2], words.count) {
      case ("tensor", 3): activation = ActivationCoding(code, .tensor)
      case ("token", 3): activation = ActivationCoding(code, .token)
      case ("groups", 4):
        guard let size = Int(words[3]), 1...Int(Int32.max) ~= size else {
          throw GraphError("\(part) has groups of no size")
        }
        activation = ActivationCoding(code, .group(size))
      default: throw GraphError("\(part) is no coding of activations")
      }
    }
  }
}
