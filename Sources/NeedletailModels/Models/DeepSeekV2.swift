import NeedletailGraph

/// DeepSeek-V2 and V2-Lite (DeepSeek-AI 2024, arXiv 2405.04434): latent attention, and experts chosen by a softmax, within
/// the best groups or among all.
public enum DeepSeekV2: LatentFamily {
  /// 64, 2 of them shared; no dense layers, none for drafting.
  public static let usualExperts = ExpertFields.Usual(count: 64, shared: 2, dense: 0, drafts: 0)
  /// No.
  public static let hasChoiceBias = false

  /// A softmax over all experts; a group is as good as its best expert.
  public static func routing(_ json: ConfigJSON, chosen: Int) throws(ConfigError) -> Routing {
    _ = try json.choice("scoring_func", default: (), ["softmax": ()])
    let isGrouped = try json.choice("topk_method", default: false, ["greedy": false, "group_limited_greedy": true])
    // The published code divides the weights by their sum and leaves the factor out, `transformers` does neither.
    guard try json("norm_topk_prob", default: false) == false else {
      throw ConfigError("\(json.path(of: "norm_topk_prob")) is true, which no DeepSeek-V2 was published with")
    }
    return Routing(
      chosen, .softmax, scale: try json.factor("routed_scaling_factor"),
      groups: isGrouped ? try json.expertGroups(.maximum) : nil)
  }
}
