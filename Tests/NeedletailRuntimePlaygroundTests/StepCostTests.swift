import Foundation
import NeedletailCompiler
import NeedletailGraph
import NeedletailJSON
import NeedletailKernels
import NeedletailModels
import Testing

/// What plans say a decode step reads and computes, against sums over the checkpoint's tensors made by hand.
@Suite struct StepCostTests {
  /// A Llama's published sizes.
  struct Sizes: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let hidden, intermediate, layers, heads, kvHeads, headDim, vocabulary: Int
    let isTied: Bool

    var config: JSON {
      [
        "model_type": "llama", "hidden_size": .int(hidden), "intermediate_size": .int(intermediate),
        "num_hidden_layers": .int(layers), "num_attention_heads": .int(heads), "num_key_value_heads": .int(kvHeads),
        "head_dim": .int(headDim), "vocab_size": .int(vocabulary), "tie_word_embeddings": .bool(isTied),
        "hidden_act": "silu", "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "max_position_embeddings": 2048,
      ]
    }
    /// Elements of the matrices every token is multiplied with: of each layer, and of the head.
    var layerMatrices: Int {
      hidden * headDim * (2 * heads + 2 * kvHeads) + 3 * hidden * intermediate
    }
    var matrices: Int { layers * layerMatrices + vocabulary * hidden }
    var vectors: Int { (2 * layers + 1) * hidden }
  }

  static let models = [
    Sizes(
      testDescription: "needle-5m", hidden: 256, intermediate: 704, layers: 4, heads: 4, kvHeads: 2, headDim: 64,
      vocabulary: 8192, isTied: true),
    Sizes(
      testDescription: "Llama-3.2-1B", hidden: 2048, intermediate: 8192, layers: 16, heads: 32, kvHeads: 8, headDim: 64,
      vocabulary: 128_256, isTied: true),
    Sizes(
      testDescription: "untied", hidden: 96, intermediate: 200, layers: 3, heads: 6, kvHeads: 3, headDim: 20,
      vocabulary: 1000, isTied: false),
  ]

  private func plan(_ sizes: Sizes) throws -> Plan {
    let graph = try ModelTable.standard.model(for: ConfigJSON(sizes.config)).trace()
    let limits = PlanLimits(tokens: 64, sequences: 8, scoredRows: 8, sequenceLength: 2048, blockSize: 16)
    let options = CompilerOptions(
      precision: PrecisionPolicy(.bfloat16), limits: limits, storedType: { _ in .bfloat16 })
    return try Compiler(catalog: CPUCatalog(.plain)).compile(graph, options)
  }

  private func cost(_ plan: Plan, _ profile: StepProfile, kernels: Set<String>? = nil) -> Cost.Evaluated {
    plan.variants[0].launches.reduce(Cost().evaluated(for: profile)) { sum, launch in
      kernels?.contains(launch.kernel) ?? true ? sum + launch.cost.evaluated(for: profile) : sum
    }
  }

  @Test(arguments: models, [1, 8]) func aDecodeStepReadsTheCheckpointOnce(_ sizes: Sizes, _ batch: Int) throws {
    let plan = try plan(sizes)
    let step = cost(plan, .decode(batch: batch, context: 100))
    // Matrices as stored, in two bytes; norms in the four bytes they are widened to; a row of the embedding a token.
    let embedded = batch * sizes.hidden * 2
    #expect(step.weightBytes == sizes.matrices * 2 + sizes.vectors * 4 + embedded)
    #expect(step.cacheBytes == batch * 100 * sizes.layers * sizes.kvHeads * sizes.headDim * 2 * 2)
    // What is prepared is what is read, but for the part of an untied embedding that no token asks for.
    let prepared = plan.weights.reduce(0) { $0 + $1.elementBytes }
    let embedding = sizes.isTied ? 0 : sizes.vocabulary * sizes.hidden * 2
    #expect(prepared == sizes.matrices * 2 + sizes.vectors * 4 + embedding)
  }

  @Test(arguments: models, [1, 8]) func operationsAreTwoAParameterAndRow(_ sizes: Sizes, _ batch: Int) throws {
    let plan = try plan(sizes)
    let profile = StepProfile.decode(batch: batch, context: 100)
    let products = 2 * sizes.matrices * batch
    let attention = 4 * sizes.layers * sizes.heads * sizes.headDim * 100 * batch
    #expect(cost(plan, profile, kernels: ["matmul"]).operations == products)
    #expect(cost(plan, profile, kernels: ["attention"]).operations == attention)
    // Norms, rotations and activations are little beside.
    let all = cost(plan, profile).operations
    #expect(all >= products + attention)
    #expect(Double(all) < 1.02 * Double(products + attention))
  }

  @Test(arguments: models) func aPromptsLastLayerEndsWithTheScoredRow(_ sizes: Sizes) throws {
    let plan = try plan(sizes)
    let profile = StepProfile([.init(queries: 50, context: 50, scoredRows: 1)])
    // Behind the last layer's attention only the scored row goes on.
    let behind = sizes.hidden * sizes.heads * sizes.headDim + 3 * sizes.hidden * sizes.intermediate
    let before = sizes.layers * sizes.layerMatrices - behind
    let expected = 2 * before * 50 + 2 * (behind + sizes.vocabulary * sizes.hidden)
    #expect(cost(plan, profile, kernels: ["matmul"]).operations == expected)
    let pairs = 50 * 51 / 2
    #expect(
      cost(plan, profile, kernels: ["attention"]).operations == 4 * sizes.layers * sizes.heads * sizes.headDim * pairs)
  }

  @Test(arguments: models) func aCompiledPlanIsDeterministicData(_ sizes: Sizes) throws {
    let plan = try plan(sizes)
    #expect(try self.plan(sizes) == plan)
    let decoded = try JSONDecoder().decode(Plan.self, from: JSONEncoder().encode(plan))
    #expect(decoded == plan)
  }
}
