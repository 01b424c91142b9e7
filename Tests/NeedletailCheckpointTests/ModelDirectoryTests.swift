import Testing

@testable import NeedletailCheckpoint

struct ModelDirectoryTests {
  let directory = TemporaryDirectory()

  private func refusal() -> String { sentence { _ = try ModelDirectory(directory.path) } }

  @Test func readsTheSmallFiles() throws {
    directory.write("config.json", "{\"model_type\": \"llama\", \"scale\": NaN, \"text_config\": {\"hidden_size\": 8}}")
    directory.write(
      "generation_config.json", "{\"eos_token_id\": [0, 5], \"max_new_tokens\": 256, \"do_sample\": false}")
    directory.write("tokenizer_config.json", "{\"chat_template\": \"old\", \"bos_token\": \"<s>\"}")
    directory.write("chat_template.jinja", "{{ messages }}")
    let model = try ModelDirectory(directory.path)
    #expect(model.config["model_type"]?.string == "llama")
    #expect(model.config["scale"]?.double?.isNaN == true)
    #expect(model.config["text_config"]?["hidden_size"]?.int == 8)
    #expect(model.generationConfig.endTokenIDs == [0, 5])
    #expect(model.generationConfig.maximumNewTokens == 256 && model.generationConfig.doesSample == false)
    #expect(model.tokenizerConfig?["bos_token"]?.string == "<s>")
    #expect(model.chatTemplate == "{{ messages }}" && model.namedChatTemplates.isEmpty)
    #expect(model.has("config.json") && !model.has("tokenizer.json"))
    #expect(try model.read("chat_template.jinja", limit: 100).count == 14)
    #expect(
      sentence { _ = try model.read("chat_template.jinja", limit: 13) }.contains("has 14 bytes, more than the 13"))
  }

  @Test func configAloneIsEnough() throws {
    directory.write("config.json", "{\"eos_token_id\": 2, \"bos_token_id\": 1, \"pad_token_id\": -1}")
    let model = try ModelDirectory(directory.path)
    #expect(model.generationConfig.endTokenIDs == [2] && model.generationConfig.beginTokenID == 1)
    #expect(model.generationConfig.padTokenID == nil)
    #expect(model.chatTemplate == nil && model.tokenizerConfig == nil)
  }

  @Test func endTokensOfTheTextPart() throws {
    directory.write("config.json", "{\"text_config\": {\"eos_token_id\": [7, 8]}}")
    directory.write("generation_config.json", "{\"bos_token_id\": 3}")
    let config = try ModelDirectory(directory.path).generationConfig
    #expect(config.endTokenIDs == [7, 8] && config.beginTokenID == 3)
  }

  @Test func templateFromItsOtherPlaces() throws {
    directory.write("config.json", "{}")
    directory.write(
      "tokenizer_config.json",
      "{\"chat_template\": [{\"name\": \"tool_use\", \"template\": \"t\"}, {\"name\": \"default\", \"template\": \"d\"}]}"
    )
    let listed = try ModelDirectory(directory.path)
    #expect(listed.chatTemplate == "d")
    #expect(listed.namedChatTemplates.map(\.name) == ["tool_use"])
    #expect(listed.namedChatTemplates.map(\.template) == ["t"])
    directory.write("chat_template.json", "{\"chat_template\": \"j\"}")
    #expect(try ModelDirectory(directory.path).chatTemplate == "j")
  }

  @Test(arguments: [
    ("config.json", "", "invalid JSON"), ("config.json", "[]", "is an array and not an object"),
    ("generation_config.json", "{\"temperature\": -1}", "temperature is -1 and should be"),
    ("tokenizer_config.json", "{", "invalid JSON"),
    ("tokenizer_config.json", "{\"chat_template\": 3}", "chat_template is a number"),
    ("tokenizer_config.json", "{\"chat_template\": [{\"name\": \"x\"}]}", "an element that has no name and template"),
    ("chat_template.json", "{}", "has no chat_template"),
  ]) func refusesBadFiles(_ name: String, _ text: String, _ words: String) {
    directory.write("config.json", "{}")
    directory.write(name, text)
    let error = refusal()
    #expect(error.hasPrefix(directory(name) + ": ") && error.contains(words), "\(error)")
  }

  @Test func refusesInvalidText() {
    directory.write("config.json", "{}")
    directory.write("chat_template.jinja", [0xC3, 0x28])
    #expect(refusal() == directory("chat_template.jinja") + ": is not valid UTF-8")
  }

  @Test func refusesLargeFiles() {
    directory.write("config.json", "{}" + String(repeating: " ", count: ModelDirectory.maximumConfigBytes))
    #expect(refusal().contains("config.json: has 16777218 bytes, more than"))
    directory.write("config.json", "{}")
    directory.write("chat_template.jinja", String(repeating: "x", count: ModelDirectory.maximumTemplateBytes + 1))
    #expect(refusal().contains("chat_template.jinja: has 4194305 bytes, more than"))
  }

  @Test func saysWhatIsNoModel() {
    #expect(
      refusal() == directory.path + ": config.json is missing, so this is no model directory (or its download is not "
        + "complete)")
    let file = directory.write("file.gguf", "x")
    #expect(
      sentence { _ = try ModelDirectory(file) } == file
        + ": is not a directory; give the directory that holds config.json")
    for name in ["", "no such place", "a/b/c", "../x", "/no/such/place", "org/.hidden", "org/", "a\u{0}b"] {
      #expect(!sentence { _ = try ModelDirectory(name) { _ in nil } }.isEmpty, "\(name)")
    }
  }
}

