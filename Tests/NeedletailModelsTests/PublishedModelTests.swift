import NeedletailJSON
import NeedletailModels
import Testing

/// Models of which there are published definitions and no lists of names by `transformers`.
@Suite struct PublishedModelTests {
  private static let widths: [String: JSON] = [
    "hidden_size": 48, "num_attention_heads": 6, "num_hidden_layers": 2, "vocab_size": 96,
    "max_position_embeddings": 128,
  ]
  private static let minimax = widths.merging([
    "model_type": "minimax_m2", "num_key_value_heads": 2, "head_dim": 16, "intermediate_size": 32, "rotary_dim": 8,
    "num_local_experts": 4, "num_experts_per_tok": 2,
  ]) { $1 }
  private static let grok = widths.merging([
    "model_type": "grok-1", "num_key_value_heads": 2, "intermediate_size": 32, "num_experts": 4,
  ]) { $1 }

  private static func puzzle(_ attention: [(String, JSON)], _ ffn: [(String, JSON)]) -> [String: JSON] {
    func block(_ attention: [(String, JSON)], _ ffn: [(String, JSON)]) -> JSON {
      .object(
        JSONObject([("attention", .object(JSONObject(attention))), ("ffn", .object(JSONObject(ffn)))]))
    }
    let whole = block([("n_heads_in_group", 3)], [("ffn_mult", 2.625)])
    return widths.merging([
      "model_type": "nemotron-nas", "num_key_value_heads": .null, "intermediate_size": .null,
      "block_configs": .array([whole, block(attention, ffn)]),
    ]) { $1 }
  }

  private func shapes(_ fields: [String: JSON]) throws -> [String: [Int]] {
    let json: JSON = .object(JSONObject(fields.map { ($0.key, $0.value) }))
    let model = try ModelTable.standard.model(for: ConfigJSON(json))
    try model.trace().verify()
    return Dictionary(uniqueKeysWithValues: try model.parameters().map { ($0.name, $0.shape) })
  }

  @Test func miniMax() throws {
    let shapes = try shapes(Self.minimax)
    #expect(shapes["model.layers.1.block_sparse_moe.e_score_correction_bias"] == [4])
    #expect(shapes["model.layers.1.block_sparse_moe.experts.3.w2.weight"] == [48, 32])
    #expect(shapes["model.layers.0.self_attn.k_norm.weight"] == [32] && shapes.count == 47)
  }

  @Test func grok1() throws {
    let shapes = try shapes(Self.grok)
    #expect(shapes["model.norm.scale"] == [48] && shapes["model.layers.0.post_moe_norm.scale"] == [48])
    #expect(shapes["model.layers.1.moe_block.experts.3.linear_1.weight"] == [48, 32] && shapes.count == 44)
  }

  /// Layers without attention, with a matrix in its place, without a feed-forward layer; two thirds of the factor, rounded
  /// up to a multiple of 256.
  @Test func layersThatDiffer() throws {
    let linear = try shapes(Self.puzzle([("replace_with_linear", true)], [("no_op", true)]))
    #expect(linear["model.layers.0.self_attn.k_proj.weight"] == [16, 48])
    #expect(linear["model.layers.0.mlp.up_proj.weight"] == [256, 48])
    #expect(linear["model.layers.1.self_attn.linear_attn.weight"] == [48, 48])
    #expect(linear["model.layers.1.post_attention_layernorm.weight"] == nil && linear.count == 14)
    let none = try shapes(Self.puzzle([("no_op", true), ("n_heads_in_group", .null)], [("ffn_mult", 9.0)]))
    #expect(none["model.layers.1.mlp.down_proj.weight"] == [48, 512])
    #expect(none["model.layers.1.input_layernorm.weight"] == nil && none.count == 16)
  }

  @Test(
    arguments: [
      (minimax.merging(["scoring_func": "softmax"]) { $1 }, "config.json: \"scoring_func\" is softmax"),
      (minimax.merging(["qk_norm_type": "per_head"]) { $1 }, "config.json: \"qk_norm_type\" is per_head"),
      (minimax.merging(["shared_intermediate_size": 32]) { $1 }, "config.json: \"shared_intermediate_size\" is 32"),
      (minimax.merging(["attn_type_list": [1, 0]]) { $1 }, "config.json: \"attn_type_list\" has a number"),
      (minimax.merging(["rotary_dim": 17]) { $1 }, "config.json: \"rotary_dim\" is 17, which is not between"),
      (grok.merging(["max_attn_value": 0]) { $1 }, "config.json: \"max_attn_value\" is 0"),
      (puzzle([("n_heads_in_group", 4)], [("ffn_mult", 1.0)]), "config.json: \"block_configs[1].attention.n_heads"),
      (puzzle([("window_length", 4)], [("ffn_mult", 1.0)]), "config.json: \"block_configs[1].attention.window_length"),
      (puzzle([("no_op", true)], [("sparsify", 1)]), "config.json: \"block_configs[1].ffn.sparsify\""),
      (puzzle([("no_op", true)], [("ffn_mult", 1e9)]), "config.json: \"block_configs[1].ffn.ffn_mult\" is"),
      (puzzle([], []).merging(["num_hidden_layers": 3]) { $1 }, "config.json: \"block_configs\" has 2 elements for 3"),
    ] as [([String: JSON], String)])
  func whatIsNotKnownIsASentence(_ fields: [String: JSON], _ sentence: String) {
    let complaint = Fixture.complaint(fields)
    #expect(complaint.hasPrefix(sentence), "\(complaint)")
  }
}
