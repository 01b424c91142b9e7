import NeedletailGraph
import NeedletailKernels
import NeedletailRuntime
import Testing

/// What `Graph.run` refuses.
@Suite struct RunErrorTests {
  private func graph(_ text: String) throws -> Graph { try Graph(text: text) }

  @Test func missingAndMisshapenWeights() throws {
    let graph = try graph(
      """
      %0 = input() {name=x} : real[tokens, 4]
      %1 = weight() {parts="w[3, 4]"} : real[3, 4]
      %2 = linear(%0, %1) : real[tokens, 3]
      output y = %2
      """)
    let x = ["x": Values([1, 4], [1, 2, 3, 4])]
    #expect(throws: GraphError("no values for the weight w")) { try graph.run(x) }
    #expect(throws: GraphError("w is [4, 3], not [3, 4]")) {
      try graph.run(x, weights: ["w": Values([4, 3], Array(repeating: 1, count: 12))])
    }
  }

  @Test func productsOfTwoComputedValues() throws {
    let graph = try graph(
      """
      %0 = input() {name=x} : real[tokens, 4]
      %1 = input() {name=w} : real[3, 4]
      %2 = linear(%0, %1) : real[tokens, 3]
      output y = %2
      """)
    #expect(throws: CatalogError("the CPU multiplies with weights only, not with computed values")) {
      try graph.run(["x": Values([1, 4], [1, 2, 3, 4]), "w": Values([3, 4], Array(repeating: 1, count: 12))])
    }
  }
}
