import NeedletailGraph

/// When a model's logits and tokens are as the reference's: `transformers` in float32 on the CPU.
public enum GoldenRules {
  /// The largest relative error of logits in float32.
  public static let float32Error = 2e-5

  /// The largest relative error of the logits of prompt 0, 1 and 2 of a case in a type of 16 bits: some times what
  /// PyTorch itself gives in that type. Nil for a case that is not known.
  public static func errors(of name: String, _ dtype: DType) -> [Double]? {
    switch dtype {
    case .bfloat16: pytorchErrors[name]?.bfloat16.map { 1.5 * $0 }
    case .float16: pytorchErrors[name]?.float16.map { 2 * $0 }
    default: nil
    }
  }

  /// What counts as the error of a prompt's logits, all of them or the last ones: the relative error; in 16 bits of cases
  /// with mixtures of experts the median of the relative errors of positions.
  public static func error(_ logits: [Float], _ prompt: GoldenPrompt, isRouted: Bool) -> Double {
    let found = logits.suffix(prompt.logits.count)
    guard isRouted else { return relativeError(found, prompt.logits) }
    let width = logits.count / max(prompt.tokens.count, 1)
    return median(rowErrors(found, prompt.logits, rows: prompt.logits.count / max(width, 1)))
  }

  /// Cases with mixtures of experts. In 16 bits a token may get another expert where two are nearly equal, which is no error.
  public static func isRouted(_ name: String) -> Bool {
    routed.contains(name) || name.contains("moe")
  }

  private static let routed: Set<String> = [
    "dbrx", "deepseek_v2", "deepseek_v3", "gpt_oss", "grok1", "kimi_k2", "llama4_text", "mimo_v2_flash", "minimax_m2",
    "mixtral",
  ]

  /// Whether in this prompt, of which only the last position is scored, an earlier token gets another expert on the CPU in
  /// bfloat16 than in float32: two of its logits differ by 0.0045, of a spread of 1.1, and the last position sees it.
  public static func hasFlippedRoute(_ name: String, _ dtype: DType, prompt: Int) -> Bool {
    name == "qwen2_moe" && dtype == .bfloat16 && prompt == 2
  }

  /// The relative error of each row of logits.
  public static func rowErrors(_ x: some Collection<Float>, _ reference: [Float], rows: Int) -> [Double] {
    let (values, width) = (Array(x), reference.count / max(rows, 1))
    guard values.count == reference.count else { return [.infinity] }
    return (0..<rows).map { row in
      let range = row * width..<(row + 1) * width
      return relativeError(values[range], Array(reference[range]))
    }
  }

  /// The middle one of some numbers.
  public static func median(_ numbers: [Double]) -> Double {
    numbers.isEmpty ? .infinity : numbers.sorted()[numbers.count / 2]
  }

  /// The gap between the best and the second-best logit from which on tokens must be equal.
  public static func smallestGap(_ dtype: DType) -> Float { dtype == .float32 ? 1e-3 : 0.1 }

  /// Tokens that must be equal: those up to the first whose gap is so small that another correct program may differ.
  public static func decidedCount(_ gaps: [Float], _ dtype: DType) -> Int {
    gaps.firstIndex { $0 <= smallestGap(dtype) } ?? gaps.count
  }

  /// ||x - reference|| / ||reference||; infinite where the counts differ or a value is not finite.
  public static func relativeError(_ x: some Collection<Float>, _ reference: [Float]) -> Double {
    guard x.count == reference.count, x.allSatisfy(\.isFinite) else { return .infinity }
    var (difference, norm) = (0.0, 0.0)
    for (value, expected) in zip(x, reference) {
      difference += (Double(value) - Double(expected)) * (Double(value) - Double(expected))
      norm += Double(expected) * Double(expected)
    }
    return (difference / norm).squareRoot()
  }
}
