extension ConfigJSON {
  /// What the config of an unknown model says that no known one has, in words; empty where nothing of it is recognized:
  /// for the sentence that refuses it.
  var unknownParts: [String] {
    let groups = [self] + ["text_config", "llm_config"].compactMap { try? group(ifObject: $0) }
    let fields = Set(groups.flatMap(\.fields))
    var parts = Self.telling.filter { !fields.isDisjoint(with: $0.fields) }.map(\.part)
    let types = groups.flatMap { group in
      let types: [String]? = try? group.optional("layer_types")
      return types ?? []
    }
    if types.contains("linear_attention"), !parts.contains(Self.recurrent) { parts.append(Self.recurrent) }
    return parts
  }

  private static let recurrent = "layers with a state in place of attention"
  private static let telling: [(part: String, fields: Set<String>)] = [
    ("images", ["vision_config"]), ("audio", ["audio_config"]),
    (recurrent, ["ssm_state_size", "mamba_num_heads", "mamba_d_state", "linear_attn_config", "linear_num_key_heads"]),
    (
      "attention to chosen tokens only",
      ["index_topk", "sparse_attention_config", "compress_ratios"]
    ),
    ("several residual streams", ["hc_mult"]),
    ("blocks that differ in their parts", ["block_configs"]),
    ("attention of two shapes", ["swa_head_dim", "global_head_dim"]),
  ]
}
