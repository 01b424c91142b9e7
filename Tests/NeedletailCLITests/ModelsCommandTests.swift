import Foundation
import NeedletailJSON
import Testing

@Suite(.enabled(if: CommandLineProgram.isAvailable))
struct ModelsCommandTests {
  /// What the command says of configs, by name.
  private static func configs(in folder: String) throws -> [String: JSON] {
    let outcome = CommandLineProgram.run(["models", "--configs", folder, "--json"])
    try #require(outcome.code == 0, "\(outcome.error)")
    let rows = try #require(JSON.parse(outcome.output)["configs"]?.array)
    return Dictionary(rows.map { ($0["name"]?.string ?? "", $0) }) { first, _ in first }
  }

  /// A folder of configs, each a file NAME.json.
  private static func folder(_ configs: [String: String]) throws -> String {
    let folder = FileManager.default.temporaryDirectory.appending(path: "needletail-configs-\(UUID())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    for (name, text) in configs { try Data(text.utf8).write(to: folder.appending(path: name + ".json")) }
    return folder.path
  }

  private static let llama = """
    "model_type": "llama", "vocab_size": 32000, "hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32,
    "intermediate_size": 11008, "max_position_embeddings": 4096
    """

  @Test func everyArchitectureHasAFamily() throws {
    let outcome = CommandLineProgram.run(["models", "--json"])
    let rows = try #require(JSON.parse(outcome.output)["architectures"]?.array)
    #expect(rows.count > 40)
    let table = CommandLineProgram.run(["models"]).output
    for row in rows {
      let type = try #require(row["model_type"]?.string)
      #expect(row["family"]?.string != nil, "\(type) is not in ModelFamily.all; docs/models.md is to be made anew")
      #expect(table.contains("\n\(type) "))
    }
  }

  @Test func parametersAreComparedWithThePublishedNumber() throws {
    let folder = try Self.folder([
      "Llama-2-7b": "{\(Self.llama)}", "mine": "{\(Self.llama), \"tie_word_embeddings\": true}",
    ])
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let configs = try Self.configs(in: folder)
    #expect(configs["Llama-2-7b"]?["parameters"] == 6_738_415_616)
    #expect(configs["Llama-2-7b"]?["difference_percent"]?.double == 0)
    #expect(configs["mine"]?["parameters"] == .int(6_738_415_616 - 32000 * 4096))
    #expect(configs["mine"]?["published"]?.isNull == true)
    let markdown = CommandLineProgram.run(["models", "--configs", folder, "--markdown"]).output
    #expect(markdown.contains("| Llama-2-7b | `llama` | 6,738,415,616 | 6,738,415,616 | 0 % |\n"))
  }

  @Test func whatCannotBeRunHasAReason() throws {
    let folder = try Self.folder([
      "quantized": "{\(Self.llama), \"quantization_config\": {\"quant_method\": \"quip\"}}",
      "images": "{\"model_type\": \"wavy\", \"vision_config\": {\"depth\": 2}, \"text_config\": {\"index_topk\": 3}}",
      "odd": "{\(Self.llama), \"hidden_act\": \"wavy\"}", "nothing": "[]",
    ])
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let configs = try Self.configs(in: folder)
    func reason(_ name: String) -> String? { configs[name]?["reason"]?.string }
    #expect(reason("quantized")?.contains("quip") == true)
    #expect(configs["quantized"]?["parameters"] == 6_738_415_616)
    #expect(
      reason("images")
        == "\"model_type\" is \"wavy\", which is not known (the config tells of images, attention to chosen tokens only)"
    )
    #expect(reason("odd") == "\"hidden_act\" is \"wavy\", which is not known")
    #expect(reason("nothing")?.contains("not an object") == true)
    #expect(configs.values.allSatisfy { $0["supported"] == false })
  }

  @Test func referenceCasesAreSupported() throws {
    let configs = try Self.configs(in: CommandLineProgram.root + "/Tests/NeedletailTests/Fixtures/goldens")
    #expect(configs.count > 30)
    for (name, row) in configs { #expect(row["supported"] == true, "\(name): \(row["reason"]?.string ?? "")") }
  }

  @Test func badArgumentsAreSentences() throws {
    let folder = try Self.folder([:])
    defer { try? FileManager.default.removeItem(atPath: folder) }
    for arguments in [["--configs", folder], ["--configs", folder + "/none"], ["--markdown", "--json"]] {
      let outcome = CommandLineProgram.run(["models"] + arguments)
      #expect(outcome.code == 2)
      #expect(outcome.error.hasPrefix("Error: ") && outcome.error.count { $0.isNewline } == 1)
    }
  }
}
