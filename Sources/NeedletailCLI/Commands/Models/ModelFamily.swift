/// Models of one publisher that are described together.
struct ModelFamily {
  let name, publisher, source: String
  /// As configs name them.
  let modelTypes: [String]

  init(_ name: String, _ publisher: String, _ source: String, _ modelTypes: String...) {
    (self.name, self.publisher, self.source, self.modelTypes) = (name, publisher, source, modelTypes)
  }

  /// The family of a model type.
  static func of(_ modelType: String) -> ModelFamily? { all.first { $0.modelTypes.contains(modelType) } }

  /// By name.
  static let all = [
    ModelFamily("AFM (Arcee)", "Arcee AI", "model card, 2025", "arcee"),
    ModelFamily("Baichuan", "Baichuan", "Yang et al. 2023", "baichuan"),
    ModelFamily("BLOOM", "BigScience", "Le Scao et al. 2022", "bloom"),
    ModelFamily("ChatGLM, GLM-4 and 4.5", "Zhipu AI", "GLM team 2024, 2025", "chatglm", "glm", "glm4", "glm4_moe"),
    ModelFamily("Command R", "Cohere", "model card, 2024; Cohere team 2025", "cohere", "cohere2"),
    ModelFamily("DBRX", "Databricks", "model card, 2024", "dbrx"),
    ModelFamily(
      "DeepSeek-V2, V3 and R1; Kimi-K2", "DeepSeek-AI; Moonshot AI", "DeepSeek-AI 2024; Kimi team 2025", "deepseek_v2",
      "deepseek_v3", "kimi_k2", "kimi_k25"),
    ModelFamily("ERNIE 4.5", "Baidu", "technical report, 2025", "ernie4_5"),
    ModelFamily("Exaone 3 to 4", "LG AI Research", "technical reports, 2024, 2025", "exaone", "exaone4"),
    ModelFamily("Falcon", "TII", "Almazrouei et al. 2023", "falcon"),
    ModelFamily(
      "Gemma 1 to 3", "Google", "Gemma team 2024, 2025; Riviere et al. 2024", "gemma", "gemma2", "gemma3", "gemma3_text"
    ),
    ModelFamily("GPT-2 and GPT-3's sizes", "OpenAI", "Radford et al. 2019", "gpt2"),
    ModelFamily("GPT-J", "EleutherAI", "Wang and Komatsuzaki 2021", "gptj"),
    ModelFamily("GPT-NeoX, Pythia", "EleutherAI", "Black et al. 2022", "gpt_neox"),
    ModelFamily("gpt-oss", "OpenAI", "model card, 2025", "gpt_oss"),
    ModelFamily("Granite 3", "IBM", "Granite team 2024", "granite", "granitemoe"),
    ModelFamily("Grok-1", "xAI", "model card, 2024", "grok-1"),
    ModelFamily("Helium", "Kyutai", "model card, 2025", "helium"),
    ModelFamily("InternLM 2", "Shanghai AI Laboratory", "Cai et al. 2024", "internlm2"),
    ModelFamily("Llama 1 to 3", "Meta", "Touvron et al. 2023, Dubey et al. 2024", "llama"),
    ModelFamily("Llama 4, its text", "Meta", "model card, 2025", "llama4", "llama4_text"),
    ModelFamily("MiMo", "Xiaomi", "technical reports, 2025", "mimo", "mimo_v2_flash"),
    ModelFamily("MiniMax-M2", "MiniMax", "model card, 2025", "minimax_m2"),
    ModelFamily(
      "Mistral, Mixtral", "Mistral AI", "Jiang et al. 2023, 2024", "ministral", "mistral", "mistral3", "mixtral"),
    ModelFamily("MPT", "MosaicML", "model card, 2023", "mpt"),
    ModelFamily("Nemotron", "NVIDIA", "Parmar et al. 2024, Bercovich et al. 2025", "nemotron", "nemotron-nas"),
    ModelFamily(
      "OLMo 1 to 3, OLMoE", "Ai2", "Groeneveld et al. 2024, OLMo team 2024", "olmo", "olmo2", "olmo3", "olmoe"),
    ModelFamily("OPT", "Meta", "Zhang et al. 2022", "opt"),
    ModelFamily("Phi-1 to 4", "Microsoft", "Abdin et al. 2024", "phi", "phi-msft", "phi3", "phimoe"),
    ModelFamily(
      "Qwen 2 to 3", "Alibaba", "Yang et al. 2024, 2025", "qwen2", "qwen2_moe", "qwen3", "qwen3_moe", "qwen3_vl",
      "qwen3_vl_moe", "qwen3_vl_text"),
    ModelFamily("Seed-OSS", "ByteDance", "model card, 2025", "seed_oss"),
    ModelFamily("SmolLM 3", "Hugging Face", "model card, 2025", "smollm3"),
    ModelFamily("StableLM", "Stability AI", "Bellagente et al. 2024", "stablelm"),
    ModelFamily("StarCoder, SantaCoder", "BigCode", "Li et al. 2023", "gpt_bigcode"),
    ModelFamily("StarCoder 2", "BigCode", "Lozhkov et al. 2024", "starcoder2"),
  ]
}
