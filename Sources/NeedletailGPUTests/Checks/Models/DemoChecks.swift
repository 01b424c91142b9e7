import Glibc
import Needletail
import NeedletailTesting

extension GPUCheck {
  /// The trained models: the GPU against the CPU.
  static func demos(_ folder: String) -> [GPUCheck] {
    ["needle-5m", "needle-40m"].flatMap { name -> [GPUCheck] in
      let path = folder + "/" + name
      return [(DType.float32, false), (.bfloat16, true), (.bfloat16, false), (.float16, true)].map { dtype, libraries in
        let variant = Golden.Variant(dtype: dtype, usesLibraries: libraries)
        return GPUCheck("demo/\(name)/\(variant)") { _ in
          guard access(path + "/config.json", R_OK) == 0 else {
            throw CheckSkipped(description: "\(path) is not there")
          }
          return try blocking { try await compareWithCPU(path, variant) }
        }
      }
    }
  }

  /// The CPU's text in float32 up to its first small gap, and its logits.
  private static func compareWithCPU(_ path: String, _ variant: Golden.Variant) async throws -> String {
    func load(_ variant: Golden.Variant, on device: LoadOptions.DeviceChoice) async throws -> LLM {
      var options = LoadOptions()
      options.device = device
      options.dtype = variant.dtype
      options.allowsLibraries = variant.usesLibraries
      options.limits.maximumSequenceLength = 256
      options.limits.maximumSequences = 4
      options.limits.cacheTokens = 1024
      return try await LLM(path, options: options)
    }
    let cpu = try await load(Golden.Variant(dtype: .float32, usesLibraries: true), on: .cpu)
    let prompt = try cpu.encode("Once upon a time")
    let expected = try await cpu.greedy(prompt, count: 96)
    let all = prompt + expected
    let logits = try await cpu.logits(all)
    let vocabulary = logits.count / all.count
    let gaps = expected.indices.map { index -> Float in
      let start = (prompt.count + index - 1) * vocabulary
      var (best, second) = (-Float.infinity, -Float.infinity)
      for value in logits[start..<start + vocabulary] {
        if value > best { (best, second) = (value, best) } else if value > second { second = value }
      }
      return best - second
    }
    let gpu = try await load(variant, on: .cuda)
    let found = try await gpu.greedy(prompt, count: 96)
    let count = GoldenRules.decidedCount(gaps, variant.dtype)
    try expect(
      found.prefix(count) == expected.prefix(count),
      "tokens \(found.prefix(count)), on the CPU \(expected.prefix(count))")
    let error = GoldenRules.relativeError(try await gpu.logits(all), logits)
    let allowed: Double =
      switch variant.dtype {
      case .float32: 2e-5
      case .float16: 6e-3
      default: 5e-2
      }
    try expect(error <= allowed, "relative error \(short(error)) of the logits, more than \(short(allowed))")
    return "\(count) tokens as on the CPU, relative error \(short(error)) of \(short(allowed))"
  }
}
