import NeedletailGraph
import NeedletailJSON
import NeedletailModels
import Testing

@Suite struct ConfigTests {
  @Test func readsFieldsOfEveryType() throws {
    let json = try ConfigJSON(
      [
        "int": 3, "exact": 4.0, "float": 1e-5, "whole": 2, "yes": true, "text": "a", "list": [1.5, 2],
        "counts": [0, -1], "null": .null,
        "group": ["inner": 7],
      ])
    #expect(try json("int") == 3)
    #expect(try json("exact") == 4)
    #expect(try json("float") == Float(1e-5))
    #expect(try json("whole") == 2.0)
    #expect(try json("yes") == true)
    #expect(try json("text") == "a")
    #expect(try json("list") == [1.5, 2.0])
    #expect(try json("null", default: 9) == 9)
    #expect(try json("missing", default: 0.5) == 0.5)
    #expect(try json.optional("missing") == nil)
    #expect(try json.optional("int") == 3)
    #expect(json.has("null") && !json.has("missing"))
    #expect(try json.group("group")?("inner") == 7)
    #expect(try json.group("null") == nil)
    #expect(try json("counts") == [0, -1])
  }

  @Test func complaintsAreSentences() throws {
    let json = try ConfigJSON(["int": 3, "half": 0.5, "text": "a", "group": ["inner": -7], "list": [1, "b"]])
    func complaint(_ read: (ConfigJSON) throws -> Void) -> String {
      do {
        try read(json)
        return ""
      } catch { return "\(error)" }
    }
    #expect(complaint { let _: Int = try $0("hidden_size") } == "config.json has no \"hidden_size\"")
    #expect(complaint { let _: Bool = try $0("tied") } == "config.json has no \"tied\"")
    #expect(complaint { let _: Int = try $0("half") } == "config.json: \"half\" is 0.5, not an integer")
    #expect(complaint { let _: Int = try $0("text") } == "config.json: \"text\" is \"a\", not an integer")
    #expect(complaint { let _: Bool = try $0("int") } == "config.json: \"int\" is 3, not true or false")
    #expect(
      complaint { let _: [Float] = try $0("list") }
        == "config.json: \"list\" is an array, not an array, each element a finite number")
    #expect(
      complaint { let _: Int? = try $0.group("group")?.optional("inner") }
        == "config.json: \"group.inner\" is -7, which is not between 1 and 2097152")
    #expect(complaint { _ = try $0.group("int") } == "config.json: \"int\" is a number, not an object")
    #expect(
      complaint { let _: Int = try $0.choice("text", ["b": 1, "c": 2]) }
        == "config.json: \"text\" is \"a\", which is not known; known are b, c")
    #expect(throws: ConfigError("config.json is an array, not an object")) { try ConfigJSON([1, 2]) }
    #expect(throws: ConfigError("mine.json has no \"a\"")) {
      let _: Int = try ConfigJSON([:], file: "mine.json")("a")
    }
  }

  @Test(arguments: [
    "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "vocab_size",
    "max_position_embeddings",
  ])
  func sizesAreNeeded(_ field: String) {
    #expect(Fixture.complaint([field: .null]) == "config.json has no \"\(field)\"")
    for absurd in [0, -1, .int(Int.max), .int(Int.min), 1e300] as [JSON] {
      #expect(Fixture.complaint([field: absurd]).hasPrefix("config.json: \"\(field)\" is "))
    }
    #expect(Fixture.complaint([field: "64"]) == "config.json: \"\(field)\" is \"64\", not an integer")
    #expect(Fixture.complaint([field: [64]]) == "config.json: \"\(field)\" is an array, not an integer")
  }

  @Test(
    arguments: [
      (["num_key_value_heads": 3], "config.json: \"num_attention_heads\" is 4, which is no multiple of 3"),
      (["num_key_value_heads": 8], "config.json: \"num_attention_heads\" is 4, which is no multiple of 8"),
      (["hidden_size": 66], "config.json: \"hidden_size\" is 66, which is no multiple of 4"),
      (["head_dim": 1_000_000], "config.json: \"head_dim\" is 1000000, too much for 4 heads"),
      (["head_dim": 0], "config.json: \"head_dim\" is 0, which is not between 1 and"),
      (["hidden_act": "wavy"], "config.json: \"hidden_act\" is \"wavy\", which is not known; known are gelu,"),
      (["hidden_act": 3], "config.json: \"hidden_act\" is 3, not a text"),
      (["tie_word_embeddings": 1], "config.json: \"tie_word_embeddings\" is 1, not true or false"),
      (["rms_norm_eps": -1], "config.json: \"rms_norm_eps\" is -1.0, which is not between 0 and 1"),
      (["model_type": "wavy"], "config.json: \"model_type\" is \"wavy\", which is not known; known are "),
      (["model_type": .null], "config.json has no \"model_type\""),
      (["model_type": "mistral", "sliding_window": 0], "config.json: \"sliding_window\" is 0, which is not between"),
      (
        ["model_type": "mistral", "layer_types": ["full_attention"]],
        "config.json: \"layer_types\" has 1 elements for 2 layers"
      ),
      (
        ["model_type": "mistral", "layer_types": ["full_attention", "wavy"]],
        "config.json: \"layer_types\" has \"wavy\", which is not known; known are full_attention, sliding_attention"
      ),
      (
        ["model_type": "mistral", "sliding_window": .null, "layer_types": ["full_attention", "sliding_attention"]],
        "config.json: \"layer_types\" has \"sliding_attention\" and there is no \"sliding_window\""
      ),
    ] as [([String: JSON], String)])
  func absurdFieldsAreSentences(_ fields: [String: JSON], _ sentence: String) {
    #expect(Fixture.complaint(fields).hasPrefix(sentence), "\(Fixture.complaint(fields))")
  }

  @Test func windowsOfMistral() throws {
    func windows(_ fields: [String: JSON]) throws -> [Int?] {
      try LlamaConfig(Fixture.config(fields)).windows
    }
    #expect(try windows(["sliding_window": 16]) == [nil, nil], "Llama has none")
    #expect(try windows(["model_type": "mistral"]) == [4096, 4096])
    #expect(try windows(["model_type": "mistral", "sliding_window": .null]) == [nil, nil])
    #expect(try windows(["model_type": "mistral", "sliding_window": 16]) == [16, 16])
    #expect(
      try windows([
        "model_type": "mistral", "sliding_window": 16, "layer_types": ["sliding_attention", "full_attention"],
      ]) == [16, nil])
  }

  @Test func activationsByTheirNames() throws {
    for (name, activation) in [
      ("silu", Activation.silu), ("gelu", .gelu), ("gelu_new", .geluTanh), ("gelu_pytorch_tanh", .geluTanh),
      ("relu", .relu), ("relu2", .reluSquared), ("quick_gelu", .quickGelu),
    ] {
      #expect(try LlamaConfig(Fixture.config(["hidden_act": .string(name)])).fields.activation == activation)
    }
  }
}
