import NeedletailGraph
import NeedletailJSON
import NeedletailModels
import Testing

/// DeepSeek's models: what their configs say and what is recorded of them. `GoldenTests` compares their numbers.
@Suite struct LatentModelTests {
  private static let small: [String: JSON] = [
    "model_type": "deepseek_v3", "num_key_value_heads": 4, "moe_intermediate_size": 24, "n_routed_experts": 8,
    "num_experts_per_tok": 2, "n_group": 2, "topk_group": 1, "first_k_dense_replace": 1, "q_lora_rank": 20,
    "kv_lora_rank": 16, "qk_nope_head_dim": 12, "qk_rope_head_dim": 8, "v_head_dim": 10,
  ]

  private func model(_ fields: [String: JSON] = [:]) throws -> any LanguageModel {
    try ModelTable.standard.model(for: Fixture.config(Self.small.merging(fields) { $1 }))
  }

  private func attention(_ fields: [String: JSON] = [:]) throws -> [Attention] {
    try model(fields).trace().nodes.compactMap { if case .attention(let attention) = $0.op { attention } else { nil } }
  }

  @Test(arguments: ["deepseek_v2", "deepseek_v3", "kimi_k2"])
  func everyLayerKeepsItsLatentOnce(_ type: String) throws {
    let graph = try model(["model_type": .string(type)]).trace()
    let layers = graph.nodes.filter { if case .attention = $0.op { true } else { false } }
    #expect(layers.count == 2)
    for node in layers {
      #expect(node.inputs.map { graph[$0].shape } == [[.tokens, 4, 24], [.tokens, 1, 24]])
      #expect(graph[node.results[0]].shape == [.tokens, 4, 16])
    }
  }

  @Test func scoresAreScaledByTheWidthOfAQueryAndByYarn() throws {
    #expect(try attention().allSatisfy { abs($0.scale - 0.2236068) < 1e-6 && $0.valuesFromKeys == 16 })
    let yarn: JSON = [
      "type": "yarn", "factor": 40, "mscale": 1.0, "mscale_all_dim": 0.5, "original_max_position_embeddings": 64,
    ]
    // (0.1 * 0.5 * log 40 + 1)^2
    #expect(try attention(["rope_scaling": yarn]).allSatisfy { abs($0.scale / 0.2236068 - 1.4029) < 1e-3 })
    let plain: JSON = ["rope_type": "default", "rope_theta": 500.0, "mscale_all_dim": 1.0]
    #expect(try attention(["rope_parameters": plain]).allSatisfy { abs($0.scale - 0.2236068) < 1e-6 })
  }

  @Test func queriesAreMadeInTwoStepsOrOne() throws {
    let names = try model().parameters().map(\.name)
    #expect(names.contains("model.layers.1.self_attn.q_a_proj.weight"))
    #expect(names.contains("model.layers.1.mlp.gate.e_score_correction_bias"))
    for fields in [["q_lora_rank": .null], ["q_lora_rank": .null, "model_type": "deepseek_v2"]] as [[String: JSON]] {
      let names = try model(fields).parameters().map(\.name)
      #expect(names.contains("model.layers.1.self_attn.q_proj.weight"))
      #expect(!names.contains { $0.contains("q_a_") || $0.contains("q_b_") })
    }
  }

  @Test func layersBehindTheLastAreNotRead() throws {
    let model = try model(["num_nextn_predict_layers": 2])
    #expect(
      model.ignores("model.layers.2.self_attn.q_a_proj.weight")
        && model.ignores("model.layers.3.shared_head.norm.weight"))
    #expect(
      !model.ignores("model.layers.4.self_attn.q_a_proj.weight") && !model.ignores("model.layers.1.mlp.gate.bias"))
    #expect(try !self.model(["num_nextn_predict_layers": 0]).ignores("model.layers.2.eh_proj.weight"))
    #expect(try !self.model(["model_type": "deepseek_v2"]).ignores("model.layers.2.eh_proj.weight"))
  }

  @Test(
    arguments: [
      (["n_group": 3], "config.json: \"n_group\" is 3, of which 1 are chosen"),
      (["topk_group": 3], "config.json: \"n_group\" is 2, of which 3 are chosen"),
      (["n_group": 8], "config.json: \"n_group\" is 8, of which 1 are chosen"),
      (["num_experts_per_tok": 5], "config.json: \"n_group\" is 2, of which 1 are chosen"),
      (["num_experts_per_tok": 9], "config.json: \"num_experts_per_tok\" is 9, which is more than the 8 experts"),
      (
        ["scoring_func": "softmax"],
        "config.json: \"scoring_func\" is \"softmax\", which is not known; known are sigmoid"
      ),
      (["topk_method": "greedy"], "config.json: \"topk_method\" is \"greedy\", which is not known; known are noaux_tc"),
      (["moe_layer_freq": 2], "config.json: \"moe_layer_freq\" is not 1"),
      (["num_key_value_heads": 2], "config.json: \"num_key_value_heads\" is not 4"),
      (["kv_lora_rank": 2_000_000], "config.json: \"num_attention_heads\" is 4, too much for heads of 2000000"),
      (["model_type": "deepseek_v2", "norm_topk_prob": true], "config.json: \"norm_topk_prob\" is true"),
      (["model_type": "deepseek_v2", "topk_method": "noaux_tc"], "config.json: \"topk_method\" is \"noaux_tc\""),
    ] as [([String: JSON], String)])
  func whatDoesNotFitIsASentence(_ fields: [String: JSON], _ sentence: String) {
    let complaint = Fixture.complaint(Self.small.merging(fields) { $1 })
    #expect(complaint.hasPrefix(sentence), "\(complaint)")
  }
}
