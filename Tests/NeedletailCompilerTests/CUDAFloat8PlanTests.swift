import NeedletailCompiler
import NeedletailGraph
import NeedletailKernels
import NeedletailModels
import Testing

/// Plans for GPUs with weights and activations in fp8.
@Suite struct CUDAFloat8PlanTests {
  static let rows = LinearRecipe(WeightCoding(.float8e4m3), activation: ActivationCoding(.float8e4m3, .token))
  static let blocks = LinearRecipe(
    WeightCoding(.float8e4m3, groupSize: 128, rowsPerScale: 128),
    activation: ActivationCoding(.float8e4m3, .group(128)))

  private func plan(
    _ recipe: LinearRecipe = rows, gpu: GPUTraits = .h200, isDeterministic: Bool = false
  ) throws -> Plan {
    let graph = try ModelTable.standard.model(for: ConfigJSON(CUDAPlanTests.config)).trace()
    let catalog = CUDACatalog(gpu: gpu, isDeterministic: isDeterministic, allowsLibraries: true)
    var options = CompilerOptions(
      precision: catalog.precision(.bfloat16, cache: nil), limits: CUDAPlanTests.limits, storedType: { _ in .bfloat16 })
    options.recipe = { _, role in role == .projection ? recipe : nil }
    return try Compiler(catalog: catalog).compile(graph, options)
  }

  private func layer(_ variant: PlanVariant) -> [Launch] {
    variant.launches.filter { $0.scope.contains("layers.1.") && $0.kernel != "rope_table" }
  }

  @Test(arguments: [rows, blocks]) func aLayerOfASmallStepIsFiveLaunches(recipe: LinearRecipe) throws {
    let plan = try plan(recipe)
    let launches = layer(plan.variants[0])
    let attention = ["rope_cache_write", "decode_attention", "prefill_attention"]
    let product = "quantized_product"
    #expect(launches.map(\.kernel) == [product] + attention + [product, product, product])
    #expect(launches.filter { $0.kernel == product }.allSatisfy { $0.gpu?.function.entry == "sm90_fp8_product" })
    // The head stays in 16 bits.
    #expect(plan.variants[0].launches.last { $0.kernel == "product" } != nil)
  }

  @Test func moreRowsAreCodedFirst() throws {
    let plan = try plan()
    for (tokens, entry) in [(8, "sm90_fp8_product"), (33, "sm90_fp8_wide"), (65, "sm90_fp8_matmul")] {
      let launches = layer(plan.variants[plan.variant(tokens: tokens)])
      let products = launches.indices.filter { launches[$0].kernel == "quantized_product" }
      #expect(products.count == 4)
      #expect(products.allSatisfy { launches[$0].gpu?.function.entry == entry }, "\(tokens) tokens")
      #expect(products.allSatisfy { $0 > 0 && launches[$0 - 1].kernel == "code_rows" }, "\(tokens) tokens")
    }
  }

  @Test func deterministicProductsAreThoseOfManyRows() throws {
    let products = try plan(isDeterministic: true).variants.flatMap(layer).filter { $0.kernel == "quantized_product" }
    #expect(!products.isEmpty && products.allSatisfy { $0.gpu?.function.entry == "sm90_fp8_matmul" })
    #expect(products.allSatisfy { $0.gpu?.function.defines.first { $0.name == "NT_SPLIT" }?.value == 1 })
  }

  @Test func weightsTakeAByteEach() throws {
    let (coded, plain) = (try plan(), try CUDAPlanTests.plan())
    let matrices = 2 * (512 * (512 + 2 * 128) + 512 * 512 + 3 * 512 * 1024)
    #expect(plain.weightBytes - coded.weightBytes > matrices * 9 / 10)
    #expect(plain.weightBytes - coded.weightBytes < matrices)
  }

  @Test func otherGPUsSayThatTheyHaveNoKernels() {
    let old = GPUTraits(architecture: "sm_80", multiprocessors: 108, sharedBytesPerBlock: 166_912, l2Bytes: 40 << 20)
    #expect(throws: (any Error).self) { try plan(gpu: old) }
  }
}
