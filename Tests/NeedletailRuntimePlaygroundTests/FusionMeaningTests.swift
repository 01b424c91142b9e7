import NeedletailCompiler
import NeedletailGraph
import NeedletailJSON
import NeedletailKernels
import NeedletailModels
import NeedletailTesting
import Testing

/// No pass changes what a model computes, whatever a device computes together: every graph between two passes evaluates
/// to the same numbers in double precision.
@Suite struct FusionMeaningTests {
  private static let config: JSON = [
    "model_type": "llama", "hidden_size": 24, "intermediate_size": 40, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 6, "vocab_size": 50, "tie_word_embeddings": true,
    "hidden_act": "silu", "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "max_position_embeddings": 64,
    "attention_bias": true, "mlp_bias": true,
  ]

  @Test(arguments: [
    Set(Fusion.allCases), .aroundProducts, Set(Fusion.allCases).subtracting([.normLinear]),
    Set(Fusion.allCases).subtracting([.scoredRowsLinear, .normLinear]),
    Set(Fusion.allCases).subtracting([.gatedLinear, .cachedAttention]),
    Set(Fusion.allCases).subtracting([.mergedLinear, .residualLinear]), [.normLinear], [.residualLinear],
  ])
  func everyGraphComputesTheSame(_ fusions: Set<Fusion>) throws {
    let model = try ModelTable.standard.model(for: ConfigJSON(Self.config))
    var numbers = SeededNumbers(seed: 11)
    var weights: [String: ReferenceTensor] = [:]
    for (name, shape) in try model.parameters() {
      weights[name] = ReferenceTensor(shape, &numbers, deviation: 0.3, mean: shape.count == 1 ? 1 : 0)
    }
    let inputs = ["tokenIDs": ReferenceTensor([7], [3.0, 49, 0, 7, 7, 21, 3] as [Double])]
    let context = PassContext(
      precision: PrecisionPolicy(.bfloat16, intermediates: .bfloat16), fusions: fusions, storedType: { _ in .bfloat16 })
    var expected: [Double] = []
    let graph = try Pipeline.run(model.trace(), context) { pass, graph in
      let logits = try #require(graph.reference(inputs, weights: weights)["logits"])
      if pass == "model" { expected = logits.elements }
      #expect(logits.shape == [7, 50])
      let worst = zip(logits.elements, expected).map { abs($0 - $1) }.max() ?? .infinity
      #expect(worst < 1e-9, "after \(pass): \(worst)")
    }
    #expect(graph.nodes.contains { if case .product = $0.op { true } else { false } } == (fusions != .aroundProducts))
  }
}
