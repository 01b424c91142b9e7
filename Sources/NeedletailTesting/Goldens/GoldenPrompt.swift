import NeedletailCheckpoint

/// A prompt of a reference case with what the reference computes of it: `Fixtures/make_length_goldens.py` tells the
/// format.
public struct GoldenPrompt: Sendable {
  /// The prompt.
  public let tokens: [Int32]
  /// `[positions, vocabulary]`: of all positions, or of the last one only.
  public let logits: [Float]
  /// The most likely tokens after it.
  public let greedy: [Int32]
  /// Best minus second-best logit at each greedy token.
  public let gaps: [Float]

  /// The three prompts of the case in a directory.
  public static func all(in directory: String) throws -> [GoldenPrompt] {
    let file = try SafetensorsFile(directory + "/golden.safetensors")
    return try (0..<3).map { index in
      GoldenPrompt(
        tokens: try file.tensor("prompt.\(index)").integers().map { Int32($0) },
        logits: try file.tensor("logits.\(index)").floats(),
        greedy: try file.tensor("greedy.\(index)").integers().map { Int32($0) },
        gaps: try file.tensor("gap.\(index)").floats())
    }
  }
}
