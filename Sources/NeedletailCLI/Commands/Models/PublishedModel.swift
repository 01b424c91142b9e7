/// What a model's publisher states about it.
struct PublishedModel {
  /// The number of parameters, as precisely as it is stated: "8,030,261,248", "8.19 B".
  let parameters: String
  /// The type of the weights, where a file beside the config says it and the config does not.
  let quantized: String?
  /// Why it is another number than the definition's.
  let note: String?

  init(_ parameters: String, quantized: String? = nil, note: String? = nil) {
    (self.parameters, self.quantized, self.note) = (parameters, quantized, note)
  }

  /// The number.
  var value: Double { parsed.value }

  /// Whether a count rounds to the number at the precision it is stated with.
  func agrees(with count: Int) -> Bool { (Double(count) - parsed.value).magnitude <= parsed.unit / 2 }

  /// The number, and one of its last digit.
  private var parsed: (value: Double, unit: Double) {
    let words = parameters.split(separator: " ")
    let digits = words[0].filter { $0 != "," }
    let factor = words.count < 2 ? 1 : ["M": 1e6, "B": 1e9, "T": 1e12][words[1]] ?? .nan
    var unit = factor
    if let point = digits.firstIndex(of: ".") {
      for _ in digits[point...].dropFirst() { unit /= 10 }
    }
    return ((Double(digits) ?? .nan) * factor, unit)
  }
}

extension PublishedModel {
  /// From model cards, the sizes of checkpoints and papers; models about whose number there is doubt are left out.
  static let all: [String: PublishedModel] = [
    "DeepSeek-R1": .init("671 B"),
    "DeepSeek-V2-Lite": .init("15.7 B"),
    "DeepSeek-V3": .init("671 B"),
    "Kimi-K2-Instruct": .init("1 T"),
    "Llama-2-13b": .init("13,015,864,320"),
    "Llama-2-70b": .init("68,976,648,192"),
    "Llama-2-7b": .init("6,738,415,616"),
    "Llama-3.1-405B": .init("405,853,388,800"),
    "Llama-3.1-70B": .init("70,553,706,496"),
    "Llama-3.1-8B": .init("8,030,261,248"),
    "Llama-3.2-1B": .init("1,235,814,400"),
    "Llama-3.2-3B": .init("3,212,749,824"),
    "Llama-3.3-70B-Instruct": .init("70,553,706,496"),
    "MiMo-V2-Flash": .init("309 B"),
    "Mistral-7B-v0.3": .init("7,248,023,552"),
    "Mixtral-8x22B-v0.1": .init("141 B"),
    "Mixtral-8x7B-v0.1": .init("46,702,792,704"),
    "OLMo-2-7B": .init("7.30 B"),
    "Phi-3-mini-4k-instruct": .init("3.8 B"),
    "Phi-3.5-mini": .init("3.8 B"),
    "Phi-4-mini": .init("3.8 B"),
    "Qwen2-0.5B": .init("0.49 B"),
    "Qwen2-7B": .init("7.62 B"),
    "Qwen2.5-3B": .init("3.09 B"),
    "Qwen2.5-72B-Instruct": .init("72.7 B"),
    "Qwen2.5-7B-Instruct": .init("7.61 B", note: "7.616 B, which the publisher cuts off after two digits"),
    "Qwen3-0.6B": .init("0.6 B"),
    "Qwen3-1.7B": .init("1.7 B"),
    "Qwen3-235B-A22B": .init("235 B"),
    "Qwen3-235B-A22B-FP8": .init("235 B"),
    "Qwen3-30B-A3B": .init("30.5 B"),
    "Qwen3-30B-A3B-FP8": .init("30.5 B"),
    "Qwen3-32B": .init("32.8 B"),
    "Qwen3-32B-FP8": .init("32.8 B"),
    "Qwen3-32B-FP8-Static-PerTensor": .init("32.8 B"),
    "Qwen3-8B": .init("8.19 B"),
    "Qwen3-Coder-480B-A35B-Instruct": .init("480 B"),
    "SmolLM2-135M": .init("134,515,008"),
    "TinyLlama-1.1B-Chat-v1.0": .init("1.10 B"),
    "bloom-176b": .init("176,247,271,424"),
    "bloom-7b1": .init("7,069,016,064"),
    "falcon-7b": .init("7 B"),
    "gemma-2-27b": .init("27,227,128,320"),
    "gemma-2-2b": .init("2,614,341,888"),
    "gemma-2-9b": .init("9,241,705,984"),
    "gemma-3-12b-text": .init("11.8 B"),
    "gemma-3-1b-it": .init("999,885,952"),
    "gemma-3-27b-text": .init("27.0 B"),
    "gemma-3-4b-text": .init("3.88 B"),
    "gpt-j-6b": .init(
      "6,053,381,344",
      note:
        "the publisher counts the copies that eight devices kept in training of all norms and of the last biases of "
        + "feed-forward layers (seven times 352,256), and biases of the embedding (eight times 4,096); checkpoints have "
        + "none of them"),
    "gpt-oss-120b": .init("116.83 B"),
    "gpt-oss-20b": .init("20.91 B"),
    "gpt2": .init("124 M"),
    "gpt_bigcode": .init("1.1 B"),
    "mpt-7b": .init("6.7 B", note: "6.65 B, which the publisher states as 6.7"),
    "nvidia__DeepSeek-V3.1-NVFP4": .init("671 B", quantized: "NVFP4"),
    "nvidia__Llama-3.1-70B-Instruct-FP8": .init("70,553,706,496"),
    "nvidia__Llama-3_3-Nemotron-Super-49B-v1": .init("49.9 B"),
    "nvidia__Qwen3-235B-A22B-NVFP4": .init("235 B", quantized: "NVFP4"),
    "phi-2": .init("2.78 B"),
    "stablelm-3b": .init("2,795,443,200"),
    "starcoder2-7b": .init("7.17 B"),
  ]
}
