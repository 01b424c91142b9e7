/// How a router chooses experts for each token, and how much each of them counts. All of it is float32.
///
///     scores = scoring(logits)
///     chosen = the `chosenCount` experts of the highest scores + bias, the highest first; among equals the lower number
///     weights = their scores (without the bias), divided by their sum if `renormalizes`, times `scale`
public struct Routing: Hashable, Sendable {
  /// How logits become scores; raw values are those of `experts.h`.
  public enum Scoring: Int32, Hashable, Sendable, CaseIterable {
    /// A softmax over all experts.
    case softmax = 0
    /// The logits choose; weights are a softmax over those of the chosen experts.
    case softmaxOfChosen = 1
    /// 1 / (1 + exp(-logit))
    case sigmoid = 2
    /// The logits choose; each weight is a softmax over the logits that are not chosen yet and lie near the highest of
    /// them: (highest - logit) / max(|logit|, highest) is at most 2 `jitter` (SparseMixer-v2, Liu et al. 2024).
    case sparseMixer = 3
  }

  /// Experts are chosen within the best of some groups of neighbours only (DeepSeek-AI 2024).
  public struct Groups: Hashable, Sendable {
    /// What makes a group good; raw values are those of `experts.h`.
    public enum Score: Int32, Hashable, Sendable, CaseIterable {
      /// Its highest score + bias.
      case maximum = 0
      /// The sum of its two highest scores + biases.
      case topTwo = 1
    }
    /// Groups, all of one size.
    public var count: Int
    /// Groups whose experts may be chosen.
    public var chosen: Int
    /// What makes a group good.
    public var score: Score

    /// Groups to choose within.
    public init(count: Int, chosen: Int, score: Score) {
      self.count = count
      self.chosen = chosen
      self.score = score
    }
  }

  /// Experts for each token.
  public var chosenCount: Int
  /// How logits become scores.
  public var scoring: Scoring
  /// Whether the weights of a token are divided by their sum.
  public var renormalizes: Bool
  /// Factor of the weights.
  public var scale: Float
  /// Groups to choose within; nil: all experts.
  public var groups: Groups?
  /// Of `sparseMixer`.
  public var jitter: Float

  /// A way to choose.
  public init(
    _ chosenCount: Int, _ scoring: Scoring, renormalizes: Bool = false, scale: Float = 1, groups: Groups? = nil,
    jitter: Float = 0
  ) {
    self.chosenCount = chosenCount
    self.scoring = scoring
    self.renormalizes = renormalizes
    self.scale = scale
    self.groups = groups
    self.jitter = jitter
  }
}

extension Routing {
  func write(to a: inout Attributes) {
    a.set("chosen", chosenCount)
    a["scoring"] = "\(scoring)"
    a.set("renormalizes", renormalizes, unless: false)
    a.set("scale", scale, unless: 1)
    a.set("jitter", jitter, unless: 0)
    guard let groups else { return }
    a.set("groups", groups.count)
    a.set("chosen_groups", groups.chosen)
    a["group_score"] = "\(groups.score)"
  }

  init(_ a: Attributes) throws(GraphError) {
    let name = try a.string("scoring")
    guard let scoring = Scoring.allCases.first(where: { "\($0)" == name }) else {
      throw GraphError("scoring \(name) is unknown")
    }
    self.init(
      try a.int("chosen"), scoring, renormalizes: a.bool("renormalizes"), scale: try a.float("scale", default: 1),
      jitter: try a.float("jitter", default: 0))
    guard a["groups"] != nil else { return }
    let kind = try a.string("group_score")
    guard let score = Groups.Score.allCases.first(where: { "\($0)" == kind }) else {
      throw GraphError("group_score \(kind) is unknown")
    }
    groups = Groups(count: try a.int("groups"), chosen: try a.int("chosen_groups"), score: score)
  }

  /// The types of the chosen experts and their weights, for logits [rows, experts] and a bias [experts].
  func resultTypes(_ inputs: [TensorType]) throws(GraphError) -> [TensorType] {
    guard 1...2 ~= inputs.count, inputs[0].shape.count == 2, let experts = inputs[0].shape[1].fixed,
      inputs.count == 1 || inputs[1].shape == [.fixed(experts)]
    else { throw GraphError("does not fit \(inputs.map(\.description).joined(separator: ", "))") }
    var choosable = experts
    if let groups {
      guard groups.count > 0, experts % groups.count == 0, 1...groups.count ~= groups.chosen,
        groups.score == .maximum || experts / groups.count >= 2
      else {
        throw GraphError("cannot divide \(experts) experts into \(groups.count) groups of which \(groups.chosen)")
      }
      choosable = experts / groups.count * groups.chosen
    }
    guard 1...choosable ~= chosenCount else { throw GraphError("chooses \(chosenCount) of \(choosable) experts") }
    let shape = [inputs[0].shape[0], .fixed(chosenCount)]
    return [TensorType(.int32, shape), TensorType(.float32, shape)]
  }
}

extension Tensor {
  /// The experts of each row of logits [rows, experts], int32 [rows, k], and their weights, float32 [rows, k]. `bias`
  /// [experts] takes part in the choice only.
  public func routed(_ routing: Routing, bias: Tensor? = nil) -> (experts: Tensor, weights: Tensor) {
    let results = builder.recordAll(.route(routing), [self, bias].compactMap { $0 })
    return (results[0], results[1])
  }
}
