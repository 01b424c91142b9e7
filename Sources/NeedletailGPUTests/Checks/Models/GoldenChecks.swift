import Needletail
import NeedletailTesting

extension GPUCheck {
  /// Whole models against the reference, and against themselves.
  static func models(_ folder: String) -> [GPUCheck] {
    Golden.all(folder).flatMap { golden in
      goldens(golden) + (golden.length == nil ? [inFlight(golden)] : [])
    } + wide + demos(folder) + demoReferences(folder) + options(folder)
  }

  /// A case in every type, with and without libraries.
  private static func goldens(_ golden: Golden) -> [GPUCheck] {
    var variants = [Golden.Variant(dtype: .float32, usesLibraries: false)]
    if golden.length == nil {
      for dtype in [DType.bfloat16, .float16] {
        for usesLibraries in [true, false] {
          variants.append(Golden.Variant(dtype: dtype, usesLibraries: usesLibraries))
        }
      }
    }
    return variants.map { variant in
      GPUCheck("model/\(golden.name)/\(variant)") { _ in
        try blocking { try await compare(golden, variant, try await golden.load(variant)) }
      }
    }
  }

  /// Logits and greedy tokens by the rules of the references.
  static func compare(_ golden: Golden, _ variant: Golden.Variant, _ llm: LLM) async throws -> String {
    let dtype = variant.dtype
    let allowed = GoldenRules.errors(of: golden.name, dtype) ?? Array(repeating: GoldenRules.float32Error, count: 3)
    if dtype != .float32, GoldenRules.isRouted(golden.name) {
      return try await compareRouted(golden, dtype, llm, allowed: GoldenRules.median(allowed))
    }
    var errors: [String] = []
    for (index, prompt) in try golden.prompts().enumerated() {
      let logits = try await llm.logits(prompt.tokens)
      let error = GoldenRules.relativeError(logits.suffix(prompt.logits.count), prompt.logits)
      try expect(
        error <= allowed[index], "prompt \(index): relative error \(short(error)), more than \(short(allowed[index]))")
      // The same as in float32 would mean that the type was not used.
      try expect(dtype == .float32 || error > 1e-5, "prompt \(index): relative error \(short(error)) in \(dtype.name)")
      errors.append("\(short(error)) of \(short(allowed[index]))")
      let wanted = min(24, (golden.length ?? 128) - prompt.tokens.count)
      let count = min(GoldenRules.decidedCount(prompt.gaps, dtype), wanted)
      let greedy = try await llm.greedy(prompt.tokens, count: wanted)
      try expect(
        greedy.prefix(count) == prompt.greedy.prefix(count),
        "prompt \(index): tokens \(greedy.prefix(count)), expected \(prompt.greedy.prefix(count))")
    }
    return "errors \(errors.joined(separator: ", "))"
  }

  /// With routes, in 16 bits: the median of the errors of positions. Tokens are free.
  private static func compareRouted(
    _ golden: Golden, _ dtype: DType, _ llm: LLM, allowed: Double
  ) async throws -> String {
    var errors: [Double] = []
    for prompt in try golden.prompts() {
      let logits = try await llm.logits(prompt.tokens)
      let rows = prompt.logits.count / (logits.count / prompt.tokens.count)
      errors += GoldenRules.rowErrors(logits.suffix(prompt.logits.count), prompt.logits, rows: rows)
    }
    let error = GoldenRules.median(errors)
    try expect(error <= allowed, "median of relative errors \(short(error)), more than \(short(allowed))")
    try expect(error > 1e-5, "median of relative errors \(short(error)) in \(dtype.name)")
    return "median of \(errors.count) errors \(short(error)) of \(short(allowed))"
  }
}
