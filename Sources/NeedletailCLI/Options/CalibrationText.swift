import Needletail
import NeedletailCheckpoint
import NeedletailTokenizer

/// The text that a model is quantized with, as sequences of token ids.
struct CalibrationText {
  /// A text, of which as many samples are taken as asked, from places as far apart as can be; or a file of lines of JSON
  /// with "text" or "prompt", each a sample.
  let path: String
  /// How many samples, and tokens of each.
  let samples: Int
  let length: Int

  func sequences(_ tokenizer: Tokenizer) throws -> [[Int32]] {
    let bytes = try Files.bytes(path)
    if path.hasSuffix(".jsonl") { return try lines(bytes, tokenizer) }
    guard let text = String(validating: bytes, as: UTF8.self) else { throw UsageError("'\(path)' is no UTF-8 text") }
    let tokens = tokenizer.encode(text)
    guard tokens.count >= 32 else {
      throw UsageError("'\(path)' has \(tokens.count) tokens; a calibration text has at least 32")
    }
    let count = max(1, min(samples, tokens.count / length))
    let width = min(length, tokens.count)
    return (0..<count).map { index in
      let start = count == 1 ? 0 : (tokens.count - width) * index / (count - 1)
      return Array(tokens[start..<start + width])
    }
  }

  private func lines(_ bytes: [UInt8], _ tokenizer: Tokenizer) throws -> [[Int32]] {
    var result: [[Int32]] = []
    for (number, line) in bytes.split(separator: UInt8(ascii: "\n")).enumerated() where result.count < samples {
      guard let json = try? JSON.parse(Array(line)), let text = json["text"]?.string ?? json["prompt"]?.string else {
        throw UsageError("'\(path)' line \(number + 1) is no JSON object with \"text\" or \"prompt\"")
      }
      let tokens = tokenizer.encode(text).prefix(length)
      if !tokens.isEmpty { result.append(Array(tokens)) }
    }
    guard result.reduce(0, { $0 + $1.count }) >= 32 else {
      throw UsageError("'\(path)' has \(result.reduce(0) { $0 + $1.count }) tokens; a calibration text has at least 32")
    }
    return result
  }
}
