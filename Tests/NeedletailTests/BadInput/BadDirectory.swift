import Foundation
import Needletail
import NeedletailCheckpoint
import Testing

/// A model directory with something wrong in it, and words of the sentence that says so.
struct BadDirectory: Sendable, CustomTestStringConvertible {
  let testDescription: String
  let words: [String]
  let damage: @Sendable (TemporaryDirectory) throws -> Void

  init(_ name: String, _ words: String..., damage: @escaping @Sendable (TemporaryDirectory) throws -> Void) {
    testDescription = name
    self.words = words
    self.damage = damage
  }

  /// A copy of a tiny model, damaged.
  func make() throws -> TemporaryDirectory {
    let directory = try TemporaryDirectory()
    try directory.copy("config.json", "model.safetensors", from: Golden(name: "rope_dynamic").directory)
    try directory.copy("tokenizer.json", "tokenizer_config.json", from: Place.demo)
    try damage(directory)
    return directory
  }

  /// Text of a file, changed.
  private static func edit(
    _ directory: TemporaryDirectory, _ name: String, _ old: String, _ new: String
  ) throws {
    let text = try Place.text(directory(name))
    try #require(text.contains(old), "\(name) has no \(old)")
    try directory.write(name, text.replacingOccurrences(of: old, with: new))
  }

  /// A file of tensors whose header is as given.
  private static func safetensors(
    _ directory: TemporaryDirectory, _ header: String, length: UInt64? = nil, data: Int = 64
  ) throws {
    let text = Array(header.utf8)
    let count = withUnsafeBytes(of: (length ?? UInt64(text.count)).littleEndian) { Array($0) }
    try directory.write("model.safetensors", count + text + Array(repeating: 0, count: data))
  }

