import NeedletailGraph
import NeedletailTesting
import Testing

/// `Graph.run` of each operation that models are written in.
@Suite struct OperationTests {
  private func tensors(_ shapes: [String: [Int]], seed: UInt64 = 1) -> [String: ReferenceTensor] {
    var numbers = SeededNumbers(seed: seed)
    var result: [String: ReferenceTensor] = [:]
    for (name, shape) in shapes.sorted(by: { $0.key < $1.key }) { result[name] = ReferenceTensor(shape, &numbers) }
    return result
  }

  // A graph of x [tokens, width] and what is made of it.
  private func graph(width: Int, _ body: (GraphBuilder, Tensor) -> Tensor) -> Graph {
    let builder = GraphBuilder()
    let x = builder.input("x", .real, [.tokens, .fixed(width)])
    builder.output("y", body(builder, x))
    return builder.graph
  }

  @Test(arguments: [1, 2, 33], storageTypes) func linear(_ tokens: Int, _ dtype: DType) throws {
    for hasBias in [false, true] {
      let graph = graph(width: 65) { builder, x in
        let weight = builder.weight(Weight(parts: [.init("w", shape: [70, 65])]))
        return x.linear(weight, bias: hasBias ? builder.weight(Weight(parts: [.init("b", shape: [70])])) : nil)
      }
      let weights = tensors(["w": [70, 65], "b": [70]])
      try expectRunMatches(graph, tensors(["x": [tokens, 65]], seed: 2), weights: weights, dtype: dtype)
    }
  }

  @Test func linearOfAPartOfATransposedTensor() throws {
    let graph = graph(width: 20) { builder, x in
      x.linear(
        builder.weight(
          Weight(parts: [
            .init("a", shape: [30, 45], transposed: true, rows: 2..<41, columns: 5..<25), .init("b", shape: [3, 20]),
          ])))
    }
    let weights = tensors(["a": [30, 45], "b": [3, 20]])
    try expectRunMatches(graph, tensors(["x": [5, 20]], seed: 2), weights: weights)
  }

  @Test(arguments: BinaryOperation.allCases, storageTypes)
  func binary(_ operation: BinaryOperation, _ dtype: DType) throws {
    let builder = GraphBuilder()
    let a = builder.input("a", .real, [.tokens, 3, 11])
    let b = builder.input("b", .real, [.tokens, 3, 11])
    let repeated = builder.weight(Weight(parts: [.init("row", shape: [11])]))
    builder.output("whole", builder.record(.binary(operation), [a, b]))
    builder.output("repeated", builder.record(.binary(operation), [a, repeated]))
    // Away from zero, for quotients.
    let inputs = tensors(["a": [4, 3, 11], "b": [4, 3, 11]]).mapValues { tensor in
      ReferenceTensor(tensor.shape, tensor.elements.map { $0 < 0 ? $0 - 0.5 : $0 + 0.5 })
    }
    let row = ReferenceTensor([11], [Float](repeating: 1.5, count: 11))
    try expectRunMatches(builder.graph, inputs, weights: ["row": row], dtype: dtype)
  }

  @Test(arguments: Activation.allCases) func activation(_ activation: Activation) throws {
    let graph = graph(width: 100) { builder, x in builder.record(.activation(activation), [x]) }
    try expectRunMatches(graph, tensors(["x": [7, 100]]))
  }

  @Test func scaleSoftcapSliceReshape() throws {
    let builder = GraphBuilder()
    let x = builder.input("x", .real, [.tokens, 24])
    builder.output("scaled", builder.record(.scale(0.3, offset: 2), [x]))
    builder.output("capped", x.softcapped(2))
    builder.output("clamped", x.clamped(to: -0.5...0.25))
    builder.output("cut", x.columns(5..<12))
    builder.output("shaped", (x * 2).reshaped(.tokens * 3, 8))
    builder.output("cut heads", x.reshaped(.tokens, 4, 6).columns(2..<4))
    try expectRunMatches(builder.graph, tensors(["x": [3, 24]]))
  }

