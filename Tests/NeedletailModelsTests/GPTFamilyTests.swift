import NeedletailGraph
import NeedletailJSON
import NeedletailModels
import Testing

/// What configs of the GPT family may say and may not say; names and numbers are checked against `transformers` elsewhere.
@Suite struct GPTFamilyTests {
  private static let small: [String: JSON] = [
    "hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 96,
  ]

  private static func model(_ type: String, _ fields: [String: JSON] = [:]) throws -> any LanguageModel {
    var members = JSONObject([("model_type", .string(type))])
    for (name, value) in small.merging(fields, uniquingKeysWith: { $1 }) { members[name] = value }
    return try ModelTable.standard.model(for: ConfigJSON(.object(members)))
  }

  private static func complaint(_ type: String, _ fields: [String: JSON]) -> String {
    do {
      _ = try model(type, fields)
      return ""
    } catch { return "\(error)" }
  }

  struct Mistake: Sendable, CustomTestStringConvertible {
    var type: String
    var fields: [String: JSON]
    var sentence: String
    var testDescription: String { "\(type): \(sentence)" }
    init(_ type: String, _ fields: [String: JSON], _ sentence: String) {
      (self.type, self.fields, self.sentence) = (type, fields, sentence)
    }
  }

  static let mistakes = [
    Mistake("gpt2", ["add_cross_attention": true], "\"add_cross_attention\" is true, which is not known"),
    Mistake("gpt2", ["activation_function": "wavy"], "\"activation_function\" is \"wavy\""),
    Mistake("gpt2", ["n_head": 5], "\"hidden_size\" is 48, which is no multiple of 5"),
    Mistake("gptj", ["rotary_dim": 14], "\"rotary_dim\" is 14, which is no even part of a head's 12"),
    Mistake("gptj", ["rotary_dim": 5], "\"rotary_dim\" is 5"),
    Mistake("gptj", ["rotary_dim": 4, "rope_scaling": ["rope_type": "yarn"]], "rope_type"),
    Mistake("gptj", ["rotary_dim": 4, "rotary": false], "\"rotary\" is false"),
    Mistake("gpt_neox", [:], "no \"intermediate_size\""),
    Mistake(
      "gpt_neox", ["intermediate_size": 8, "rotary_pct": 0.5, "rope_scaling": ["rope_type": "wavy"]], "rope_type"),
    Mistake("opt", [:], "no \"ffn_dim\""),
    Mistake("falcon", ["multi_query": false, "num_kv_heads": 2], "needs \"new_decoder_architecture\""),
    Mistake(
      "falcon", ["new_decoder_architecture": true, "num_kv_heads": 3], "no multiple of the 3 key and value heads"),
    Mistake("falcon", ["new_decoder_architecture": true, "parallel_attn": false], "does not go with"),
    Mistake("falcon", ["num_ln_in_parallel_attn": 2], "does not go with"),
    Mistake("falcon", ["num_ln_in_parallel_attn": 3], "not between 1 and 2"),
    Mistake("falcon", ["apply_residual_connection_post_layernorm": true], "which is not known"),
    Mistake("mpt", ["attn_config": ["prefix_lm": true]], "\"attn_config.prefix_lm\" is true"),
    Mistake("mpt", ["attn_config": ["attn_type": "wavy"]], "\"attn_config.attn_type\" is \"wavy\""),
    Mistake("mpt", ["attn_config": ["clip_qkv": -1]], "clip_qkv"),
    Mistake("mpt", ["norm_type": "wavy"], "\"norm_type\" is \"wavy\""),
    Mistake("mpt", ["logit_scale": "wavy"], "\"logit_scale\" is \"wavy\""),
    Mistake("mpt", ["ffn_config": ["ffn_type": "mb_moe"]], "ffn_type"),
  ]

  @Test(arguments: mistakes) func mistakesAreSentences(_ mistake: Mistake) {
    #expect(Self.complaint(mistake.type, mistake.fields).contains(mistake.sentence))
  }

  @Test func slopesOfPenalties() {
    #expect(ALiBi.slopes(headCount: 1) == [1 / 256])
    #expect(ALiBi.slopes(headCount: 4) == [0.25, 0.0625, 0.015625, 0.00390625])
    #expect(ALiBi.slopes(headCount: 6) == [0.25, 0.0625, 0.015625, 0.00390625, 0.5, 0.125])
    #expect(ALiBi.slopes(headCount: 2, maximum: 16) == [1 / 256, 1 / 65536])
  }

  /// The rows that each head's queries, keys and values are, in both orders.
  @Test func partsOfFusedProjections() {
    let shape = AttentionShape(hiddenSize: 8, headCount: 4, kvHeadCount: 2, headDim: 2)
    let linear = Linear(8, shape.fusedWidth)
    let stacked = linear.attentionParts(shape, .stacked)
    #expect([stacked.q.outputs, stacked.k.outputs, stacked.v.outputs] == [8, 4, 4])
    let byHead = linear.attentionParts(shape, .byHead)
    #expect([byHead.q.outputs, byHead.k.outputs, byHead.v.outputs] == [8, 4, 4])
  }

  /// A position table has the rows of padding before it, and a sequence is no longer than it.
  @Test func learnedPositions() throws {
    let model = try Self.model("opt", ["ffn_dim": 64, "max_position_embeddings": 20])
    #expect(model.maximumSequenceLength == 20)
    let text = try model.trace().text
    #expect(
      text.contains("weight() {parts=\"model.decoder.embed_positions.weight[22, 48] rows 2..<22\"} : real[20, 48]"))
    #expect(try Self.model("gpt2", ["n_positions": 20]).maximumSequenceLength == 20)
  }

  /// Distances or positions, never both; norms of queries and keys; bounds; biases.
  @Test func variantsOfMPT() throws {
    func names(_ fields: [String: JSON]) throws -> Set<String> {
      Set(try Self.model("mpt", fields).parameters().map(\.name))
    }
    let usual = try names([:])
    #expect(!usual.contains("transformer.wpe.weight") && !usual.contains("transformer.norm_f.bias"))
    let learned = try names(["attn_config": ["alibi": false]])
    #expect(learned.subtracting(usual) == ["transformer.wpe.weight"])
    #expect(try names(["attn_config": ["alibi": false], "learned_pos_emb": false]) == usual)
    let normed = try names(["attn_config": ["qk_ln": true]])
    #expect(normed.subtracting(usual).count == 4 && normed.contains("transformer.blocks.0.attn.q_ln.weight"))
    #expect(try names(["no_bias": false]).subtracting(usual).contains("transformer.blocks.1.attn.Wqkv.bias"))
    let text = try Self.model("mpt", ["attn_config": ["clip_qkv": 6]]).trace().text
    #expect(text.split(separator: "\n").count { $0.contains("clamp(") && $0.contains("{min=-6.0, max=6.0}") } == 6)
    let scaled = try Self.model("mpt", ["logit_scale": "inv_sqrt_d_model"]).trace().text
    #expect(scaled.contains("scale(") && scaled.contains("factor=0.14433756"))
  }
}