  static let files = [
    BadDirectory("weights cut off", "model.safetensors") { directory in
      let bytes = try Place.bytes(directory("model.safetensors"))
      try directory.write("model.safetensors", Array(bytes.prefix(bytes.count - 100)))
    },
    BadDirectory("weights empty", "model.safetensors") { try $0.write("model.safetensors", "") },
    BadDirectory("a header longer than the file", "model.safetensors", "header") {
      try safetensors($0, "{}", length: 1 << 40)
    },
    BadDirectory("a header length of 2^64 - 1", "model.safetensors", "header") {
      try safetensors($0, "{}", length: .max)
    },
    BadDirectory("a header that is no JSON", "model.safetensors") { try safetensors($0, "{\"a\":") },
    BadDirectory("tensors that overlap", "model.safetensors", "'b'") {
      try safetensors(
        $0,
        #"{"a":{"dtype":"F32","shape":[8],"data_offsets":[0,32]},"b":{"dtype":"F32","shape":[8],"data_offsets":[16,48]}}"#
      )
    },
    BadDirectory("a shape that overflows", "model.safetensors", "'a'") {
      try safetensors(
        $0, #"{"a":{"dtype":"F32","shape":[4294967296,4294967296,4294967296],"data_offsets":[0,64]}}"#)
    },
    BadDirectory("a shape that is not that of the bytes", "model.safetensors", "'a'") {
      try safetensors($0, #"{"a":{"dtype":"F32","shape":[9],"data_offsets":[0,64]}}"#)
    },
    BadDirectory("no weights", "safetensors") { try FileManager.default.removeItem(atPath: $0("model.safetensors")) },
    BadDirectory("a missing shard", "model-00002-of-00002.safetensors") { directory in
      try FileManager.default.moveItem(
        atPath: directory("model.safetensors"), toPath: directory("model-00001-of-00002.safetensors"))
      let names = try SafetensorsFile(directory("model-00001-of-00002.safetensors")).names
      let map = names.enumerated().map { "\"\($1)\":\"model-0000\($0 == 0 ? 2 : 1)-of-00002.safetensors\"" }
      try directory.write("model.safetensors.index.json", "{\"weight_map\":{\(map.joined(separator: ","))}}")
    },
    BadDirectory("a shard outside of the directory", "index.json") { directory in
      try FileManager.default.removeItem(atPath: directory("model.safetensors"))
      try directory.write("model.safetensors.index.json", #"{"weight_map":{"a":"../../etc/passwd"}}"#)
    },
    BadDirectory("tensors of another model", "missing", "unexpected", "'a'", "'model.embed_tokens.weight'") {
      try safetensors($0, #"{"a":{"dtype":"F32","shape":[16],"data_offsets":[0,64]}}"#)
    },
    BadDirectory("tensors of another shape", "wrongly shaped", "[96, 32] and should be [97, 32]") {
      try edit($0, "config.json", "\"vocab_size\": 96", "\"vocab_size\": 97")
    },
    BadDirectory("nothing at all", "no such directory") {
      try FileManager.default.removeItem(atPath: $0.path)
    },
  ]

  static let configs = [
    BadDirectory("no config", "config.json is missing") {
      try FileManager.default.removeItem(atPath: $0("config.json"))
    },
    BadDirectory("config is no JSON", "config.json", "JSON") { try $0.write("config.json", "{\"model_type\": ") },
    BadDirectory("config is a list", "config.json", "not an object") { try $0.write("config.json", "[1, 2]") },
    BadDirectory("config is no UTF-8", "config.json") {
      try $0.write("config.json", Array("{\"model_type\": \"".utf8) + [0xff, 0xfe] + Array("\"}".utf8))
    },
    BadDirectory("config is a thousand brackets", "config.json") {
      try $0.write("config.json", String(repeating: "[", count: 100_000))
    },
    BadDirectory("no model type", "model_type") {
      try edit($0, "config.json", "\"model_type\": \"llama\"", "\"kind\": 1")
    },
    BadDirectory("unknown model type", "\"llamb\"", "not known", "known are llama, ") {
      try edit($0, "config.json", "\"model_type\": \"llama\"", "\"model_type\": \"llamb\"")
    },
    BadDirectory("unknown rope type", "\"spiral\"", "known are", "dynamic", "linear", "llama3", "yarn") {
      try edit($0, "config.json", "\"rope_type\": \"dynamic\"", "\"rope_type\": \"spiral\"")
    },
    BadDirectory("no hidden size", "hidden_size") { try edit($0, "config.json", "\"hidden_size\": 32,", "") },
    BadDirectory("hidden size is a text", "hidden_size") {
      try edit($0, "config.json", "\"hidden_size\": 32,", "\"hidden_size\": \"wide\",")
    },
    BadDirectory("negative layers", "num_hidden_layers") {
      try edit($0, "config.json", "\"num_hidden_layers\": 2,", "\"num_hidden_layers\": -2,")
    },
    BadDirectory("a million million layers", "num_hidden_layers") {
      try edit($0, "config.json", "\"num_hidden_layers\": 2,", "\"num_hidden_layers\": 1000000000000,")
    },
    BadDirectory("no heads", "num_attention_heads") {
      try edit($0, "config.json", "\"num_attention_heads\": 2,", "\"num_attention_heads\": 0,")
    },
    BadDirectory("a vocabulary of 2^62", "vocab_size") {
      try edit($0, "config.json", "\"vocab_size\": 96", "\"vocab_size\": 4611686018427387904")
    },
    BadDirectory("key heads that do not divide the heads", "num_key_value_heads") {
      try edit($0, "config.json", "\"num_key_value_heads\": 1,", "\"num_key_value_heads\": 3,")
    },
    BadDirectory("an odd head width", "head") { try edit($0, "config.json", "\"head_dim\": 16,", "\"head_dim\": 15,") },
    BadDirectory("an unknown activation", "hidden_act", "\"sulk\"") {
      try edit($0, "config.json", "\"hidden_act\": \"silu\"", "\"hidden_act\": \"sulk\"")
    },
    BadDirectory("quantized weights", "quantization_config", "quip") {
      try edit(
        $0, "config.json", "\"hidden_act\"", "\"quantization_config\": {\"quant_method\": \"quip\"}, \"hidden_act\"")
    },
    BadDirectory("quantized weights that a file of their own tells of", "hf_quant_config.json") {
      try $0.write("hf_quant_config.json", #"{"quantization": {"quant_algo": "NVFP4"}}"#)
    },
    BadDirectory("quantized weights of a part", "text_config.quantization_config") {
      try edit($0, "config.json", "\"hidden_act\"", "\"text_config\": {\"quantization_config\": {}}, \"hidden_act\"")
    },
    BadDirectory("compressed weights", "compression_config") {
      try edit($0, "config.json", "\"hidden_act\"", "\"compression_config\": {}, \"hidden_act\"")
    },
    BadDirectory("a temperature of -1 in generation_config.json", "generation_config.json", "temperature") {
      try $0.write("generation_config.json", #"{"do_sample": true, "temperature": -1}"#)
    },
    BadDirectory("end tokens that are texts", "generation_config.json", "eos_token_id") {
      try $0.write("generation_config.json", #"{"eos_token_id": ["end"]}"#)
    },
  ]

  static let tokenizers = [
    BadDirectory("tokenizer is no JSON", "tokenizer.json", "JSON") { try $0.write("tokenizer.json", "{") },
    BadDirectory("tokenizer is empty", "tokenizer has no model") { try $0.write("tokenizer.json", "{}") },
    BadDirectory("tokenizer with an unknown model", "Telepathy") {
      try edit($0, "tokenizer.json", "\"type\": \"BPE\"", "\"type\": \"Telepathy\"")
    },
    BadDirectory("tokenizer with an unknown component", "Cleaver") {
      try edit($0, "tokenizer.json", "\"type\": \"Split\"", "\"type\": \"Cleaver\"")
    },
    BadDirectory("template that is no template", "template") {
      try $0.write("chat_template.jinja", "{% for message in messages %}")
    },
  ]
}
