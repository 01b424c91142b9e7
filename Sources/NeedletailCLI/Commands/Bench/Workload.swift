import Needletail
import NeedletailTokenizer

/// The requests of a measurement.
package struct Workload: Sendable {
  /// A prompt and how many tokens are generated after it.
  package struct Request: Sendable, Hashable {
    /// The prompt's token ids.
    package var prompt: [Int32]
    /// Tokens of the answer.
    package var outputTokens: Int

    package init(prompt: [Int32], outputTokens: Int) {
      self.prompt = prompt
      self.outputTokens = outputTokens
    }
  }

  /// The requests in order.
  package var requests: [Request]

  /// Prompts of seeded random tokens.
  package static func random(
    count: Int, inputLength: Int, outputLength: Int, vocabularySize: Int, seed: UInt64
  ) -> Workload {
    var state = seed
    // SplitMix64
    func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var z = state
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      return z ^ (z >> 31)
    }
    let requests = (0..<count).map { _ in
      let prompt = (0..<inputLength).map { _ in Int32(truncatingIfNeeded: next() % UInt64(vocabularySize)) }
      return Request(prompt: prompt, outputTokens: outputLength)
    }
    return Workload(requests: requests)
  }

  /// The requests of a file: trtllm-bench's lines of {"task_id", "prompt" or "input_ids", "output_tokens"}, or ShareGPT's
  /// list of conversations, of which the first message is the prompt and the answer's length is what is generated.
  package static func dataset(
    _ path: String, bytes: [UInt8], outputLength: Int, limit: Int?, encode: (String) throws -> [Int32]
  ) throws -> Workload {
    var requests: [Request] = []
    func isFull() -> Bool { limit.map { requests.count >= $0 } ?? false }
    let first = bytes.first { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\n") }
    if first == UInt8(ascii: "[") {
      for (index, conversation) in try parse(bytes, path).array?.enumerated() ?? [].enumerated() {
        if isFull() { break }
        guard let turns = (conversation["conversations"] ?? conversation["conversation"])?.array else {
          throw UsageError("'\(path)': element \(index) has no \"conversations\"")
        }
        guard turns.count >= 2, let question = turns[0]["value"]?.string, let answer = turns[1]["value"]?.string else {
          continue
        }
        let prompt = try encode(question)
        requests.append(Request(prompt: prompt, outputTokens: max(1, try encode(answer).count)))
      }
    } else {
      for (number, line) in bytes.split(separator: UInt8(ascii: "\n")).enumerated() where !isFull() {
        let value = try parse(Array(line), "\(path)', line '\(number + 1)")
        let prompt: [Int32]
        if let ids = value["input_ids"]?.array {
          prompt = try ids.map { id in
            guard let id = id.int.flatMap({ Int32(exactly: $0) }), id >= 0 else {
              throw UsageError("'\(path)', line \(number + 1): input_ids has something that is no token id")
            }
            return id
          }
        } else if let text = value["prompt"]?.string {
          prompt = try encode(text)
        } else {
          throw UsageError("'\(path)', line \(number + 1): there is neither a prompt nor input_ids")
        }
        let tokens = value["output_tokens"]?.int ?? outputLength
        guard tokens > 0 else { throw UsageError("'\(path)', line \(number + 1): output_tokens is \(tokens)") }
        requests.append(Request(prompt: prompt, outputTokens: tokens))
      }
    }
    guard !requests.isEmpty else { throw UsageError("'\(path)' has no requests") }
    return Workload(requests: requests)
  }

  private static func parse(_ bytes: [UInt8], _ place: String) throws -> JSON {
    do { return try JSON.parse(bytes) } catch { throw UsageError("'\(place)': \(error)") }
  }

  /// Tokens of the longest request, prompt and answer together.
  package var longest: Int { requests.map { $0.prompt.count + $0.outputTokens }.max() ?? 0 }
}
