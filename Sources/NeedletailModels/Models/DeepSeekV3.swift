import NeedletailGraph

/// DeepSeek-V3 and R1 (DeepSeek-AI 2024, arXiv 2412.19437) and Kimi-K2, which is the same with other sizes: latent
/// attention, and experts chosen by sigmoids with biases within the best groups.
public enum DeepSeekV3: LatentFamily {
  /// Yes.
  public static let hasChoiceBias = true
  /// 3
  public static let usualDenseLayers = 3
  /// 256 and 1
  public static let usualExperts = (routed: 256, shared: 1)
  /// 1
  public static let usualDraftLayers = 1

  /// Sigmoids; a group is as good as its two best experts.
  public static func routing(_ json: ConfigJSON) throws(ConfigError) -> Routing {
    _ = try json.choice("scoring_func", default: (), ["sigmoid": ()])
    _ = try json.choice("topk_method", default: (), ["noaux_tc": ()])
    let groups = try json("n_group", default: 8)
    let chosen = try json("topk_group", default: 4)
    return Routing(
      try json("num_experts_per_tok", default: 8), .sigmoid, renormalizes: try json("norm_topk_prob", default: true),
      scale: try json("routed_scaling_factor", default: 2.5),
      groups: groups == 1 ? nil : .init(count: groups, chosen: chosen, score: .topTwo))
  }
}
