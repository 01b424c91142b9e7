import NeedletailGraph

/// DeepSeek-V3 and R1 (DeepSeek-AI 2024, arXiv 2412.19437) and Kimi-K2, which is the same with other sizes: latent
/// attention, and experts chosen by sigmoids with biases within the best groups.
public enum DeepSeekV3: LatentFamily {
  /// 256, 1 and 8
  public static let usualExperts: (count: Int, shared: Int, chosen: Int?) = (256, 1, 8)
  /// Yes.
  public static let hasChoiceBias = true
  /// 3
  public static let usualDenseCount = 3
  /// 1
  public static let usualDraftCount = 1

  /// Sigmoids; a group is as good as its two best experts.
  public static func routing(_ json: ConfigJSON, chosen: Int) throws(ConfigError) -> Routing {
    _ = try json.choice("scoring_func", default: (), ["sigmoid": ()])
    _ = try json.choice("topk_method", default: (), ["noaux_tc": ()])
    let (groups, chosenGroups) = (try json("n_group", default: 8), try json("topk_group", default: 4))
    return Routing(
      chosen, .sigmoid, renormalizes: try json("norm_topk_prob", default: true),
      scale: try json.factor("routed_scaling_factor", default: 2.5),
      groups: groups == 1 ? nil : .init(count: groups, chosen: chosenGroups, score: .topTwo))
  }
}
