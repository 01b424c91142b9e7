import NeedletailGraph

/// A feed-forward layer of which each token uses a few parts (Shazeer et al. 2017): a router chooses experts, whose results
/// are summed by weight; shared experts see every token: [tokens, width] -> [tokens, width].
///
///     MixtureOfExperts(
///       width, SeparateExperts(8, width, inner), Routing(2, .softmax, renormalizes: true),
///       Experts(count: 8, activation: .silu))
public struct MixtureOfExperts: UnaryLayer {
  /// Names of the properties where they are not their own in snake case.
  public let checkpointNames: [String: String]
  /// The router: width -> experts.
  public let gate: Linear
  /// [experts]: takes part in the choice only; nil: nothing does.
  public let choiceBias: Parameter?
  /// The experts' weights.
  public let experts: any ExpertWeights
  /// Added for every token; nil: nothing.
  public let shared: (any UnaryLayer)?
  /// How experts are chosen.
  public let routing: Routing
  /// What experts do.
  public let arithmetic: Experts

  /// A mixture. `names` are the checkpoint's where they are not gate, gate.e_score_correction_bias, experts and
  /// shared_experts.
  public init(
    _ width: Int, _ experts: any ExpertWeights, _ routing: Routing, _ arithmetic: Experts, routerBias: Bool = false,
    choiceBias: Bool = false, shared: (any UnaryLayer)? = nil, names: [String: String] = [:]
  ) {
    precondition(experts.count == arithmetic.count, "\(experts.count) experts, not \(arithmetic.count)")
    gate = Linear(width, experts.count, bias: routerBias)
    self.choiceBias = choiceBias ? Parameter([experts.count]) : nil
    self.experts = experts
    self.shared = shared
    self.routing = routing
    self.arithmetic = arithmetic
    let usual = ["choiceBias": "gate.e_score_correction_bias", "shared": "shared_experts"]
    checkpointNames = usual.merging(names) { $1 }
  }

  /// [tokens, width] -> [tokens, width]
  public func callAsFunction(_ x: Tensor) -> Tensor {
    scope(in: x.builder) {
      let mixed = gate(x).mixed(
        x, routing, arithmetic, gateUp: experts.gateUp, down: experts.down, biases: experts.biases,
        choiceBias: choiceBias?.tensor(in: x.builder))
      return shared.map { mixed + $0(x) } ?? mixed
    }
  }
}

/// A feed-forward layer whose result is multiplied by a gate of its own, σ(w · x): a mixture of one expert.
public struct GatedSharedExpert: UnaryLayer {
  /// The layer.
  public let sharedExpert: GatedMLP
  /// width -> 1
  public let sharedExpertGate: Linear

  /// A layer of a width and an inner width.
  public init(_ width: Int, _ innerWidth: Int, activation: Activation) {
    sharedExpert = GatedMLP(width, innerWidth, activation: activation)
    sharedExpertGate = Linear(width, 1)
  }

  /// [tokens, width] -> [tokens, width]
  public func callAsFunction(_ x: Tensor) -> Tensor {
    scope(in: x.builder) {
      sharedExpertGate(x).mixed(
        x, Routing(1, .sigmoid), Experts(count: 1, activation: sharedExpert.activation),
        gateUp: [sharedExpert.gateProj.weight.part(), sharedExpert.upProj.weight.part()],
        down: [sharedExpert.downProj.weight.part()])
    }
  }
}

extension Tensor {
  /// What experts that these logits choose make of x.
  fileprivate func mixed(
    _ x: Tensor, _ routing: Routing, _ experts: Experts, gateUp: [Weight.Part], down: [Weight.Part],
    biases: (gateUp: [Weight.Part], down: [Weight.Part])? = nil, choiceBias: Tensor? = nil
  ) -> Tensor {
    func weight(_ parts: [Weight.Part]) -> Tensor { builder.weight(Weight(parts: parts, split: .experts)) }
    let (chosen, weights) = routed(routing, bias: choiceBias)
    let operands = ExpertsOperands(
      x: x, chosen: chosen, weights: weights, gateUp: weight(gateUp), down: weight(down),
      biases: biases.map { (weight($0.gateUp), weight($0.down)) })
    return operands.mixed(by: experts)
  }
}

extension ConfigJSON {
  /// How many experts there are, and how many of them a token uses. Throws where that is more.
  public func expertCounts(
    _ countName: String, default usual: Int? = nil, chosenName: String = "num_experts_per_tok",
    defaultChosen: Int? = nil
  ) throws(ConfigError) -> (count: Int, chosen: Int) {
    let range = 1...1 << 14
    let count = if let usual { try self(countName, default: usual, in: range) } else { try self(countName, in: range) }
    let chosen =
      if let defaultChosen { try self(chosenName, default: defaultChosen, in: range) } else {
        try self(chosenName, in: range)
      }
    guard chosen <= count else {
      throw ConfigError("\(path(of: chosenName)) is \(chosen), which is more than the \(count) experts")
    }
    return (count, chosen)
  }

  /// The layers that have a mixture: every "decoder_sparse_step"-th but those of "mlp_only_layers".
  public func sparseLayers(_ layerCount: Int) throws(ConfigError) -> [Bool] {
    let step = try self("decoder_sparse_step", default: 1)
    let dense = Set(try optional("mlp_only_layers") ?? [Int]())
    return (0..<layerCount).map { !dense.contains($0) && ($0 + 1) % step == 0 }
  }
}
