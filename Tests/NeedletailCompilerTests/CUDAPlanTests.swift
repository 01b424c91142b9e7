import Foundation
import NeedletailCompiler
import NeedletailGraph
import NeedletailJSON
import NeedletailKernels
import NeedletailModels
import Testing

/// Plans for GPUs, made without one.
@Suite struct CUDAPlanTests {
  static let limits = PlanLimits(tokens: 512, sequences: 128, scoredRows: 128, sequenceLength: 2048, blockSize: 64)

  /// A Llama of two layers that are as narrow as kernels like them.
  static let config: JSON = [
    "model_type": "llama", "hidden_size": 512, "intermediate_size": 1024, "num_hidden_layers": 2,
    "num_attention_heads": 8, "num_key_value_heads": 2, "head_dim": 64, "vocab_size": 1024,
    "tie_word_embeddings": false, "hidden_act": "silu", "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
    "max_position_embeddings": 2048,
  ]

  static func plan(
    _ config: JSON = config, dtype: DType = .bfloat16, gpu: GPUTraits = .h200, isDeterministic: Bool = false,
    limits: PlanLimits = limits
  ) throws -> Plan {
    let graph = try ModelTable.standard.model(for: ConfigJSON(config)).trace()
    let catalog = CUDACatalog(gpu: gpu, isDeterministic: isDeterministic, allowsLibraries: true)
    let options = CompilerOptions(
      precision: catalog.precision(dtype, cache: nil), limits: limits, storedType: { _ in .bfloat16 })
    return try Compiler(catalog: catalog).compile(graph, options)
  }

  private func kernels(_ variant: PlanVariant, layer: Int) -> [String] {
    variant.launches.filter { $0.scope.contains("layers.\(layer).") && $0.kernel != "rope_table" }.map(\.kernel)
  }

  @Test func aLayerOfASmallStepIsFiveLaunches() throws {
    let plan = try Self.plan()
    #expect(plan.variants.map(\.maximumTokens) == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512])
    let attention = ["rope_cache_write", "decode_attention", "prefill_attention"]
    #expect(kernels(plan.variants[0], layer: 1) == ["product"] + attention + ["product", "product", "product"])
    let decode = StepCounts(tokens: 1, sequences: 1, scoredRows: 1, decodes: 1)
    let running = plan.variants[0].launches.filter { $0.gpu?.runs(in: decode) ?? true }
    #expect(running.count { $0.scope.contains("layers.1.") } == 5)
    // And the embedding, the angles, the head.
    #expect(running.count == 2 * 5 + 3)
    let prefill = StepCounts(tokens: 1, sequences: 1, scoredRows: 1)
    let others = plan.variants[0].launches.filter { $0.gpu?.runs(in: prefill) ?? true }
    #expect(others.count { $0.scope.contains("layers.1.") } == 6)
  }

