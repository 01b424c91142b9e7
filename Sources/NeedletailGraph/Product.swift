/// A product by a weight, with what stands before and after it in a decoder block: each part is there or not.
///
/// out = x weightᵀ, where x is normalized first, its rows are chosen, the result's halves are gated, a bias and a residual
/// are added, in this order: bias, gate, residual.
public struct Product: Hashable, Sendable {
  /// The normalization of x.
  public var norm: Norm?
  /// Whether the normalization has a weight [k].
  public var hasNormWeight = false
  /// Whether the normalization has a bias [k].
  public var hasNormBias = false
  /// Whether a bias [n] is added.
  public var hasBias = false
  /// The first half of the weight's rows gives gates, the second values: activation(gate) * value.
  public var gate: Activation?
  /// Whether a residual of the result's shape is added.
  public var hasResidual = false
  /// Whether row r of x is row indices[r].
  public var choosesRows = false

  /// A plain product.
  public init() {}

  /// How many operands it has.
  public var operandCount: Int {
    2 + [hasNormWeight, hasNormBias, hasBias, hasResidual, choosesRows].count { $0 }
  }
}

/// The operands of a product by name, whatever stands for them: values, types, places.
public struct ProductOperands<Element> {
  /// Activations [rows, k].
  public var x: Element
  /// The weight [n, k].
  public var weight: Element
  /// [k]
  public var normWeight: Element?
  /// [k]
  public var normBias: Element?
  /// [n]
  public var bias: Element?
  /// [rows, width]
  public var residual: Element?
  /// Integers [rows].
  public var rows: Element?

  /// The operands of a plain product.
  public init(x: Element, weight: Element) {
    self.x = x
    self.weight = weight
  }

  /// The operands of a node, in the order in which they stand there; nil where their number does not fit.
  public init?(_ inputs: [Element], of product: Product) {
    guard inputs.count == product.operandCount else { return nil }
    self.init(x: inputs[0], weight: inputs[1])
    var rest = inputs.dropFirst(2)
    if product.hasNormWeight { normWeight = rest.popFirst() }
    if product.hasNormBias { normBias = rest.popFirst() }
    if product.hasBias { bias = rest.popFirst() }
    if product.hasResidual { residual = rest.popFirst() }
    if product.choosesRows { rows = rest.popFirst() }
  }

  /// The operands in their order.
  public var inputs: [Element] {
    [x, weight] + [normWeight, normBias, bias, residual, rows].compactMap { $0 }
  }
}

extension Product {
  func write(to a: inout Attributes) {
    if let norm {
      a["norm"] = norm.kind.rawValue
      a.set("eps", norm.eps)
      a.set("weight_offset", norm.weightOffset, unless: 0)
    }
    a.set("norm_weight", hasNormWeight, unless: false)
    a.set("norm_bias", hasNormBias, unless: false)
    a.set("bias", hasBias, unless: false)
    if let gate { a["gate"] = "\(gate)" }
    a.set("residual", hasResidual, unless: false)
    a.set("chosen_rows", choosesRows, unless: false)
  }

  init(_ a: Attributes) throws(GraphError) {
    if let name = a["norm"] {
      guard let kind = Norm.Kind(rawValue: name) else { throw GraphError("norm \(name) is unknown") }
      norm = Norm(kind, eps: try a.float("eps"), weightOffset: try a.float("weight_offset", default: 0))
    }
    if let name = a["gate"] {
      guard let activation = Activation(name: name) else { throw GraphError("activation \(name) is unknown") }
      gate = activation
    }
    hasNormWeight = a.bool("norm_weight")
    hasNormBias = a.bool("norm_bias")
    hasBias = a.bool("bias")
    hasResidual = a.bool("residual")
    choosesRows = a.bool("chosen_rows")
  }

  /// The type of the result for operands of these types.
  func resultType(_ inputs: [TensorType]) throws(GraphError) -> TensorType {
    guard let types = ProductOperands(inputs, of: self) else {
      throw GraphError("has \(inputs.count) operands, not \(operandCount)")
    }
    let (x, weight) = (types.x, types.weight)
    guard norm != nil || !(hasNormWeight || hasNormBias), hasNormWeight || !hasNormBias else {
      throw GraphError("has operands of a norm that it does not have")
    }
    guard x.shape.count >= 2, weight.shape.count == 2, let n = weight.shape[0].fixed, x.shape.last == weight.shape[1],
      gate == nil || n % 2 == 0
    else { throw GraphError("does not fit \(x), \(weight)") }
    var shape = Array(x.shape.dropLast()) + [.fixed(gate == nil ? n : n / 2)]
    if let rows = types.rows {
      guard rows.shape.count == 1, !rows.dtype.isReal, x.shape.count == 2 else {
        throw GraphError("cannot choose rows of \(x) by \(rows)")
      }
      shape[0] = rows.shape[0]
    }
    let vectors = [
      (types.normWeight, weight.shape[1]), (types.normBias, weight.shape[1]), (types.bias, weight.shape[0]),
    ]
    for case (let vector?, let size) in vectors where vector.shape != [size] {
      throw GraphError("does not fit a vector \(vector)")
    }
    if let residual = types.residual, residual.shape != shape { throw GraphError("cannot be added to \(residual)") }
    return TensorType(x.dtype, shape)
  }
}