  @Test(arguments: [Norm.Kind.rms, .layer], storageTypes) func norms(_ kind: Norm.Kind, _ dtype: DType) throws {
    for offset in [Float(0), 1] {
      let builder = GraphBuilder()
      let x = builder.input("x", .real, [.tokens, 4, 33])
      let weight = builder.weight(Weight(parts: [.init("w", shape: [33])]))
      let bias = builder.weight(Weight(parts: [.init("b", shape: [33])]))
      let norm = Norm(kind, eps: 1e-5, weightOffset: offset)
      builder.output("plain", x.normalized(norm))
      builder.output("weighted", x.normalized(norm, weight: weight))
      builder.output("biased", x.normalized(norm, weight: weight, bias: bias))
      try expectRunMatches(
        builder.graph, tensors(["x": [3, 4, 33]]), weights: tensors(["w": [33], "b": [33]], seed: 9), dtype: dtype)
    }
  }

  @Test(arguments: storageTypes, [false, true]) func embedding(_ dtype: DType, isTied: Bool) throws {
    let builder = GraphBuilder()
    let ids = builder.input(StepInput.tokenIDs.rawValue, .int32, [.tokens])
    let table = builder.weight(Weight(parts: [.init("table", shape: [70, 40])]))
    let rows = ids.embedded(in: table, scale: 3)
    builder.output("rows", rows)
    if isTied { builder.output("logits", rows.linear(table)) }
    let inputs = ["tokenIDs": ReferenceTensor([5], [Float(0), 69, 7, 7, 33])]
    try expectRunMatches(builder.graph, inputs, weights: tensors(["table": [70, 40]]), dtype: dtype)
  }

  @Test(arguments: [DType.float16, .bfloat16]) func casts(_ dtype: DType) throws {
    let graph = graph(width: 10) { _, x in x.cast(to: dtype).cast(to: .float32) * 2 }
    try expectRunMatches(graph, tensors(["x": [3, 10]]), dtype: dtype)
  }

  @Test func scoredRowsOfHeads() throws {
    let graph = graph(width: 24) { builder, x in
      builder.record(.scoredRows, [x.activation(.silu).reshaped(.tokens, 4, 6)])
    }
    try expectRunMatches(graph, tensors(["x": [3, 24]]))
  }

  @Test func ropeTables() throws {
    let specs = [
      RopeSpec(dimensions: 12, theta: 10_000),
      RopeSpec(dimensions: 12, theta: 10_000, scaling: .linear(factor: 4)),
      RopeSpec(
        dimensions: 64, theta: 500_000,
        scaling: .llama3(factor: 32, lowFrequency: 1, highFrequency: 4, originalLength: 8192)),
      RopeSpec(
        dimensions: 64, theta: 10_000,
        scaling: .yarn(factor: 40, betaFast: 32, betaSlow: 1, originalLength: 4096, truncates: true),
        attentionFactor: 1.2),
      RopeSpec(dimensions: 6, theta: 10_000, scaling: .perDimension(factors: [1, 2, 8])),
    ]
    let builder = GraphBuilder()
    let positions = builder.input("places", .int32, [.tokens])
    for (index, spec) in specs.enumerated() { builder.output("table \(index)", positions.ropeTable(spec)) }
    try expectRunMatches(builder.graph, ["places": ReferenceTensor([5], [Float(0), 1, 17, 4095, 100_000])])
  }

  @Test(arguments: [false, true]) func rotation(_ isInterleaved: Bool) throws {
    let builder = GraphBuilder()
    let x = builder.input("x", .real, [.tokens, 3, 20])
    let positions = builder.input(StepInput.positions.rawValue, .int32, [.tokens])
    for dimensions in [20, 12] {
      let table = positions.ropeTable(RopeSpec(dimensions: dimensions, theta: 10_000))
      builder.output("by \(dimensions)", x.rotated(by: table, interleaved: isInterleaved))
    }
    try expectRunMatches(builder.graph, tensors(["x": [40, 3, 20]]))
  }

  @Test func aValueUnderTwoNamesAndAnInputAsOutput() throws {
    let builder = GraphBuilder()
    let x = builder.input("x", .real, [.tokens, 6])
    let y = x * 2
    builder.output("first", y)
    builder.output("second", y)
    builder.output("view", y.reshaped(.tokens * 2, 3))
    builder.output("itself", x)
    try expectRunMatches(builder.graph, tensors(["x": [3, 6]]))
  }
}
