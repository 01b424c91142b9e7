/// The sizes of a published model, for which kernels are compiled ahead where no model is named.
public struct StandardModel: Sendable, Hashable {
  /// "Llama-3.1-8B"
  public var name: String
  /// config.json's `model_type`.
  public var type = "llama"
  /// Sizes as config.json calls them.
  public var hiddenSize, intermediateSize, layers, heads, kvHeads, vocabularySize, positions: Int
  /// Whether the output projection is the embedding.
  public var tiesEmbeddings = false
  /// config.json's `dtype`.
  public var dtype = "bfloat16"

  /// Llama and Mistral models that one GPU may hold; others of the same family have the same shapes.
  public static let all = [
    StandardModel(
      name: "Llama-2-7B", hiddenSize: 4096, intermediateSize: 11_008, layers: 32, heads: 32, kvHeads: 32,
      vocabularySize: 32_000, positions: 4096, dtype: "float16"),
    StandardModel(
      name: "Llama-2-13B", hiddenSize: 5120, intermediateSize: 13_824, layers: 40, heads: 40, kvHeads: 40,
      vocabularySize: 32_000, positions: 4096, dtype: "float16"),
    StandardModel(
      name: "Llama-3-8B", hiddenSize: 4096, intermediateSize: 14_336, layers: 32, heads: 32, kvHeads: 8,
      vocabularySize: 128_256, positions: 8192),
    StandardModel(
      name: "Llama-3.1-8B", hiddenSize: 4096, intermediateSize: 14_336, layers: 32, heads: 32, kvHeads: 8,
      vocabularySize: 128_256, positions: 131_072),
    StandardModel(
      name: "Llama-3.1-70B", hiddenSize: 8192, intermediateSize: 28_672, layers: 80, heads: 64, kvHeads: 8,
      vocabularySize: 128_256, positions: 131_072),
    StandardModel(
      name: "Llama-3.2-1B", hiddenSize: 2048, intermediateSize: 8192, layers: 16, heads: 32, kvHeads: 8,
      vocabularySize: 128_256, positions: 131_072, tiesEmbeddings: true),
    StandardModel(
      name: "Llama-3.2-3B", hiddenSize: 3072, intermediateSize: 8192, layers: 28, heads: 24, kvHeads: 8,
      vocabularySize: 128_256, positions: 131_072, tiesEmbeddings: true),
    StandardModel(
      name: "Mistral-7B-v0.3", type: "mistral", hiddenSize: 4096, intermediateSize: 14_336, layers: 32, heads: 32,
      kvHeads: 8, vocabularySize: 32_768, positions: 32_768),
    StandardModel(
      name: "TinyLlama-1.1B", hiddenSize: 2048, intermediateSize: 5632, layers: 22, heads: 32, kvHeads: 4,
      vocabularySize: 32_000, positions: 2048),
    StandardModel(
      name: "SmolLM2-135M", hiddenSize: 576, intermediateSize: 1536, layers: 30, heads: 9, kvHeads: 3,
      vocabularySize: 49_152, positions: 8192, tiesEmbeddings: true),
  ]

  /// A config.json with these sizes; what does not choose kernels is left at its default.
  public var config: String {
    """
    {"model_type": "\(type)", "hidden_size": \(hiddenSize), "intermediate_size": \(intermediateSize), \
    "num_hidden_layers": \(layers), "num_attention_heads": \(heads), "num_key_value_heads": \(kvHeads), \
    "vocab_size": \(vocabularySize), "max_position_embeddings": \(positions), "rms_norm_eps": 1e-05, \
    "sliding_window": null, "tie_word_embeddings": \(tiesEmbeddings), "torch_dtype": "\(dtype)"}
    """
  }
}