struct HuggingFaceCacheTests {
  let directory = TemporaryDirectory()

  private func make(_ revision: String = "0123abc", reference: String? = "0123abc") {
    let folder = "hub/models--org--tiny-model"
    directory.write("\(folder)/blobs/aaaa", "{\"model_type\": \"llama\"}")
    directory.make("\(folder)/snapshots/\(revision)")
    directory.link("\(folder)/snapshots/\(revision)/config.json", to: "../../blobs/aaaa")
    if let reference { directory.write("\(folder)/refs/main", reference) }
  }

  private func open(_ variables: [String: String], _ model: String = "org/tiny-model") throws -> ModelDirectory {
    try ModelDirectory(model) { variables[$0] }
  }

  @Test func findsASnapshotThroughItsLinks() throws {
    make(reference: "0123abc\n")
    let expected = directory("hub/models--org--tiny-model/snapshots/0123abc")
    #expect(try open(["HF_HOME": directory.path]).path == expected)
    #expect(try open(["HF_HUB_CACHE": directory("hub"), "HF_HOME": "/no"]).path == expected)
    #expect(try open(["HF_HOME": "~", "HOME": directory.path]).path == expected)
    let model = try open(["HF_HOME": "~/", "HOME": directory.path])
    #expect(model.config["model_type"]?.string == "llama" && model.has("config.json"))
  }

  @Test func defaultPlaces() {
    func place(_ variables: [String: String]) -> String { HuggingFaceCache { variables[$0] }.path }
    #expect(place(["HOME": "/h"]) == "/h/.cache/huggingface/hub")
    #expect(place(["HOME": "/h", "XDG_CACHE_HOME": "/x"]) == "/x/huggingface/hub")
    #expect(place(["HOME": "/h", "XDG_CACHE_HOME": "/x", "HF_HOME": "/y"]) == "/y/hub")
    #expect(place(["HF_HOME": "/y", "HUGGINGFACE_HUB_CACHE": "/z"]) == "/z")
  }

  @Test func withoutAReference() throws {
    make(reference: nil)
    #expect(try open(["HF_HOME": directory.path]).path.hasSuffix("snapshots/0123abc"))
    directory.make("hub/models--org--tiny-model/snapshots/4567def")
    #expect(throws: CheckpointError.self) { try open(["HF_HOME": directory.path]) }
  }

  @Test func saysHowToFetch() {
    #expect(
      sentence { _ = try open(["HF_HOME": directory.path]) }
        == "org/tiny-model: there is no such directory, and the Hugging "
        + "Face cache (\(directory("hub"))) does not have the model: fetch it with `hf download org/tiny-model`")
  }

  @Test func refusesAReferenceThatLeavesTheCache() {
    make(reference: "../../../..")
    #expect(sentence { _ = try open(["HF_HOME": directory.path]) }.hasSuffix("refs/main: does not name a revision"))
  }

  @Test func incompleteSnapshot() {
    make()
    directory.write("hub/models--org--tiny-model/blobs/aaaa", "")
    #expect(sentence { _ = try open(["HF_HOME": directory.path]) }.contains("config.json: invalid JSON"))
    directory.write("hub/models--org--other/refs/main", "1")
    directory.make("hub/models--org--other/snapshots/1")
    #expect(sentence { _ = try open(["HF_HOME": directory.path], "org/other") }.contains("config.json is missing"))
  }
}
