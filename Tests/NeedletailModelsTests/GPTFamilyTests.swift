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

  struct Family: Sendable, CustomTestStringConvertible {
    var type: String
    var usual: [String: JSON] = [:]
    var fields: [String]
    var testDescription: String { type }
    init(_ type: String, _ usual: [String: JSON], _ fields: String) {
      (self.type, self.usual, self.fields) = (type, usual, fields.split(separator: " ").map(String.init))
    }
  }

  static let families = [
    Family("gpt2", [:], "n_embd n_head n_inner n_positions layer_norm_epsilon activation_function scale_attn_weights"),
    Family("gpt_bigcode", [:], "hidden_size num_attention_heads multi_query n_inner max_position_embeddings"),
    Family("gptj", ["rotary_dim": 4], "rotary_dim n_embd n_head n_inner rope_scaling scale_attn_weights n_positions"),
    Family(
      "gpt_neox", ["intermediate_size": 64, "rotary_pct": 0.5],
      "intermediate_size rotary_pct rotary_emb_base rope_scaling hidden_act use_parallel_residual layer_norm_eps"),
    Family(
      "opt", ["ffn_dim": 64], "ffn_dim word_embed_proj_dim do_layer_norm_before max_position_embeddings enable_bias"),
    Family(
      "falcon", [:], "num_kv_heads new_decoder_architecture parallel_attn num_ln_in_parallel_attn ffn_hidden_size alibi"
    ),
    Family(
      "mpt", [:], "d_model n_heads expansion_ratio max_seq_len attn_config logit_scale norm_type no_bias ffn_config"),
    Family("bloom", [:], "n_embed n_head seq_length layer_norm_epsilon apply_residual_connection_post_layernorm"),
    Family("baichuan", ["intermediate_size": 64], "max_position_embeddings model_max_length z_loss_weight hidden_act"),
    Family(
      "internlm2", ["intermediate_size": 64], "num_key_value_heads bias rope_theta rope_scaling intermediate_size"),
    Family(
      "chatglm", ["ffn_hidden_size": 64, "num_layers": 1, "padded_vocab_size": 96],
      "kv_channels multi_query_attention multi_query_group_num rope_ratio ffn_hidden_size rmsnorm pre_seq_len seq_length"
    ),
  ]

  /// Whatever a field says, a model is built and traced, or an error thrown; nothing traps.
  @Test(arguments: families) func hostileFields(_ family: Family) throws {
    let usual = family.usual.merging(["num_hidden_layers": 1]) { $1 }
    let model = try Self.model(family.type, usual)
    try model.trace().verify()
    for field in family.fields + ["hidden_size", "num_attention_heads", "vocab_size", "tie_word_embeddings"] {
      for value in HostileConfigTests.values {
        guard let model = try? Self.model(family.type, usual.merging([field: value]) { $1 }) else { continue }
        for length in [1, Int(Int32.max)] { _ = try? model.trace(maximumSequenceLength: length) }
      }
    }
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
