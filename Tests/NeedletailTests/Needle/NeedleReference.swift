import Needletail
import Testing

/// What `transformers` computes of a trained model: prompts with their ids, greedy tokens and highest logits.
struct NeedleReference {
  struct Case {
    let isChat: Bool
    let prompt: String
    let messages: [ChatMessage]
    let promptIDs: [Int32]
    let greedyIDs: [Int32]
    /// Best minus second-best logit of each greedy token.
    let margins: [Float]
    let topIDs: [Int]
    let topValues: [Float]
  }

  let cases: [Case]

  init(_ path: String) throws {
    let json = try JSON.parse(try Place.bytes(path))
    cases = try #require(json["cases"]?.array).map { value in
      let messages = value["messages"]?.array ?? []
      return Case(
        isChat: !messages.isEmpty, prompt: try #require(value["prompt"]?.string),
        messages: try messages.map {
          ChatMessage(role: try #require($0["role"]?.string), content: try #require($0["content"]?.string))
        },
        promptIDs: try Self.integers(value["prompt_ids"]).map { Int32($0) },
        greedyIDs: try Self.integers(value["greedy_ids"]).map { Int32($0) },
        margins: try Self.numbers(value["margins"] ?? value["top1_top2_margins"]),
        topIDs: try Self.integers((value["top20"] ?? value["last_logits_top20"])?["ids"]),
        topValues: try Self.numbers((value["top20"] ?? value["last_logits_top20"])?["values"]))
    }
  }

  private static func integers(_ json: JSON?) throws -> [Int] { try #require(json?.array).compactMap(\.int) }
  private static func numbers(_ json: JSON?) throws -> [Float] {
    try #require(json?.array).compactMap { $0.double.map { Float($0) } }
  }
}
