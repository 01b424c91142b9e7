import NeedletailGraph

/// The weights of a mixture's experts, however a checkpoint stores them. The parts are asked for while a graph is recorded.
public protocol ExpertWeights: Layer {
  /// How many experts there are.
  var count: Int { get }
  /// For each expert its gate's rows [inner, width], then those of what the gate multiplies.
  var gateUp: [Weight.Part] { get }
  /// For each expert [width, inner].
  var down: [Weight.Part] { get }
  /// In the same orders, vectors; nil: none.
  var biases: (gateUp: [Weight.Part], down: [Weight.Part])? { get }
}

/// Experts with tensors of their own: "experts.0.gate_proj.weight"...
public struct SeparateExperts: ExpertWeights {
  /// One expert's projections.
  public struct Expert: Layer {
    /// width -> inner
    public let gateProj, upProj: Linear
    /// inner -> width
    public let downProj: Linear
    /// Names of the three where they are not gate_proj, up_proj, down_proj.
    public let checkpointNames: [String: String]
  }

  /// Named by their number alone.
  public static let checkpointNames = ["experts": ""]
  /// In order.
  public let experts: [Expert]

  /// Experts of a width and an inner width. `names`: of gate, up and down projections.
  public init(_ count: Int, _ width: Int, _ inner: Int, names: [String] = ["gate_proj", "up_proj", "down_proj"]) {
    precondition(names.count == 3, "names of gate, up and down projections")
    experts = (0..<count).map { _ in
      Expert(
        gateProj: Linear(width, inner, split: .experts), upProj: Linear(width, inner, split: .experts),
        downProj: Linear(inner, width, split: .experts),
        checkpointNames: ["gateProj": names[0], "upProj": names[1], "downProj": names[2]])
    }
  }

  /// How many experts there are.
  public var count: Int { experts.count }
  /// Two parts an expert.
  public var gateUp: [Weight.Part] { experts.flatMap { [$0.gateProj.weight.part(), $0.upProj.weight.part()] } }
  /// A part an expert.
  public var down: [Weight.Part] { experts.map { $0.downProj.weight.part() } }
  /// None.
  public var biases: (gateUp: [Weight.Part], down: [Weight.Part])? { nil }
}

/// Experts whose matrices are stacked in tensors of three dimensions.
public struct StackedExperts: ExpertWeights {
  /// How gates and what they multiply lie in one matrix.
  public enum Order: Hashable, Sendable {
    /// All gates first.
    case halves
    /// In turn.
    case interleaved
  }

  /// Names where they are not gate_up_proj, down_proj, gate_up_proj_bias, down_proj_bias.
  public let checkpointNames: [String: String]
  /// [experts, 2 inner, width]
  public let gateUpProj: Parameter
  /// [experts, width, inner]
  public let downProj: Parameter
  /// [experts, 2 inner]
  public let gateUpProjBias: Parameter?
  /// [experts, width]
  public let downProjBias: Parameter?
  /// How gates and what they multiply lie.
  public let order: Order

  /// Experts of a width and an inner width. `isTransposed`: matrices are stored [inputs, outputs].
  public init(
    _ count: Int, _ width: Int, _ inner: Int, order: Order, isTransposed: Bool, bias: Bool = false,
    names: [String: String] = [:]
  ) {
    gateUpProj = Parameter([count, 2 * inner, width], split: .experts, isTransposed: isTransposed)
    downProj = Parameter([count, width, inner], split: .experts, isTransposed: isTransposed)
    gateUpProjBias = bias ? Parameter([count, 2 * inner], split: .experts) : nil
    downProjBias = bias ? Parameter([count, width], split: .experts) : nil
    self.order = order
    checkpointNames = names
  }

  /// How many experts there are.
  public var count: Int { gateUpProj.shape[0] }

  private func gatesFirst(_ parameter: Parameter) -> [Weight.Part] {
    (0..<count).flatMap { expert in
      switch order {
      case .halves: [parameter.part(index: expert)]
      case .interleaved: [0, 1].map { parameter.part(rows: $0..<$0 + 1, period: 2, index: expert) }
      }
    }
  }

  private func all(_ parameter: Parameter) -> [Weight.Part] { (0..<count).map { parameter.part(index: $0) } }

  /// One or two parts an expert.
  public var gateUp: [Weight.Part] { gatesFirst(gateUpProj) }
  /// A part an expert.
  public var down: [Weight.Part] { all(downProj) }
  /// As the matrices.
  public var biases: (gateUp: [Weight.Part], down: [Weight.Part])? {
    guard let gateUpProjBias, let downProjBias else { return nil }
    return (gatesFirst(gateUpProjBias), all(downProjBias))
  }
}