  @Test func largerStepsNormalizeByThemselves() throws {
    let plan = try Self.plan()
    let attention = ["rope_cache_write", "decode_attention", "prefill_attention"]
    #expect(
      kernels(plan.variants[plan.variant(tokens: 2)], layer: 0)
        == ["rms_norm", "product"] + attention + ["product", "rms_norm", "product", "product"])
    let large = kernels(plan.variants[plan.variant(tokens: 65)], layer: 0)
    #expect(large.prefix(2) == ["rms_norm", "matmul"] && large.count { $0 == "matmul" } == 4)
  }

  @Test func everyLaunchHasAShape() throws {
    for gpu in KnownGPU.all.map(\.traits) {
      for dtype in [DType.bfloat16, .float16, .float32] {
        for variant in try Self.plan(dtype: dtype, gpu: gpu).variants {
          for launch in variant.launches where launch.library == nil {
            let shape = try #require(launch.gpu)
            #expect(shape.grid.count <= 3 && !shape.choice.isEmpty, "\(launch.kernel)")
            #expect(1...1024 ~= shape.threads && 0...gpu.sharedBytesPerBlock ~= shape.sharedBytes, "\(launch.kernel)")
            #expect(shape.startsEarly == false || gpu.hasBulkCopies)
            let counts = StepCounts(tokens: variant.maximumTokens, sequences: 1, scoredRows: 1)
            #expect(shape.grid.allSatisfy { $0.value(in: counts) > 0 } || !shape.runs(in: counts), "\(launch.kernel)")
          }
        }
      }
    }
  }

  @Test func everyValueHasAPlace() throws {
    for variant in try Self.plan().variants {
      for launch in variant.launches {
        for reference in launch.references {
          if case .value = reference.buffer { Issue.record("\(launch.kernel) of \(launch.scope): \(reference)") }
          if reference.buffer == .activations { #expect(reference.offset < variant.activationBytes) }
        }
      }
    }
  }

  /// What a launch writes shares no memory with what else it uses, and nothing that is alive is overwritten.
  @Test func valuesThatAreAliveTogetherLieApart() throws {
    for variant in try Self.plan().variants {
      let places = variant.placements
      for (index, a) in places.enumerated() {
        for b in places[(index + 1)...] where a.firstLaunch <= b.lastLaunch && b.firstLaunch <= a.lastLaunch {
          #expect(a.offset + a.bytes <= b.offset || b.offset + b.bytes <= a.offset, "\(a.name), \(b.name)")
        }
      }
    }
  }

  @Test func tokensOfTheStepBeforeAreTaken() throws {
    for variant in try Self.plan().variants {
      let carriers = variant.launches.filter { $0.references.contains { $0.buffer == .chosenTokens } }
      #expect(carriers.map(\.kernel) == ["gather_rows"])
    }
  }

  @Test func theResidualStreamIsFloat32AndTheRestIsNot() throws {
    let wide = try Self.plan().variants[0].placements.filter {
      $0.type.dtype == .float32 && $0.type.shape.first == .tokens
    }
    #expect(wide.allSatisfy { $0.type.width == 512 || $0.type.width == 64 })
    let narrow = try Self.plan(dtype: .float32).variants[0].placements
    #expect(narrow.allSatisfy { $0.type.dtype == .float32 })
  }

  @Test func aDecodeStepReadsEveryWeightOnce() throws {
    let plan = try Self.plan()
    let profile = StepProfile.decode(batch: 4, context: 100)
    for variant in plan.variants {
      let cost = variant.launches.reduce(Cost.Evaluated()) { $0 + $1.cost(in: profile) }
      let attention = 512 * (512 + 2 * 128) + 512 * 512
      let layer = 2 * (attention + 3 * 512 * 1024) + 4 * 2 * 512
      // The head, the last norm, a row of the embedding for each token.
      let rest = 2 * 1024 * 512 + 4 * 512 + 4 * 2 * 512
      #expect(cost.weightBytes == 2 * layer + rest)
      #expect(cost.cacheBytes == 4 * 100 * 2 * 2 * 64 * 2 * 2)
    }
  }

  @Test func mixedStepsShareAttentionBetweenItsLaunches() throws {
    let plan = try Self.plan()
    let mixed = StepProfile([.init(queries: 1, context: 50), .init(queries: 30, context: 40)])
    #expect(mixed.counts == StepCounts(tokens: 31, sequences: 2, scoredRows: 2, decodes: 1))
    func cost(_ kernel: String) throws -> Cost.Evaluated {
      try #require(plan.variants[plan.variant(tokens: 31)].launches.first { $0.kernel == kernel }).cost(in: mixed)
    }
    let perToken = 2 * 2 * 64 * 2
    #expect(try cost("decode_attention").cacheBytes == 50 * perToken)
    #expect(try cost("prefill_attention").cacheBytes == 40 * perToken)
    // Queries and results of 8 heads of 64 in 2 bytes; the decoding token reads its key and value as well.
    #expect(try cost("prefill_attention").activationBytes == 30 * 2 * 8 * 64 * 2)
    #expect(try cost("decode_attention").activationBytes == (2 * 8 * 64 + 2 * 2 * 64) * 2)
    let pure = StepProfile.decode(batch: 2, context: 50)
    let write = try #require(plan.variants[0].launches.first { $0.kernel == "rope_cache_write" })
    #expect(write.cost(in: pure) == Cost.Evaluated() && write.cost(in: mixed) != Cost.Evaluated())
  }

  @Test func plansSurviveEncoding() throws {
    let plan = try Self.plan()
    #expect(try JSONDecoder().decode(Plan.self, from: JSONEncoder().encode(plan)) == plan)
  }

  /// One family of products for every number of rows, and no library.
  @Test func deterministicPlansMultiplyInOneWay() throws {
    for gpu in KnownGPU.all.map(\.traits) {
      let launches = try Self.plan(gpu: gpu, isDeterministic: true).variants.flatMap(\.launches)
      #expect(launches.allSatisfy { $0.library == nil && $0.kernel != "product" })
      #expect(launches.contains { $0.kernel == "matmul" })
    }
  }

  @Test func librariesAreForGPUsWithoutOurFastKernel() throws {
    let plan = try Self.plan(gpu: .l40s)
    #expect(plan.variants[9].launches.contains { $0.library != nil })
    #expect(plan.variants[0].launches.allSatisfy { $0.library == nil })
  }

  /// Norms of queries and keys, biases, windows: what other architectures bring has kernels too.
  @Test func otherOperationsHaveKernels() throws {
    let graph = try Graph(
      text: """
        %0 = input() {name=tokenIDs} : int32[tokens]
        %1 = input() {name=positions} : int32[tokens]
        %2 = weight() {parts="e[96, 64]"} : real[96, 64]
        %3 = embed(%2, %0) {scale=8.0} : real[tokens, 64]
        %4 = weight() {parts="p[128, 64]"} : real[128, 64]
        %5 = embed(%4, %1) : real[tokens, 64]
        %6 = add(%3, %5) : real[tokens, 64]
        %7 = weight() {parts="g[64]"} : real[64]
        %8 = layer_norm(%6, %7, %7) {eps=1e-05} : real[tokens, 64]
        %9 = weight() {parts="q[64, 64]"} : real[64, 64]
        %10 = weight() {parts="qb[64]"} : real[64]
        %11 = linear(%8, %9, %10) : real[tokens, 64]
        %12 = reshape(%11) {shape="[tokens, 4, 16]"} : real[tokens, 4, 16]
        %13 = rms_norm(%12) {eps=1e-05} : real[tokens, 4, 16]
        %14 = rope_table(%1) {dim=8, theta=10000.0} : real[tokens, 8]
        %15 = rope(%13, %14) : real[tokens, 4, 16]
        %16 = attention(%15, %15, %12) {layer=0, scale=0.25, window=33, softcap=50.0, alibi="1 1 2 2"} : real[tokens, 4, 16]
        %17 = reshape(%16) {shape="[tokens, 64]"} : real[tokens, 64]
        %18 = weight() {parts="o[64, 64]"} : real[64, 64]
        %19 = linear(%17, %18) : real[tokens, 64]
        %20 = rms_norm(%19) {eps=1e-05} : real[tokens, 64]
        %21 = scale(%20) {factor=0.5} : real[tokens, 64]
        %22 = add(%6, %21) : real[tokens, 64]
        %23 = gelu(%22) : real[tokens, 64]
        %24 = linear(%23, %2) : real[tokens, 96]
        %25 = softcap(%24) {cap=30.0} : real[tokens, 96]
        output logits = %25
        """)
    let catalog = CUDACatalog(gpu: .h200, isDeterministic: false, allowsLibraries: false)
    for dtype in [DType.bfloat16, .float32] {
      let options = CompilerOptions(precision: catalog.precision(dtype, cache: nil), limits: Self.limits)
      let plan = try Compiler(catalog: catalog).compile(graph, options)
      #expect(plan.variants.allSatisfy { $0.launches.allSatisfy { $0.gpu != nil } })
      let kernels = Set(plan.variants.flatMap(\.launches).map(\.kernel))
      #expect(kernels.isSuperset(of: ["gather_rows", "rms_norm", "unary", "decode_attention", "matmul"]))
    }
  }

  @Test func whatHasNoKernelIsSaid() throws {
    func compile(_ limits: PlanLimits, headDim: Int = 64) throws {
      var config = try #require(Self.config.object)
      config["head_dim"] = .int(headDim)
      _ = try Self.plan(.object(config), limits: limits)
    }
    var limits = Self.limits
    try compile(limits)
    #expect(throws: CatalogError.self) { try compile(limits, headDim: 320) }
    limits.blockSize = 16
    #expect(throws: CatalogError.self) { try compile(limits) }
  }

  private static let llama8B =
    URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/../../../shared/configs/Llama-3.1-8B.json"

  @Test(.enabled(if: FileManager.default.fileExists(atPath: llama8B))) func llama8BForAnH200() throws {
    let text = try String(contentsOfFile: Self.llama8B, encoding: .utf8)
    let limits = PlanLimits(tokens: 8192, sequences: 256, scoredRows: 256, sequenceLength: 131_072, blockSize: 64)
    let plan = try Self.plan(JSON.parse(text), limits: limits)
    // 8,030,261,248 parameters, of which 65 norms of 4,096 are widened.
    let bytes = 2 * 8_030_261_248 + 2 * 65 * 4096
    #expect(plan.weightBytes == bytes)
    let decode = StepCounts(tokens: 1, sequences: 1, scoredRows: 1, decodes: 1)
    let running = plan.variants[0].launches.filter { $0.gpu?.runs(in: decode) ?? true }
    #expect(running.count == 32 * 5 + 3)
    for launch in plan.variants.flatMap(\.launches) { #expect(launch.gpu != nil || launch.library != nil) }
  }
}
