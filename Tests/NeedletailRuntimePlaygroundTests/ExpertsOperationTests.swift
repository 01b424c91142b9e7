import NeedletailCPU
import NeedletailGraph
import NeedletailKernels
import NeedletailRuntime
import NeedletailTesting
import Testing

/// Routing and mixtures of experts on the CPU, against their meaning.
@Suite struct ExpertsOperationTests {
  static let routings: [Routing] = [
    Routing(2, .softmax), Routing(3, .softmax, renormalizes: true), Routing(1, .sigmoid), Routing(4, .softmaxOfChosen),
    Routing(12, .sigmoid, renormalizes: true, scale: 0.5), Routing(2, .sparseMixer, jitter: 0.2),
    Routing(3, .sigmoid, renormalizes: true, scale: 2.5, groups: .init(count: 4, chosen: 2, score: .topTwo)),
    Routing(4, .softmax, scale: 3, groups: .init(count: 6, chosen: 3, score: .maximum)),
  ]

  @Test(arguments: routings, [false, true]) func route(_ routing: Routing, _ hasBias: Bool) throws {
    let builder = GraphBuilder()
    let logits = builder.input("logits", .float32, [.tokens, 12])
    let bias = hasBias ? builder.weight(Weight(parts: [.init("bias", shape: [12])])) : nil
    let (experts, weights) = logits.routed(routing, bias: bias)
    builder.output("experts", experts)
    builder.output("weights", weights)
    var numbers = SeededNumbers(seed: 5)
    let inputs = ["logits": ReferenceTensor([33, 12], &numbers, deviation: 2)]
    try expectRunMatches(builder.graph, inputs, weights: ["bias": ReferenceTensor([12], &numbers, deviation: 0.5)])
  }

  // Among equals the lower number is first, and numbers that are none choose something that is there.
  @Test func chooses() throws {
    let builder = GraphBuilder()
    let (experts, _) = builder.input("logits", .float32, [.tokens, 5]).routed(Routing(3, .softmaxOfChosen))
    builder.output("experts", experts)
    let logits: [Float] = [1, 2, 2, 0, 2, .nan, .nan, .nan, .nan, .nan, -.infinity, 3, -.infinity, -.infinity, 1]
    let found = try builder.graph.run(on: .cpu, ["logits": Values([3, 5], logits)])["experts"]
    let chosen = try #require(found).elements
    #expect(Array(chosen[0..<3]) == [1, 2, 4])
    #expect(Set(chosen[3..<6]).count == 3 && chosen[3..<6].allSatisfy { 0..<5 ~= $0 })
    #expect(chosen[6] == 1 && chosen[7] == 4)
  }

  /// x [tokens, width] through experts whose weights are merged of parts; a router chooses them.
  private func mixture(_ experts: Experts, _ routing: Routing, width: Int, inner: Int, hasBiases: Bool) -> Graph {
    let builder = GraphBuilder()
    let x = builder.input("x", .real, [.tokens, .fixed(width)])
    let router = builder.weight(Weight(parts: [.init("router", shape: [experts.count, width])]))
    let (chosen, weights) = x.linear(router).routed(routing)
    func stacked(_ name: String, _ rows: Int, _ columns: Int?) -> Tensor {
      let shape = [experts.count, rows] + (columns.map { [$0] } ?? [])
      return builder.weight(
        Weight(parts: (0..<experts.count).map { .init(name, shape: shape, index: $0) }, split: .experts))
    }
    let operands = ExpertsOperands(
      x: x, chosen: chosen, weights: weights, gateUp: stacked("gateUp", 2 * inner, width),
      down: stacked("down", width, inner),
      biases: hasBiases ? (stacked("gateUpBias", 2 * inner, nil), stacked("downBias", width, nil)) : nil)
    builder.output("y", operands.mixed(by: experts))
    return builder.graph
  }

  private func weights(_ count: Int, width: Int, inner: Int) -> [String: ReferenceTensor] {
    var numbers = SeededNumbers(seed: 7)
    return [
      "router": ReferenceTensor([count, width], &numbers, deviation: 0.2),
      "gateUp": ReferenceTensor([count, 2 * inner, width], &numbers, deviation: 0.2),
      "down": ReferenceTensor([count, width, inner], &numbers, deviation: 0.2),
      "gateUpBias": ReferenceTensor([count, 2 * inner], &numbers, deviation: 0.3),
      "downBias": ReferenceTensor([count, width], &numbers, deviation: 0.3),
    ]
  }

  static let forms: [Experts] = [
    Experts(count: 5, activation: .silu), Experts(count: 5, activation: .gelu, weightsInput: true),
    Experts(count: 5, activation: .quickGelu, limit: 0.7, upOffset: 1),
  ]

  // Inner widths that are and are no multiple of a panel, k even and odd, from one row to several tiles an expert.
  @Test(arguments: forms, [(64, 32), (33, 41), (96, 80), (20, 130)])
  func experts(_ form: Experts, _ size: (width: Int, inner: Int)) throws {
    let weights = weights(form.count, width: size.width, inner: size.inner)
    for hasBiases in [false, true] {
      let graph = mixture(
        form, Routing(2, .softmax, renormalizes: true), width: size.width, inner: size.inner, hasBiases: hasBiases)
      for tokens in [1, 3, 70, 900] {
        var numbers = SeededNumbers(seed: UInt64(tokens))
        let x = ReferenceTensor([tokens, size.width], &numbers)
        try expectRunMatches(graph, ["x": x], weights: weights)
      }
    }
  }

  // A row's bits do not depend on the other rows, in any type.
  @Test(arguments: forms, storageTypes) func sameBits(_ form: Experts, _ dtype: DType) throws {
    let (width, inner, tokens) = (40, 24, 37)
    let weights = weights(form.count, width: width, inner: inner).mapValues { Values($0.shape, $0.floats) }
    let graph = mixture(form, Routing(3, .sigmoid), width: width, inner: inner, hasBiases: true)
    var numbers = SeededNumbers(seed: 3)
    let x = ReferenceTensor([tokens, width], &numbers).floats
    func run(_ rows: Range<Int>) throws -> [UInt32] {
      let values = Values([rows.count, width], Array(x[rows.lowerBound * width..<rows.upperBound * width]))
      let result = try graph.run(on: .cpu, ["x": values], weights: weights, dtype: dtype)["y"]
      return try #require(result).elements.map(\.bitPattern)
    }
    let together = try run(0..<tokens)
    for row in 0..<tokens { #expect(try run(row..<row + 1) == Array(together[row * width..<(row + 1) * width])) }
  }

  @Test func positionScale() throws {
    let builder = GraphBuilder()
    let x = builder.input("x", .real, [.tokens, 2, 5])
    let positions = builder.input(StepInput.positions.rawValue, .int32, [.tokens])
    builder.output("y", x.scaled(by: PositionScale(factor: 0.5, period: 4), positions: positions))
    var numbers = SeededNumbers(seed: 3)
    try expectRunMatches(builder.graph, ["x": ReferenceTensor([21, 2, 5], &numbers)])
  }
}
