import Foundation
import Needletail

/// An architecture that the package does not know: defined in ParallelModel.swift, added to the table, compiled and run.
///
/// There is no checkpoint of it, so its weights are seeded numbers (`--load-format dummy` on the command line) and the
/// prompt is token ids.
///
///     swift run -c release CustomModel
@main
struct CustomModel {
  static let config = """
    {
      "model_type": "parallel", "torch_dtype": "bfloat16", "vocab_size": 256, "hidden_size": 64, "num_hidden_layers": 3,
      "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 160, "max_position_embeddings": 128
    }
    """

  static func main() async throws {
    let directory = FileManager.default.temporaryDirectory.appending(path: "parallel-\(UUID())")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    try Data(config.utf8).write(to: directory.appending(path: "config.json"))

    var load = LoadOptions()
    load.loadFormat = .dummy
    load.dummySeed = 7
    let models = ModelTable.standard.adding("parallel", CausalLM<ParallelBlock>.self)
    let llm = try await LLM(directory.path, options: load, models: models)
    print("\(llm.parameterCount) parameters in \(llm.dtype.name) on \(llm.deviceSummary)")
    print("\(llm.plan.variants[0].launches.count) launches a step")

    var options = SamplingOptions()
    options.maximumTokens = 16
    options.seed = 3
    let answer = try await llm.generate([1, 2, 3, 4], options: options)
    print("tokens: \(answer.tokenIDs)")

    // The same bits when other requests run in the same steps, and the same random numbers, which the seed decides.
    async let first = llm.generate([1, 2, 3, 4], options: options)
    async let second = llm.generate([9, 8, 7, 6, 5], options: options)
    let (again, other) = try await (first, second)
    print("the same beside another request: \(again.tokenIDs == answer.tokenIDs) (\(other.tokens.count) tokens)")
  }
}
