/// The architectures that are known: a model type's name, as `config.json` says it, and the Swift type of the model.
///
///     LLM("dir", models: .standard.adding("mine", CausalLM<MyBlock>.self))
public struct ModelTable: Sendable {
  private var rows: [String: any LanguageModel.Type]

  /// A table of one's own.
  public init(_ rows: [String: any LanguageModel.Type]) { self.rows = rows }

  /// What this package knows.
  public static let standard = ModelTable([
    "arcee": CausalLM<PreNormBlock<NemotronConfig>>.self,
    "baichuan": CausalLM<PreNormBlock<BaichuanConfig>>.self,
    "bloom": CausalLM<PreNormBlock<BLOOMConfig>>.self,
    "chatglm": CausalLM<PreNormBlock<ChatGLMConfig>>.self,
    "cohere": CausalLM<ParallelBlock<CohereConfig>>.self,
    "cohere2": CausalLM<ParallelBlock<CohereConfig>>.self,
    "dbrx": CausalLM<PreNormBlock<DBRXConfig>>.self,
    "deepseek_v2": CausalLM<PreNormBlock<LatentConfig<DeepSeekV2>>>.self,
    "deepseek_v3": CausalLM<PreNormBlock<LatentConfig<DeepSeekV3>>>.self,
    "ernie4_5": CausalLM<PreNormBlock<HeliumConfig>>.self,
    "exaone": CausalLM<PreNormBlock<ExaoneConfig>>.self,
    "exaone4": CausalLM<PostNormBlock<Exaone4Config>>.self,
    "falcon": CausalLM<FalconBlock>.self,
    "gemma": CausalLM<PreNormBlock<GemmaConfig>>.self,
    "gemma2": CausalLM<SandwichNormBlock<Gemma2Config>>.self,
    "gemma3": CausalLM<SandwichNormBlock<TextConfig<Gemma3Config, LanguageModelPlace>>>.self,
    "gemma3_text": CausalLM<SandwichNormBlock<Gemma3Config>>.self,
    "glm": CausalLM<PreNormBlock<GLMConfig>>.self,
    "glm4": CausalLM<SandwichNormBlock<GLMConfig>>.self,
    "glm4_moe": CausalLM<PreNormBlock<GLM4MoEConfig>>.self,
    "gpt2": CausalLM<PreNormBlock<GPT2Config>>.self,
    "gpt_bigcode": CausalLM<PreNormBlock<GPT2Config>>.self,
    "gpt_neox": CausalLM<GPTNeoXBlock>.self,
    "gpt_oss": CausalLM<PreNormBlock<GPTOSSConfig>>.self,
    "gptj": CausalLM<ParallelBlock<GPTJConfig>>.self,
    "granite": CausalLM<PreNormBlock<GraniteConfig>>.self,
    "granitemoe": CausalLM<PreNormBlock<GraniteMoEConfig>>.self,
    "grok-1": CausalLM<SandwichNormBlock<Grok1Config>>.self,
    "helium": CausalLM<PreNormBlock<HeliumConfig>>.self,
    "internlm2": CausalLM<PreNormBlock<InternLM2Config>>.self,
    "kimi_k2": CausalLM<PreNormBlock<LatentConfig<DeepSeekV3>>>.self,
    "kimi_k25": CausalLM<PreNormBlock<TextConfig<LatentConfig<DeepSeekV3>, LanguageModelPlace>>>.self,
    "llama": CausalLM<LlamaBlock>.self,
    "llama4": CausalLM<PreNormBlock<TextConfig<Llama4Config, LanguageModelPlace>>>.self,
    "llama4_text": CausalLM<PreNormBlock<Llama4Config>>.self,
    "mimo": CausalLM<PreNormBlock<Qwen2Config>>.self,
    "mimo_v2_flash": CausalLM<PreNormBlock<MiMoV2FlashConfig>>.self,
    "minimax_m2": CausalLM<PreNormBlock<MiniMaxM2Config>>.self,
    "ministral": CausalLM<LlamaBlock>.self,
    "mistral": CausalLM<LlamaBlock>.self,
    "mistral3": CausalLM<PreNormBlock<TextConfig<LlamaConfig, LanguageModelPlace>>>.self,
    "mixtral": CausalLM<PreNormBlock<MixtralConfig>>.self,
    "mpt": CausalLM<PreNormBlock<MPTConfig>>.self,
    "nemotron": CausalLM<PreNormBlock<NemotronConfig>>.self,
    "nemotron-nas": CausalLM<NemotronNASBlock>.self,
    "olmo": CausalLM<PreNormBlock<OLMoConfig>>.self,
    "olmo2": CausalLM<PostNormBlock<OLMo2Config>>.self,
    "olmo3": CausalLM<PostNormBlock<OLMo2Config>>.self,
    "olmoe": CausalLM<PreNormBlock<OLMoEConfig>>.self,
    "opt": CausalLM<OPTBlock>.self,
    "phi": CausalLM<ParallelBlock<PhiConfig>>.self,
    "phi-msft": CausalLM<ParallelBlock<PhiMSFTConfig>>.self,
    "phi3": CausalLM<PreNormBlock<Phi3Config>>.self,
    "phimoe": CausalLM<PreNormBlock<PhiMoEConfig>>.self,
    "qwen2": CausalLM<PreNormBlock<Qwen2Config>>.self,
    "qwen2_moe": CausalLM<PreNormBlock<Qwen2MoEConfig>>.self,
    "qwen3": CausalLM<PreNormBlock<Qwen3Config>>.self,
    "qwen3_moe": CausalLM<PreNormBlock<Qwen3MoEConfig>>.self,
    "qwen3_vl": CausalLM<PreNormBlock<TextConfig<Qwen3Config, Qwen3VLPlace>>>.self,
    "qwen3_vl_moe": CausalLM<PreNormBlock<TextConfig<Qwen3MoEConfig, Qwen3VLPlace>>>.self,
    "seed_oss": CausalLM<PreNormBlock<SeedOSSConfig>>.self,
    "smollm3": CausalLM<PreNormBlock<SmolLM3Config>>.self,
    "stablelm": CausalLM<StableLMBlock>.self,
    "starcoder2": CausalLM<PreNormBlock<StarCoder2Config>>.self,
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
      let parts = config.unknownParts.joined(separator: ", ")
      throw ConfigError(
        "\(config.path(of: "model_type")) is \"\(modelType)\", which is not known"
          + (parts.isEmpty ? "" : " (the config tells of \(parts))") + "; known are " + namesLike(modelType))
    }
    return try type.init(config)
  }

  /// The known model types, or of many those that begin like a name.
  private func namesLike(_ name: String) -> String {
    guard rows.count > 12 else { return modelTypes.joined(separator: ", ") }
    let alike = modelTypes.filter { $0.prefix(2) == name.prefix(2) }
    let some = alike.isEmpty ? ["llama", "mistral", "qwen3"].filter { rows[$0] != nil } : alike
    return some.joined(separator: ", ") + " and \(rows.count - some.count) others, which `needletail models` lists"
  }
}
