import Needletail
import NeedletailCUDA
import NeedletailKernels
import NeedletailTesting

extension GPUCheck {
  /// Plans whose products were chosen by measuring: as right as the others.
  static func tuning(_ folder: String) -> [GPUCheck] {
    ["llama3_gqa", "mistral_window"].flatMap { name in
      [DType.bfloat16, .float32].map { dtype in
        GPUCheck("tune/\(name)/\(dtype.name)") { _ in
          let golden = Golden(name: name, folder: folder)
          return try blocking { try await tunedGolden(golden, Golden.Variant(dtype: dtype, usesLibraries: true)) }
        }
      }
    }
      + [
        Golden.Variant(dtype: .bfloat16, usesLibraries: true), Golden.Variant(dtype: .float16, usesLibraries: false),
        Golden.Variant(dtype: .bfloat16, usesLibraries: true, isDeterministic: true),
      ].map { variant in
        GPUCheck("tune/wide model/\(variant)") { _ in try blocking { try await tunedWide(variant) } }
      }
  }

  /// A tuned engine of a golden case, by the rules of the references.
  private static func tunedGolden(_ golden: Golden, _ variant: Golden.Variant) async throws -> String {
    let folder = try TemporaryFolder()
    let options = golden.options(variant)
    let text = try tune(try ModelPackage(golden.directory), options, to: folder.path)
    let llm = try await LLM(folder.path)
    return try await compare(golden, variant, llm) + "; " + text
  }

  /// A tuned engine of a model with large products, against the CPU.
  private static func tunedWide(_ variant: Golden.Variant) async throws -> String {
    let (source, folder) = (try WideModel.folder(), try TemporaryFolder())
    defer { withExtendedLifetime(source) {} }
    let options = WideModel.options(variant)
    let text = try tune(try ModelPackage(source.path, format: .dummy), options, to: folder.path)
    let llm = try await LLM(folder.path)
    var result = try await compareWide(llm, variant) + "; " + text
    if variant.isDeterministic {
      let untuned = try await WideModel.load(on: .cuda, variant)
      for prompt in WideModel.prompts {
        let expected = try await untuned.logits(prompt).map(\.bitPattern)
        try expect(try await llm.logits(prompt).map(\.bitPattern) == expected, "other bits than without tuning")
      }
      result += "; the bits of the untuned plan"
    }
    return result
  }

  /// Measures and writes an engine; what was found.
  private static func tune(_ package: ModelPackage, _ options: LoadOptions, to path: String) throws -> String {
    var chosen = options
    chosen.device = .cuda
    guard let device = try chosen.openDevice() as? CUDADevice else { throw CheckFailure(description: "no GPU") }
    var text = ""
    try TestEngine.build(package, on: device, chosen, to: path) { plan in
      let start = seconds()
      let (tuned, products) = try device.tuned(plan, librariesAllowed: options.allowsLibraries)
      try tuned.validate()
      try expect(tuned.weights == plan.weights && tuned.limits == plan.limits, "the tuned plan has other weights")
      for product in products {
        try expect(
          product.best > 0 && product.best.isFinite && product.best <= product.before,
          "\(product.problem): \(time(product.best)) after \(time(product.before))")
      }
      let changed = products.filter { $0.best < $0.before }
      let gain = changed.map { $0.before / $0.best }.max() ?? 1
      text =
        "\(products.count) products in \(time(seconds() - start)), \(changed.count) changed, at best "
        + "\(decimal((gain - 1) * 100)) % faster"
      return tuned
    }
    return text
  }
}
