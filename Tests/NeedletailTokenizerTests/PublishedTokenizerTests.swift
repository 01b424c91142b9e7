import NeedletailJSON
import NeedletailTokenizer
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Whole published tokenizers, read from the optional data beside the repository.
@Suite(.serialized)
struct PublishedTokenizerTests {
  static let tokenizers = TokenizerFixtures.shared + "tokenizers/"
  static let needle = TokenizerFixtures.shared + "models/needle-40m"
  static let hasData = TokenizerFixtures.exists(tokenizers + "gpt2/cases.jsonl")

  /// The tokenizer of a folder; a compressed one goes through `xz`, nil where that is missing.
  static func load(_ name: String) throws -> Tokenizer? {
    let folder = tokenizers + name
    guard TokenizerFixtures.exists(folder + "/tokenizer.json.xz") else { return try Tokenizer.load(directory: folder) }
    guard let pipe = popen("xz -dc '\(folder)/tokenizer.json.xz' 2>/dev/null", "r") else { return nil }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 20)
    while case let count = fread(&buffer, 1, buffer.count, pipe), count > 0 { bytes += buffer[..<count] }
    guard pclose(pipe) == 0 else { return nil }
    return try Tokenizer(json: try JSON.parse(bytes), config: nil)
  }

  @Test(
    .enabled(if: hasData, "the published tokenizers are not there"),
    arguments: ["gpt2", "gpt_neox_20b", "llama3", "phi3", "t5_small", "llama2"])
  func agreesOnEveryCase(_ name: String) throws {
    guard let tokenizer = try Self.load(name) else { return }
    let lines = try TokenizerFixtures.bytes(Self.tokenizers + name + "/cases.jsonl").split(separator: 0x0A)
    #expect(lines.count > 200)
    for line in lines {
      let one = try JSON.parse(Array(line))
      let text = try #require(one["text"]?.string)
      let ids = TrainedTokenizerTests.ids(try #require(one["ids"]))
      #expect(tokenizer.encode(text, addSpecialTokens: false) == ids, "\(text.debugDescription)")
      #expect(tokenizer.encode(text) == TrainedTokenizerTests.ids(try #require(one["ids_special"])))
      let decoded = try #require(one["decoded"]?.string)
      #expect(TokenizerFixtures.same(tokenizer.decode(ids), decoded), "\(text.debugDescription)")
      #expect(TokenizerFixtures.same(tokenizer.streamed(ids, skipSpecialTokens: false), decoded))
    }
  }

  @Test(.enabled(if: TokenizerFixtures.exists(needle + "/reference.json"), "the needle models are not there"))
  func encodesTheNeedlePromptsAsTheReference() throws {
    let tokenizer = try Tokenizer.load(directory: Self.needle)
    let cases = try #require(try TokenizerFixtures.json(Self.needle + "/reference.json")["cases"]?.array)
    #expect(!cases.isEmpty)
    for one in cases {
      let prompt = try #require(one["rendered"]?.string ?? one["prompt"]?.string ?? one["text"]?.string)
      let isPlain = one["kind"]?.string == "plain"
      let ids = TrainedTokenizerTests.ids(try #require(one["prompt_ids"] ?? one["input_ids"] ?? one["ids"]))
      #expect(tokenizer.encode(prompt, addSpecialTokens: isPlain) == ids, "\(prompt.prefix(60))")
    }
    #expect(tokenizer.beginningOfSequence == 1)
    #expect(tokenizer.endOfSequence == 5)
  }

  @Test(.enabled(if: hasData && TokenizerFixtures.exists(TokenizerFixtures.shared + "data/wikitext2/test.txt")))
  func encodesAMegabyteInWellUnderASecond() throws {
    let bytes = try TokenizerFixtures.bytes(TokenizerFixtures.shared + "data/wikitext2/test.txt").prefix(1_000_000)
    let text = String(decoding: bytes, as: UTF8.self)
    let clock = ContinuousClock()
    let rate = { (time: Duration) in Int(1 / (time / .seconds(1))) }
    for name in ["needle-40m", "llama3", "gpt2", "phi3", "t5_small", "llama2"] {
      let load = { try name == "needle-40m" ? Tokenizer.load(directory: Self.needle) : Self.load(name) }
      var tokenizer: Tokenizer?
      let loading = try clock.measure { tokenizer = try load() }
      guard let tokenizer else { continue }
      var ids: [Int32] = []
      let encoding = clock.measure { ids = tokenizer.encode(text, addSpecialTokens: false) }
      var decoded = ""
      let decoding = clock.measure { decoded = tokenizer.decode(ids) }
      print("\(name): loads in \(loading), encodes \(rate(encoding)) MB/s, decodes \(rate(decoding)) MB/s")
      #expect(encoding < .seconds(1), "\(name)")
      // T5 normalizes white space, and Phi-3 puts a space after every special token, of which this text has many.
      let isSame = ["t5_small", "phi3"].contains(name) || TokenizerFixtures.same(decoded, text)
      #expect(isSame, "\(name)")
    }
  }

  @Test(.enabled(if: TokenizerFixtures.exists(needle + "/tokenizer.json")))
  func manyThreadsMayUseOneTokenizer() async throws {
    let tokenizer = try Tokenizer.load(directory: Self.needle)
    let texts = (0..<200).map { "The \($0)th swift flew \($0 * 7) km over Œ\($0) rivers." }
    let expected = try Tokenizer.load(directory: Self.needle)
    await withTaskGroup(of: Bool.self) { group in
      for text in texts { group.addTask { tokenizer.decode(tokenizer.encode(text), skipSpecialTokens: true) == text } }
      for await isRight in group { #expect(isRight) }
    }
    for text in texts { #expect(tokenizer.encode(text) == expected.encode(text)) }
  }
}
