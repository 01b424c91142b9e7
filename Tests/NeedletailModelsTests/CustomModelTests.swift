import NeedletailGraph
import NeedletailJSON
import NeedletailModels
import Testing

/// An architecture of one's own, from public declarations only: parallel attention and feed-forward, names like GPT-2's.
private struct ParallelBlock: DecoderBlock {
  let attn: SelfAttention
  let mlp: GatedMLP
  let norm: RMSNorm
  static let checkpointNames = ["norm": "ln_1"]
  static let stackNames = ["model": "transformer", "embedTokens": "wte", "layers": "h", "norm": "ln_f"]

  init(_ config: ParallelConfig, layer: Int) {
    attn = SelfAttention(config.attention, rope: layer % 2 == 0 ? config.rope : nil, scale: 0.5)
    mlp = GatedMLP(config.hiddenSize, config.innerSize, activation: .gelu)
    norm = RMSNorm(config.hiddenSize, eps: config.normEps, weightOffset: 1)
  }

  func callAsFunction(_ x: Tensor, _ step: Step) -> Tensor {
    let normal = norm(x)
    return x + attn(normal, step) + mlp(normal)
  }
}

private struct ParallelConfig: DecoderConfig {
  let attention: AttentionShape
  let rope: Rope
  let vocabularySize, layerCount, maximumSequenceLength, innerSize: Int
  let normEps: Float
  let tiesEmbeddings: Bool
  let embeddingScale: Float
  let logitScale: Float
  let logitSoftcap: Float?
  var hiddenSize: Int { attention.hiddenSize }

  init(_ json: ConfigJSON) throws {
    attention = try AttentionShape(json)
    vocabularySize = try json("vocab_size")
    layerCount = try json("num_hidden_layers")
    maximumSequenceLength = try json("max_position_embeddings")
    innerSize = try json("intermediate_size")
    normEps = try json("rms_norm_eps", default: 1e-6)
    tiesEmbeddings = try json("tie_word_embeddings", default: true)
    embeddingScale = try json("embedding_multiplier", default: 1)
    logitScale = try json("logit_scale", default: 1)
    logitSoftcap = try json.optional("final_logit_softcapping")
    rope = try Rope(json, headDim: attention.headDim, maximumSequenceLength: maximumSequenceLength)
  }
}

@Suite struct CustomModelTests {
  let table = ModelTable.standard.adding("mine", CausalLM<ParallelBlock>.self)

  @Test func tablesAreValues() throws {
    #expect(table.modelTypes == (ModelTable.standard.modelTypes + ["mine"]).sorted())
    #expect(!ModelTable.standard.modelTypes.contains("mine") && ModelTable.standard.modelTypes.contains("llama"))
    #expect(throws: ConfigError.self) { try ModelTable.standard.model(for: Fixture.config(["model_type": "mine"])) }
  }

  @Test func customModelIsTraced() throws {
    let model = try table.model(
      for: Fixture.config([
        "model_type": "mine", "embedding_multiplier": 8, "logit_scale": 0.25, "final_logit_softcapping": 30,
      ]))
    let names = try model.parameters().map(\.name)
    #expect(names.first == "transformer.wte.weight")
    #expect(names.contains("transformer.h.1.ln_1.weight"))
    #expect(names.last == "transformer.ln_f.weight")
    #expect(model.ties == ["lm_head.weight": "transformer.wte.weight"])
    let lines = try model.trace().text.split(separator: "\n")
    #expect(lines.contains { $0.contains("embed(") && $0.contains("{scale=8.0}") })
    #expect(lines.contains { $0.contains("{eps=1e-06, weight_offset=1.0}") && $0.hasSuffix("# transformer.h.0.ln_1") })
    #expect(lines.filter { $0.contains(" rope(") }.count == 2, "only the first layer has positions")
    #expect(lines.contains { $0.contains("{layer=1, scale=0.5}") })
    #expect(
      lines.suffix(4).map { $0.split(separator: " ")[2].prefix { $0 != "(" } }.prefix(3) == [
        "linear", "scale", "softcap",
      ])
  }

  @Test func outputsOfOnesOwn() throws {
    let model = try CausalLM<LlamaBlock>(Fixture.config())
    let graph = try model.trace { step in [("hidden", model.model(step))] }
    #expect(graph.outputs.map(\.name) == ["hidden"])
    #expect(graph[graph.outputs[0].value] == TensorType(.real, [.tokens, 64]))
    #expect(!graph.text.contains("lm_head"))
  }

  @Test func ignoredNames() throws {
    let tied = try CausalLM<LlamaBlock>(Fixture.config(["tie_word_embeddings": true]))
    let untied = try CausalLM<LlamaBlock>(Fixture.config())
    #expect(tied.ignores("lm_head.weight"))
    #expect(!untied.ignores("lm_head.weight"))
    #expect(untied.ignores("model.layers.0.self_attn.rotary_emb.inv_freq"))
    #expect(!untied.ignores("model.layers.0.self_attn.q_proj.weight"))
  }

  @Test func maximumSequenceLengths() throws {
    let model = try CausalLM<LlamaBlock>(Fixture.config())
    #expect(model.maximumSequenceLength == 512 && model.vocabularySize == 320)
    #expect(throws: ModelError("the maximum sequence length is 0; it must be positive")) {
      try model.trace(maximumSequenceLength: 0)
    }
  }
}
