import NeedletailJSON
import NeedletailModels
import Testing

/// Configs of the dense families after Llama: what old and new fields mean, and what is refused.
@Suite struct DenseConfigTests {
  private func config(_ modelType: String, _ fields: [String: JSON]) throws -> ConfigJSON {
    try Fixture.config(["model_type": .string(modelType), "num_hidden_layers": 4].merging(fields) { $1 })
  }

  @Test func windowsOfQwen() throws {
    func windows(_ fields: [String: JSON]) throws -> [Int?] { try Qwen2Config(config("qwen2", fields)).windows }
    #expect(try windows(["sliding_window": 16]) == [nil, nil, nil, nil], "windows are off unless said")
    #expect(
      try windows(["use_sliding_window": true, "sliding_window": 16, "max_window_layers": 3]) == [nil, nil, nil, 16])
    #expect(try windows(["use_sliding_window": true, "max_window_layers": 0]) == [4096, 4096, 4096, 4096])
    #expect(try windows(["use_sliding_window": true, "sliding_window": .null]) == [nil, nil, nil, nil])
  }

  @Test func layersOfGemma3() throws {
    let old = try Gemma3Config(
      config(
        "gemma3_text",
        [
          "head_dim": 16, "sliding_window": 8, "sliding_window_pattern": 2, "rope_theta": 5e5,
          "rope_local_base_freq": 100,
          "rope_scaling": .object(JSONObject([("rope_type", "linear"), ("factor", 8)])),
        ]))
    #expect(old.windows == [8, nil, 8, nil])
    #expect(old.rope == Rope(dimensions: 16, theta: 5e5, scaling: .fixed(.linear(factor: 8))))
    #expect(old.localRope == Rope(dimensions: 16, theta: 100))
    func kind(_ fields: (String, JSON)...) -> JSON { .object(JSONObject(fields)) }
    let new = try Gemma3Config(
      config(
        "gemma3_text",
        [
          "head_dim": 16, "sliding_window": 8,
          "layer_types": [
            "full_attention", "sliding_attention", "full_attention",
            "full_attention",
          ],
          "rope_parameters": kind(
            ("full_attention", kind(("rope_type", "linear"), ("factor", 8), ("rope_theta", 5e5))),
            ("sliding_attention", kind(("rope_type", "default"), ("rope_theta", 100)))),
        ]))
    #expect(new.windows == [nil, 8, nil, nil])
    #expect(new.rope == old.rope)
    #expect(new.localRope == old.localRope)
  }

  @Test func layersWithoutPositions() throws {
    let smol = try SmolLM3Config(config("smollm3", ["no_rope_layer_interval": 2]))
    #expect(smol.rotates == [true, false, true, false])
    let given = try SmolLM3Config(
      config("smollm3", ["no_rope_layers": [0, 1, 1, 0], "use_sliding_window": true, "sliding_window": 8]))
    #expect(given.rotates == [false, true, true, false])
    #expect(given.windows == [8, nil, nil, 8])
    let exaone = try Exaone4Config(config("exaone4", ["sliding_window": 8, "sliding_window_pattern": 2]))
    #expect(exaone.windows == [8, nil, 8, nil] && !exaone.rotatesAll)
    #expect(
      try Exaone4Config(config("exaone4", ["sliding_window": .null, "sliding_window_pattern": "LLLG"])).rotatesAll)
  }

  @Test func oldNamesOfGELU() throws {
    #expect(try GemmaConfig(config("gemma", ["hidden_act": "gelu"])).fields.activation == .geluTanh)
    let both: [String: JSON] = ["hidden_act": "gelu", "hidden_activation": "silu"]
    #expect(try GemmaConfig(config("gemma", both)).fields.activation == .silu)
  }

  @Test func sizesThatAreLeftOut() throws {
    let gemma = try GemmaConfig(config("gemma", ["head_dim": .null]))
    #expect(gemma.fields.attention.headDim == 16, "null: the width over the heads")
    #expect(try Qwen3Config(config("qwen3", [:])).fields.attention.headDim == 128)
    #expect(try StableLMConfig(config("stablelm", [:])).rope.dimensions == 4)
    #expect(try StableLMConfig(config("stablelm", ["partial_rotary_factor": 0.5])).rope.dimensions == 8)
    #expect(try CohereConfig(config("cohere", [:])).logitScale == 0.0625)
  }

  @Test(
    arguments: [
      ("gemma", ["use_bidirectional_attention": true], "\"use_bidirectional_attention\" is true, which is not known"),
      ("gemma2", ["final_logit_softcapping": -1], "\"final_logit_softcapping\" is -1.0, which is out of range"),
      ("gemma3_text", ["query_pre_attn_scalar": 0], "\"query_pre_attn_scalar\" is 0.0, which is out of range"),
      ("gemma3_text", ["sliding_window_pattern": 0], "\"sliding_window_pattern\" is 0, which is not between"),
      ("starcoder2", ["norm_type": "rms_norm"], "\"norm_type\" is rms_norm, which is not known; known is layer_norm"),
      ("phi3", ["lm_head_bias": true], "\"lm_head_bias\" is true, which is not known; known is false"),
      ("cohere2", ["use_qk_norm": true], "\"use_qk_norm\" is true, which is not known; known is false"),
      ("smollm3", ["no_rope_layers": [1, 0]], "\"no_rope_layers\" is not a 0 or 1 for each of 4 layers"),
      ("smollm3", ["no_rope_layers": [1, 0, 2, 1]], "\"no_rope_layers\" is not a 0 or 1 for each of 4 layers"),
      ("granite", ["logits_scaling": 0], "\"logits_scaling\" is 0.0, which is out of range"),
      ("olmo", ["clip_qkv": -2], "\"clip_qkv\" is -2.0, which is out of range"),
      ("nemotron", ["hidden_act": "wavy"], "\"hidden_act\" is \"wavy\", which is not known; known are"),
      ("stablelm", ["partial_rotary_factor": 0.01], "rope turns 0 of a head's 16 dimensions"),
      (
        "qwen2", ["layer_types": ["sliding_attention", "full_attention", "full_attention", "full_attention"]],
        "\"layer_types\" has \"sliding_attention\" and there is no \"sliding_window\""
      ),
      ("qwen2", ["use_mrope": true], "\"use_mrope\" is true, which is not known"),
      ("gemma3", [:], "\"text_config\" is missing"),
    ] as [(String, [String: JSON], String)])
  func absurdFieldsAreSentences(_ modelType: String, _ fields: [String: JSON], _ sentence: String) {
    let all: [String: JSON] = ["model_type": .string(modelType), "num_hidden_layers": 4]
    let complaint = Fixture.complaint(all.merging(fields) { $1 })
    #expect(complaint.contains(sentence), "\(complaint)")
  }
}
