import NeedletailJSON
import NeedletailTokenizer
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Files that tests read, found from this file's own place.
enum TokenizerFixtures {
  static let testFolder = String(#filePath.prefix(through: #filePath.lastIndex(of: "/")!))
  static let folder = testFolder + "Fixtures/"
  /// The optional data beside the repository.
  static let shared = testFolder + "../../../shared/"

  static func bytes(_ path: String) throws -> [UInt8] {
    let file = try #require(fopen(path, "rb"), "\(path) cannot be opened")
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while case let count = fread(&buffer, 1, buffer.count, file), count > 0 { bytes += buffer[..<count] }
    return bytes
  }

  static func exists(_ path: String) -> Bool { access(path, R_OK) == 0 }

  static func json(_ path: String) throws -> JSON { try JSON.parse(try bytes(path)) }

  /// A tokenizer.json of which only the parts that matter are given.
  static func tokenizer(vocab: JSON, _ parts: [(String, JSON)] = [], model: [(String, JSON)] = []) throws -> Tokenizer {
    var description = JSONObject([("type", "BPE"), ("vocab", vocab), ("merges", [])])
    for (key, value) in model { description[key] = value }
    var whole = JSONObject([("model", .object(description))])
    for (key, value) in parts { whole[key] = value }
    return try Tokenizer(json: .object(whole), config: nil)
  }

  /// Whether texts are equal byte by byte; String's own equality is not as strict.
  static func same(_ a: String, _ b: String) -> Bool { a.utf8.elementsEqual(b.utf8) }
}

extension Tokenizer {
  /// The text of ids given to a detokenizer one by one.
  func streamed(_ ids: [Int32], skipSpecialTokens: Bool) -> String {
    var detokenizer = detokenizer(skipSpecialTokens: skipSpecialTokens)
    return ids.map { detokenizer.append($0) }.joined() + detokenizer.finish()
  }
}
