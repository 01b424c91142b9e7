import NeedletailGraph

/// When a model's logits and tokens are as the reference's: `transformers` in float32 on the CPU.
public enum GoldenRules {
  /// The largest relative error of logits in float32.
  public static let float32Error = 2e-5

  /// The largest relative error of the logits of prompt 0, 1 and 2 of a case in a type of 16 bits: some times what
  /// PyTorch itself gives in that type. Nil for a case that is not known.
  public static func errors(of name: String, _ dtype: DType) -> [Double]? {
    switch dtype {
    case .bfloat16: bfloat16[name].map { $0.map { 1.5 * $0 } }
    case .float16: float16[name].map { $0.map { 2 * $0 } }
    default: nil
    }
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

  // Relative errors of the logits of prompt 0, 1 and 2 when PyTorch runs a case on the CPU in the type.
  private static let bfloat16 = [
    "llama2": [0.0117107, 0.0169195, 0.0167386], "llama3_gqa": [0.00950843, 0.0137920, 0.0138081],
    "llama_tied_headdim": [0.0107605, 0.0138047, 0.0200287],
    "llama_linear_rope_bias": [0.0108752, 0.0120619, 0.0117526], "llama_yarn": [0.00880203, 0.0149232, 0.0173172],
    "mistral_window": [0.00943400, 0.0136503, 0.0107426],
  ]
  private static let float16 = [
    "llama2": [0.00134876, 0.00193987, 0.00265788], "llama3_gqa": [0.000998518, 0.00146471, 0.00168374],
    "llama_tied_headdim": [0.00107508, 0.00180447, 0.0034744],
    "llama_linear_rope_bias": [0.0010706, 0.00153421, 0.00164331],
    "llama_yarn": [0.00110914, 0.00174372, 0.00125848], "mistral_window": [0.00117573, 0.00171334, 0.00158667],
  ]
}
