import NeedletailGraph

/// The logits of experts, and what is added to their scores while they are chosen.
public struct ExpertGate: Layer {
  /// [experts, width]
  public let weight: Parameter
  /// [experts]; nil: nothing.
  public let eScoreCorrectionBias: Parameter?

  /// The gate of so many experts.
  public init(_ width: Int, _ count: Int, bias: Bool) {
    weight = Parameter([count, width])
    eScoreCorrectionBias = bias ? Parameter([count]) : nil
  }
}

/// Experts of which a token goes through a few, and a layer that every token goes through (Dai et al. 2024):
/// [rows, width] -> [rows, width].
public struct SharedExperts: UnaryLayer {
  /// width -> experts
  public let gate: ExpertGate
  /// Each a gated feed-forward layer.
  public let experts: [GatedMLP]
  /// What every token goes through; nil: nothing.
  public let sharedExperts: GatedMLP?
  /// How experts are chosen.
  public let routing: Routing

  /// The layer a config describes.
  init<Family>(_ config: LatentConfig<Family>) {
    let (width, inner) = (config.hiddenSize, config.expertSize)
    gate = ExpertGate(width, config.expertCount, bias: Family.hasChoiceBias)
    experts = (0..<config.expertCount).map { _ in GatedMLP(width, inner, activation: config.activation) }
    sharedExperts =
      config.sharedExpertCount == 0
      ? nil
      : GatedMLP(width, inner * config.sharedExpertCount, activation: config.activation, bias: config.mlpBias)
    routing = config.routing
  }

  /// [rows, width] -> [rows, width]
  public func callAsFunction(_ x: Tensor) -> Tensor {
    scope(in: x.builder) {
      let logits = x.linear(gate.weight.tensor(in: x.builder))
      let choice = logits.routed(routing, bias: gate.eScoreCorrectionBias?.tensor(in: x.builder))
      let gateUp = experts.flatMap { [$0.gateProj.weight.part(), $0.upProj.weight.part()] }
      let operands = ExpertsOperands(
        x: x, chosen: choice.experts, weights: choice.weights,
        gateUp: x.builder.weight(Weight(parts: gateUp, split: .experts)),
        down: x.builder.weight(Weight(parts: experts.map { $0.downProj.weight.part() }, split: .experts)))
      let mixed = operands.mixed(by: Experts(count: experts.count, activation: experts[0].activation))
      return sharedExperts.map { mixed + $0(x) } ?? mixed
    }
  }
}

extension Routing {
  /// Throws where a config's groups and numbers of experts do not go together.
  func check(experts: Int, _ json: ConfigJSON) throws(ConfigError) {
    var choosable = experts
    if let groups {
      guard experts % groups.count == 0, groups.chosen <= groups.count, experts / groups.count > 1 else {
        throw ConfigError(
          "\(json.path(of: "n_group")) is \(groups.count), of which \(groups.chosen) are chosen (\"topk_group\"), which "
            + "does not fit \(experts) experts")
      }
      choosable = experts / groups.count * groups.chosen
    }
    guard chosenCount <= choosable else {
      throw ConfigError("\(json.path(of: "num_experts_per_tok")) is \(chosenCount), of \(choosable) experts")
    }
  }
}
