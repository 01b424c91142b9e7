/// A mixture of experts (Shazeer et al. 2017): each token goes through its chosen experts' gated feed-forward layers, whose
/// results are summed by weight, in the order of the choice.
///
///     gate, up = x gateUp[e]ᵀ + gateUpBias[e]          // times the weight, if weights multiply the input
///     y[e] = (activation(min(gate, limit)) * (clamp(up, -limit, limit) + upOffset)) down[e]ᵀ + downBias[e]
///     result = sum over the chosen e of weight[e] * y[e]
public struct Experts: Hashable, Sendable {
  /// How many experts there are.
  public var count: Int
  /// Of the gate.
  public var activation: Activation
  /// Bounds gates from above and what they multiply from both sides; nil: nothing.
  public var limit: Float?
  /// Added to what gates multiply.
  public var upOffset: Float
  /// Whether weights multiply the input of an expert instead of its result.
  public var weightsInput: Bool

  /// Experts.
  public init(
    count: Int, activation: Activation, limit: Float? = nil, upOffset: Float = 0, weightsInput: Bool = false
  ) {
    self.count = count
    self.activation = activation
    self.limit = limit
    self.upOffset = upOffset
    self.weightsInput = weightsInput
  }
}

/// The operands of `Op.experts` by name, whatever stands for them: tensors, values, types, places.
public struct ExpertsOperands<Element> {
  /// [rows, width]
  public var x: Element
  /// Integers [rows, k]: the experts of each row.
  public var chosen: Element
  /// float32 [rows, k]
  public var weights: Element
  /// [experts * 2 inner, width]: for each expert the rows of its gate, then those of what it multiplies.
  public var gateUp: Element
  /// [experts * width, inner]
  public var down: Element
  /// [experts * 2 inner] and [experts * width]
  public var biases: (gateUp: Element, down: Element)?

  /// Operands.
  public init(
    x: Element, chosen: Element, weights: Element, gateUp: Element, down: Element,
    biases: (gateUp: Element, down: Element)? = nil
  ) {
    self.x = x
    self.chosen = chosen
    self.weights = weights
    self.gateUp = gateUp
    self.down = down
    self.biases = biases
  }

  /// The operands of a node, in the order in which they stand there; nil where their number does not fit.
  public init?(_ inputs: [Element]) {
    guard inputs.count == 5 || inputs.count == 7 else { return nil }
    self.init(
      x: inputs[0], chosen: inputs[1], weights: inputs[2], gateUp: inputs[3], down: inputs[4],
      biases: inputs.count == 7 ? (inputs[5], inputs[6]) : nil)
  }

  /// The operands in their order.
  public var inputs: [Element] { [x, chosen, weights, gateUp, down] + (biases.map { [$0.gateUp, $0.down] } ?? []) }
}

extension Experts {
  func write(to a: inout Attributes) {
    a.set("count", count)
    a["activation"] = "\(activation)"
    if let limit { a.set("limit", limit) }
    a.set("up_offset", upOffset, unless: 0)
    a.set("weights_input", weightsInput, unless: false)
  }

  init(_ a: Attributes) throws(GraphError) {
    let name = try a.string("activation")
    guard let activation = Activation(name: name) else { throw GraphError("activation \(name) is unknown") }
    self.init(
      count: try a.int("count"), activation: activation, limit: a["limit"] == nil ? nil : try a.float("limit"),
      upOffset: try a.float("up_offset", default: 0), weightsInput: a.bool("weights_input"))
  }

  /// The type of the result.
  func resultType(_ inputs: [TensorType]) throws(GraphError) -> TensorType {
    guard let types = ExpertsOperands(inputs) else { throw GraphError("has \(inputs.count) operands") }
    let misfit = GraphError("does not fit \(inputs.map(\.description).joined(separator: ", "))")
    guard count > 0, types.x.shape.count == 2, let width = types.x.shape[1].fixed, types.chosen.shape.count == 2,
      types.chosen.shape[0] == types.x.shape[0], !types.chosen.dtype.isReal, types.weights.shape == types.chosen.shape,
      types.down.shape.count == 2, let inner = types.down.shape[1].fixed
    else { throw misfit }
    guard types.down.shape[0] == .fixed(count * width),
      types.gateUp.shape == [.fixed(count * 2 * inner), .fixed(width)],
      types.biases.map({ $0.gateUp.shape == [.fixed(count * 2 * inner)] && $0.down.shape == [types.down.shape[0]] })
        ?? true
    else { throw misfit }
    return TensorType(types.x.dtype, types.x.shape)
  }
}

extension ExpertsOperands<Tensor> {
  /// What the experts make of x: [rows, width].
  public func mixed(by experts: Experts) -> Tensor { x.builder.record(.experts(experts), inputs) }
}
