import Foundation
import Needletail
import Testing

/// Directories that cannot be loaded: one sentence each, never a trap.
@Suite struct BadDirectoryTests {
  @Test func theUndamagedOneLoads() async throws {
    let directory = try BadDirectory("fine") { _ in }.make()
    let llm = try await LLM(directory.path, options: Self.options)
    #expect(try await llm.greedy([3, 4, 5], count: 4).count == 4)
  }

  @Test(arguments: BadDirectory.files + BadDirectory.configs + BadDirectory.tokenizers)
  func oneSentence(_ bad: BadDirectory) async throws {
    let directory = try bad.make()
    let said = await sentence { _ = try await LLM(directory.path, options: Self.options) }
    for word in bad.words { #expect(said?.contains(word) == true, "\(said ?? "no error")") }
    #expect(said.map(isOneSentence) == true, "\(said ?? "no error")")
  }

  @Test func aTemplateThatNeverEnds() async throws {
    let directory = try BadDirectory("endless") {
      try $0.write(
        "chat_template.jinja",
        "{% for a in range(100000) %}{% for b in range(100000) %}{{ messages }}{% endfor %}{% endfor %}")
    }.make()
    let llm = try await LLM(directory.path, options: Self.options)
    let started = ContinuousClock.now
    let said = await sentence { _ = try llm.encode(messages: [.user("Hello")]) }
    #expect(said.map(isOneSentence) == true, "\(said ?? "no error")")
    #expect(ContinuousClock.now - started < .seconds(5))
    #expect(try await llm.greedy([3, 4, 5], count: 4).count == 4)
  }

  @Test func aTemplateIsMissing() async throws {
    let directory = try BadDirectory("no template") {
      try FileManager.default.removeItem(atPath: $0("tokenizer_config.json"))
    }.make()
    let llm = try await LLM(directory.path, options: Self.options)
    let answer = await sentence { _ = try await llm.session().respond(to: "Hello") }
    #expect(answer?.contains("has no chat template") == true)
  }

  @Test func notANumberInTheWeights() async throws {
    let directory = try BadDirectory("NaN") { directory in
      var bytes = try Place.bytes(directory("model.safetensors"))
      // All of the last tensors' bytes: bfloat16 0x7fff is no number.
      for index in stride(from: bytes.count - 2000, to: bytes.count, by: 2) {
        (bytes[index], bytes[index + 1]) = (0xff, 0x7f)
      }
      try directory.write("model.safetensors", bytes)
    }.make()
    let llm = try await LLM(directory.path, options: Self.options)
    // Whatever it says, it ends, with tokens of the vocabulary or an error.
    let tokens = try? await llm.greedy([3, 4, 5], count: 4)
    #expect(tokens?.allSatisfy { 0..<96 ~= $0 } ?? true)
  }

  private static var options: LoadOptions {
    var options = LoadOptions()
    options.limits.maximumSequenceLength = 128
    options.limits.cacheTokens = 512
    return options
  }
}
