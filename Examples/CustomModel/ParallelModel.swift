import Needletail

/// A decoder whose blocks compute attention and the feed-forward layer side by side, from one norm.
struct ParallelBlock: DecoderBlock {
  let attn: SelfAttention
  let mlp: GatedMLP
  let norm: RMSNorm

  // The checkpoint calls the block's norm "ln_1", and the stack around it as GPT-2 does.
  static let checkpointNames = ["norm": "ln_1"]
  static let stackNames = ["model": "transformer", "embedTokens": "wte", "layers": "h", "norm": "ln_f"]

  init(_ config: ParallelConfig, layer: Int) {
    attn = SelfAttention(config.attention, rope: config.rope)
    mlp = GatedMLP(config.hiddenSize, config.innerSize, activation: config.activation)
    norm = RMSNorm(config.hiddenSize, eps: config.normEps)
  }

  func callAsFunction(_ x: Tensor, _ step: Step) -> Tensor {
    let normal = norm(x)  // [tokens, hidden]
    return x + attn(normal, step) + mlp(normal)
  }
}

/// What `config.json` says of such a model: a line a field.
struct ParallelConfig: DecoderConfig {
  let attention: AttentionShape
  let rope: Rope
  let activation: Activation
  let vocabularySize, layerCount, maximumSequenceLength, innerSize: Int
  let normEps: Float
  let tiesEmbeddings: Bool
  var hiddenSize: Int { attention.hiddenSize }

  init(_ json: ConfigJSON) throws {
    attention = try AttentionShape(json)
    activation = try json.activation("hidden_act", default: .gelu)
    vocabularySize = try json("vocab_size", in: ConfigJSON.vocabularySizes)
    layerCount = try json("num_hidden_layers", in: ConfigJSON.layerCounts)
    maximumSequenceLength = try json("max_position_embeddings", in: ConfigJSON.lengths)
    innerSize = try json("intermediate_size")
    normEps = try json.eps("rms_norm_eps", default: 1e-6)
    tiesEmbeddings = try json("tie_word_embeddings", default: true)
    rope = try Rope(json, headDim: attention.headDim, maximumSequenceLength: maximumSequenceLength)
  }
}
