import NeedletailGraph

/// The fields of decoders whose first feed-forward layers are dense and whose others are mixtures with experts that every
/// token goes through (DeepSeek-AI 2024, arXiv 2401.06066).
///
///     mixture = try ExpertFields(json, usual: .init(count: 128, chosen: 8, size: 1408, dense: 1)) { chosen in ... }
public struct ExpertFields: Sendable {
  /// What counts where a config says nothing; nil: it has to say it.
  public struct Usual: Sendable {
    /// Experts.
    public var count: Int
    /// Of a token.
    public var chosen: Int?
    /// Inner width of an expert.
    public var size: Int?
    /// Experts that every token goes through.
    public var shared: Int
    /// Dense layers at the front.
    public var dense: Int
    /// Layers behind the last one that checkpoints may have, for drafting tokens.
    public var drafts: Int

    /// Numbers.
    public init(count: Int, chosen: Int? = nil, size: Int? = nil, shared: Int = 1, dense: Int, drafts: Int = 1) {
      (self.count, self.chosen, self.size) = (count, chosen, size)
      (self.shared, self.dense, self.drafts) = (shared, dense, drafts)
    }
  }

  /// Experts, and those of a token.
  public let experts: (count: Int, chosen: Int)
  /// Inner width of an expert; how many of it the shared expert has; layers before the first mixture.
  public let expertSize, sharedCount, denseCount: Int
  /// Layers behind the last one that checkpoints may have for drafting, and that are not read.
  public let draftCount: Int
  /// How experts are chosen.
  public let routing: Routing

  /// Reads the fields of a model of so many layers. `routing` says how so many of a token's experts are chosen. Throws
  /// where groups do not fit the experts.
  public init(
    _ json: ConfigJSON, layerCount: Int, usual: Usual, routing: (_ chosen: Int) throws(ConfigError) -> Routing
  ) throws(ConfigError) {
    experts = try json.expertCounts(
      json.name("n_routed_experts", "num_local_experts"), default: usual.count, defaultChosen: usual.chosen)
    expertSize =
      if let size = usual.size { try json("moe_intermediate_size", default: size) } else {
        try json("moe_intermediate_size")
      }
    sharedCount = try json("n_shared_experts", default: usual.shared, in: 0...1 << 10)
    denseCount = try json("first_k_dense_replace", default: usual.dense, in: 0...10_000)
    draftCount = try json(
      json.name("num_nextn_predict_layers", "num_mtp_layers"), default: usual.drafts, in: 0...10_000)
    self.routing = try routing(experts.chosen)
    guard try json("moe_layer_freq", default: 1) == 1 else {
      throw ConfigError("\(json.path(of: "moe_layer_freq")) is not 1; dense layers between mixtures are not known here")
    }
    guard let groups = self.routing.groups, denseCount < layerCount else { return }
    try json.check(groups, experts)
  }

  /// A mixture, or in the first layers none. `bias`: of feed-forward layers that are no expert; `choiceBias`: whether each
  /// expert has a bias that takes part in the choice only.
  public func feedForward(
    layer: Int, _ fields: DecoderFields, bias: Bool = false, choiceBias: Bool
  ) -> any UnaryLayer {
    let (width, activation) = (fields.attention.hiddenSize, fields.activation)
    func gated(_ inner: Int) -> GatedMLP { GatedMLP(width, inner, activation: activation, bias: bias) }
    guard layer >= denseCount else { return gated(fields.intermediateSize) }
    return MixtureOfExperts(
      width, SeparateExperts(experts.count, width, expertSize), routing,
      Experts(count: experts.count, activation: activation), choiceBias: choiceBias,
      shared: sharedCount == 0 ? nil : gated(expertSize * sharedCount))
  }
}

extension ConfigJSON {
  /// "n_group" groups of experts, the best "topk_group" of which a token's experts are chosen from; nil where there is only
  /// one. `usual`: what counts where the config says nothing; nil: it has to say it.
  func expertGroups(
    _ score: Routing.Groups.Score, default usual: (count: Int, chosen: Int)? = nil
  ) throws(ConfigError) -> Routing.Groups? {
    guard let usual else { return try expertGroups(score, default: (self("n_group"), self("topk_group"))) }
    let (count, chosen) = (try self("n_group", default: usual.count), try self("topk_group", default: usual.chosen))
    return count == 1 ? nil : Routing.Groups(count: count, chosen: chosen, score: score)
  }

  /// Throws where groups do not fit the experts.
  func check(_ groups: Routing.Groups, _ experts: (count: Int, chosen: Int)) throws(ConfigError) {
    let (size, rest) = experts.count.quotientAndRemainder(dividingBy: groups.count)
    guard rest == 0, size > 1, groups.chosen <= groups.count, size * groups.chosen >= experts.chosen else {
      throw ConfigError(
        "\(path(of: "n_group")) is \(groups.count), of which \(groups.chosen) are chosen (\"topk_group\"), which "
          + "does not fit \(experts.chosen) of \(experts.count) experts")
    }
  }
}
