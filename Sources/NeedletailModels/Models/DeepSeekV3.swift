import NeedletailGraph

/// DeepSeek-V3 and R1 (DeepSeek-AI 2024, arXiv 2412.19437) and Kimi-K2, which is the same with other sizes: latent
/// attention, and experts chosen by sigmoids with biases within the best groups.
public enum DeepSeekV3: LatentFamily {
  /// 8 of 256 and a shared one, behind three dense layers; one layer for drafting.
  public static let usualExperts = ExpertFields.Usual(count: 256, chosen: 8, dense: 3)
  /// Yes.
  public static let hasChoiceBias = true

  /// Sigmoids; a group is as good as its two best experts.
  public static func routing(_ json: ConfigJSON, chosen: Int) throws(ConfigError) -> Routing {
    _ = try json.choice("scoring_func", default: (), ["sigmoid": ()])
    _ = try json.choice("topk_method", default: (), ["noaux_tc": ()])
    return Routing(
      chosen, .sigmoid, renormalizes: try json("norm_topk_prob", default: true),
      scale: try json.factor("routed_scaling_factor", default: 2.5),
      groups: try json.expertGroups(.topTwo, default: (8, 4)))
  }
}
