import NeedletailGraph
import Testing

@Suite struct GraphTests {
  private func graph() throws -> Graph {
    try Graph(
      text: """
        %0 = input() {name=x} : real[tokens, 2]
        %1 = silu(%0) : real[tokens, 2]
        %2 = relu(%0) : real[tokens, 2]
        %3 = add(%1, %1) : real[tokens, 2]
        output y = %3
        output z = %1
        """)
  }

  @Test func definitionsAndUses() throws {
    let graph = try graph()
    #expect(graph.definitions()[Graph.Value(3)] == 3)
    #expect(graph.uses()[Graph.Value(1)] == [3, 3, 4])
    #expect(graph.uses()[Graph.Value(2)] == nil)
  }

  @Test func replacingUses() throws {
    var graph = try graph()
    graph.replaceUses(of: Graph.Value(1), with: Graph.Value(2))
    #expect(graph.nodes[3].inputs == [Graph.Value(2), Graph.Value(2)])
    #expect(graph.outputs[1].value == Graph.Value(2))
    #expect(graph.nodes[1].results == [Graph.Value(1)])
  }

  @Test func unusedNodesGoAndNumbersCloseUp() throws {
    var graph = try graph()
    graph.removeUnused()
    graph.renumber()
    try graph.verify()
    #expect(
      graph.text == """
        %0 = input() {name=x} : real[tokens, 2]
        %1 = silu(%0) : real[tokens, 2]
        %2 = add(%1, %1) : real[tokens, 2]
        output y = %2
        output z = %1

        """)
    #expect(graph.types.count == 3)
  }

  @Test func builderRecordsScopesAndSharesWeights() throws {
    let builder = GraphBuilder()
    let x = builder.input("x", .real, [.tokens, 4])
    #expect(builder.input("x", .real, [.tokens, 4]).value == x.value)
    let weight = Weight(parts: [.init("w", shape: [4, 4])])
    let y = builder.scope("a") { builder.scope("b") { x.linear(builder.weight(weight)) } }
    let z = y.linear(builder.weight(weight)).activation(.identity) * 1
    builder.output("z", z.softcapped(nil))
    #expect(
      builder.graph.text == """
        %0 = input() {name=x} : real[tokens, 4]
        %1 = weight() {parts="w[4, 4]"} : real[4, 4]  # a.b
        %2 = linear(%0, %1) : real[tokens, 4]  # a.b
        %3 = linear(%2, %1) : real[tokens, 4]
        output z = %3

        """)
  }

  @Test func dimensionsPrintAndRead() {
    for dim in [0, 7, .tokens, .sequences, .scoredRows, .tokens * 32, .scoredRows * 0] as [Dim] {
      #expect(Dim(dim.description) == dim)
    }
    #expect((Dim.tokens * 32).description == "tokens*32")
    for text in ["", "one", "-1", "tokens*", "*3", "tokens*-1", "tokens*3*4", "token", "tokens * 3", "3*4"] {
      #expect(Dim(text) == nil, "\(text)")
    }
    let counts = StepCounts(tokens: 5, sequences: 2, scoredRows: 3)
    #expect(
      [7, .tokens * 4, .sequences, .scoredRows * 2].map { (dim: Dim) in dim.value(in: counts) } == [7, 20, 2, 6])
    #expect(Dim.fixed(3).fixed == 3 && Dim.tokens.fixed == nil)
  }

  @Test func typesCountElementsAndBytes() {
    let type = TensorType(.bfloat16, [.tokens, 4, 8])
    #expect(type.rows == .tokens * 4 && type.width == 8 && type.elements == .tokens * 32)
    #expect(type.bytes(in: StepCounts(tokens: 3, sequences: 1, scoredRows: 1)) == 3 * 32 * 2)
    #expect(TensorType(.int32, [5]).elements == 5)
    #expect(
      TensorType.state.isState && TensorType.state.bytes(in: StepCounts(tokens: 1, sequences: 1, scoredRows: 1)) == 0)
    for type in [type, .state, TensorType(.real, [.scoredRows]), TensorType(.float8e4m3, [2, .tokens * 3, 4])] {
      #expect(TensorType(type.description) == type)
    }
    for text in ["", "real", "wavy[2]", "real[2", "real[2]]", "real[a]"] { #expect(TensorType(text) == nil, "\(text)") }
    for dtype in DType.allCases { #expect(DType(name: dtype.name) == dtype) }
  }

  @Test func weightsOfSeveralParts() {
    let weight = Weight(parts: [
      .init("a", shape: [16, 8], transposed: true), .init("b", shape: [8, 16], rows: 0..<3),
    ])
    #expect(weight.shape == [11, 16])
    #expect(weight.description == "a[16, 8]^T + b[8, 16] rows 0..<3")
    #expect(Weight.Part("c", shape: [8, 16], columns: 4..<12).resultShape == [8, 8])
  }
}
