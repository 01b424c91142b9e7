import NeedletailJSON
import NeedletailModels
import Testing

/// Checkpoints whose names `transformers` changes when it loads them, so that there are no lists of theirs.
@Suite struct NamesElsewhereTests {
  /// The parameters of a list's config when it is the text model of a config of several.
  private func inside(_ list: String, as modelType: JSON) throws -> (own: [String: [Int]], inside: [String: [Int]]) {
    let config = try #require(try Fixture.json("names/\(list).json")["config"])
    let whole: JSON = .object(JSONObject([("model_type", modelType), ("text_config", config)]))
    func parameters(_ json: JSON) throws -> [String: [Int]] {
      let found = try ModelTable.standard.model(for: ConfigJSON(json)).parameters()
      return Dictionary(uniqueKeysWithValues: found.map { ($0.name, $0.shape) })
    }
    return (try parameters(config), try parameters(whole))
  }

  @Test(arguments: [("gemma-3-4b-text", "gemma3"), ("mistral-tied", "mistral3"), ("deepseek-v3-tied", "kimi_k25")])
  func besideImages(_ list: String, _ modelType: String) throws {
    let (own, inside) = try inside(list, as: .string(modelType))
    #expect(own.count > 20)
    #expect(inside == Dictionary(uniqueKeysWithValues: own.map { ("language_model." + $0.key, $0.value) }))
  }

  @Test func qwen3VL() throws {
    let (own, inside) = try inside("Qwen3-8B", as: "qwen3_vl")
    #expect(own.count > 300)
    let renamed = own.map { name, shape in
      (name.hasPrefix("model.") ? "model.language_model." + name.dropFirst(6) : name, shape)
    }
    #expect(inside == Dictionary(uniqueKeysWithValues: renamed))
  }

  /// Experts of Qwen3-VL are stacked, with matrices [inputs, outputs].
  @Test func qwen3VLMixtures() throws {
    let config: JSON = .object(
      JSONObject([
        ("model_type", "qwen3_vl_moe"),
        (
          "text_config",
          .object(
            JSONObject([
              ("model_type", "qwen3_vl_moe_text"), ("hidden_size", 32), ("num_attention_heads", 4),
              ("num_key_value_heads", 2), ("intermediate_size", 48), ("moe_intermediate_size", 24),
              ("num_experts", 6), ("num_experts_per_tok", 2), ("num_hidden_layers", 1), ("vocab_size", 96),
              ("max_position_embeddings", 128), ("tie_word_embeddings", false),
            ]))
        ),
      ]))
    let model = try ModelTable.standard.model(for: ConfigJSON(config))
    let shapes = Dictionary(uniqueKeysWithValues: try model.parameters().map { ($0.name, $0.shape) })
    #expect(shapes["model.language_model.layers.0.mlp.experts.gate_up_proj"] == [6, 32, 48])
    #expect(shapes["model.language_model.layers.0.mlp.experts.down_proj"] == [6, 24, 32])
    #expect(try model.trace().text.contains("renormalizes=true"))
    #expect(model.ignores("model.visual.blocks.0.norm1.weight"))
  }

  @Test func otherModelsAreIgnored() throws {
    let text = try #require(try Fixture.json("names/gemma-3-4b-text.json")["config"])
    let config: JSON = .object(JSONObject([("model_type", "gemma3"), ("text_config", text)]))
    let model = try ModelTable.standard.model(for: ConfigJSON(config))
    #expect(model.ignores("vision_tower.vision_model.post_layernorm.weight"))
    #expect(!model.ignores("language_model.model.layers.0.mlp.up.weight"))
  }

  @Test func tiesBesideTheTextModel() throws {
    var text = try #require(try Fixture.json("names/Qwen3-8B.json")["config"]?.object)
    text["tie_word_embeddings"] = .null
    func ties(_ value: JSON) throws -> Bool {
      let config: JSON = .object(
        JSONObject([
          ("model_type", "qwen3_vl"), ("tie_word_embeddings", value),
          (
            "text_config",
            .object(JSONObject(text.members.filter { $0.key != "tie_word_embeddings" }.map { ($0.key, $0.value) }))
          ),
        ]))
      return try !ModelTable.standard.model(for: ConfigJSON(config)).ties.isEmpty
    }
    #expect(try ties(true))
    #expect(try !ties(false))
  }

  /// As in the first revisions of microsoft/phi-2.
  @Test func phiUnderItsFirstNames() throws {
    let config: JSON = .object(
      JSONObject([
        ("model_type", "phi-msft"), ("n_embd", 64), ("n_head", 4), ("n_head_kv", .null), ("n_inner", .null),
        ("n_layer", 1), ("n_positions", 128), ("rotary_dim", 8), ("vocab_size", 96),
      ]))
    let model = try ModelTable.standard.model(for: ConfigJSON(config))
    let names = try model.parameters().map { "\($0.name) \($0.shape)" }
    #expect(
      names == [
        "transformer.embd.wte.weight [96, 64]", "transformer.h.0.ln.weight [64]", "transformer.h.0.ln.bias [64]",
        "transformer.h.0.mixer.Wqkv.weight [192, 64]", "transformer.h.0.mixer.Wqkv.bias [192]",
        "transformer.h.0.mixer.out_proj.weight [64, 64]", "transformer.h.0.mixer.out_proj.bias [64]",
        "transformer.h.0.mlp.fc1.weight [256, 64]", "transformer.h.0.mlp.fc1.bias [256]",
        "transformer.h.0.mlp.fc2.weight [64, 256]", "transformer.h.0.mlp.fc2.bias [64]",
        "lm_head.ln.weight [64]", "lm_head.ln.bias [64]", "lm_head.linear.weight [96, 64]", "lm_head.linear.bias [96]",
      ])
    #expect(try model.trace().outputs.count == 1)
  }
}
