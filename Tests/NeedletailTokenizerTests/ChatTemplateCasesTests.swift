import NeedletailJSON
import Testing

@testable import NeedletailTokenizer

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Reads files of `Fixtures/ChatTemplates`; `make_cases.py` there makes the expected texts.
enum ChatTemplateFixtures {
  static func bytes(_ name: String) throws -> [UInt8] {
    let folder = "\(#filePath)".split(separator: "/").dropLast().joined(separator: "/")
    let path = "/\(folder)/Fixtures/ChatTemplates/\(name)"
    let file = try #require(fopen(path, "rb"), "no file \(path)")
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while case let count = fread(&chunk, 1, chunk.count, file), count > 0 { bytes += chunk[..<count] }
    return bytes
  }

  static func json(_ name: String) throws -> JSON { try JSON.parse(bytes(name)) }

  static func text(_ name: String) throws -> String { String(decoding: try bytes(name), as: UTF8.self) }

  /// 26 July 2024, 09:05:03.
  static let now = ChatTemplate.Moment(seconds: 1_721_984_703)
}

/// What Jinja makes of a template, or that it fails.
struct ExpectedRender {
  let expected: String?

  init(_ json: JSON) { expected = json["expected"]?.string }

  func check(_ name: String, _ render: () throws -> String) {
    do {
      let text = try render()
      #expect(text.utf8.elementsEqual((expected ?? "").utf8), "\(name): \(text.debugDescription) differs")
      #expect(expected != nil, "\(name): an error is expected, not \(text.debugDescription)")
    } catch {
      #expect(expected == nil, "\(name): \(error)")
    }
  }
}

@Suite struct ChatTemplateCasesTests {
  @Test func realTemplatesRenderAsInPython() throws {
    let file = try ChatTemplateFixtures.json("renders.json")
    let conversations = try #require(file["conversations"])
    let tokens = try #require(file["tokens"]?.object)
    let cases = try #require(file["cases"]?.array)
    #expect(cases.count > 290)
    for item in cases {
      let template = try #require(item["template"]?.string)
      let conversation = try #require(item["conversation"]?.string)
      let given = try #require(conversations[conversation]?.object)
      let prompt = try #require(item["add_generation_prompt"]?.bool as Bool?)
      let source = try ChatTemplateFixtures.text(template)
      var extra = given
      for name in ["messages", "tools", "documents"] { extra[name] = nil }
      ExpectedRender(item).check("\(template), \(conversation)") {
        try ChatTemplate(source).render(
          messages: given["messages"]?.array ?? [], tools: given["tools"]?.array,
          documents: given["documents"]?.array, addGenerationPrompt: prompt, specialTokens: tokens, extra: extra,
          now: ChatTemplateFixtures.now)
      }
    }
  }

  @Test func featuresRenderAsInPython() throws {
    let file = try ChatTemplateFixtures.json("features.json")
    let context = try #require(file["context"]?.object)
    let cases = try #require(file["cases"]?.array)
    #expect(cases.count > 250)
    for item in cases {
      let source = try #require(item["source"]?.string)
      var variables = context
      for member in try #require(item["context"]?.object) { variables[member.key] = member.value }
      ExpectedRender(item).check(source) {
        try ChatTemplate(source).render(variables, now: ChatTemplateFixtures.now)
      }
    }
  }
}
