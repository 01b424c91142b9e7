import Needletail

/// The shapes of Llama-3.2-1B with made-up weights: 2.3 GiB.
enum DummyModel {
  private static let config = """
    {"model_type": "llama", "hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16, \
    "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 64, "vocab_size": 128256, \
    "max_position_embeddings": 131072, "rms_norm_eps": 1e-05, "rope_theta": 500000.0, \
    "rope_scaling": {"factor": 32.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0, \
    "original_max_position_embeddings": 8192, "rope_type": "llama3"}, \
    "tie_word_embeddings": true, "torch_dtype": "bfloat16"}
    """

  static let prompts: [[Int32]] = [[1, 2, 3, 4, 5], Array(100..<400), Array(7..<72)]

  static var options: LoadOptions {
    var options = LoadOptions()
    options.device = .cuda
    options.loadFormat = .dummy
    options.limits.maximumSequenceLength = 2048
    options.limits.maximumSequences = 16
    return options
  }

  /// A directory with its config.
  static func folder() throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    try Files.write(Array(config.utf8), to: folder.path + "/config.json")
    return folder
  }

  static func load(_ options: LoadOptions) async throws -> LLM {
    let folder = try folder()
    defer { withExtendedLifetime(folder) {} }
    return try await LLM(folder.path, options: options)
  }
}
