/// The architectures that are known: a model type's name, as `config.json` says it, and the Swift type of the model.
///
///     LLM("dir", models: .standard.adding("mine", CausalLM<MyBlock>.self))
public struct ModelTable: Sendable {
  private var rows: [String: any LanguageModel.Type]

  /// A table of one's own.
  public init(_ rows: [String: any LanguageModel.Type]) { self.rows = rows }

  /// What this package knows.
  public static let standard = ModelTable([
    "bloom": CausalLM<BLOOMBlock>.self,
    "deepseek_v2": CausalLM<LatentBlock<DeepSeekV2>>.self,
    "deepseek_v3": CausalLM<LatentBlock<DeepSeekV3>>.self,
    "falcon": CausalLM<FalconBlock>.self,
    "gpt2": CausalLM<GPT2Block>.self,
    "gpt_bigcode": CausalLM<GPT2Block>.self,
    "gpt_neox": CausalLM<GPTNeoXBlock>.self,
    "gptj": CausalLM<GPTJBlock>.self,
    "kimi_k2": CausalLM<LatentBlock<DeepSeekV3>>.self,
    "llama": CausalLM<LlamaBlock>.self,
    "mistral": CausalLM<LlamaBlock>.self,
    "mpt": CausalLM<MPTBlock>.self,
    "opt": CausalLM<OPTBlock>.self,
  ])

  /// The table with one more row, which replaces one of the same name.
  public func adding(_ modelType: String, _ model: any LanguageModel.Type) -> ModelTable {
    var table = self
    table.rows[modelType] = model
    return table
  }

  /// The known model types, sorted.
  public var modelTypes: [String] { rows.keys.sorted() }

  /// The Swift type of a model type, nil if it is not known.
  public subscript(modelType: String) -> (any LanguageModel.Type)? { rows[modelType] }

  /// The model a config describes. Throws a `ConfigError` that lists the known model types where its own is not one.
  public func model(for config: ConfigJSON) throws -> any LanguageModel {
    let modelType: String = try config("model_type")
    guard let type = rows[modelType] else {
      throw ConfigError(
        "\(config.path(of: "model_type")) is \"\(modelType)\", which is not known; known are "
          + modelTypes.joined(separator: ", "))
    }
    return try type.init(config)
  }
}
