import NeedletailCompiler
import NeedletailGraph
import NeedletailKernels
import Testing

/// What products take in: gates, residuals, chosen rows, norms.
struct FuseProductTests {
  private static let mlp = """
    %0 = input() {name=x} : float32[tokens, 8]
    %1 = weight() {parts="norm[8]"} : float32[8]
    %2 = rms_norm(%0, %1) {eps=1e-05} : bfloat16[tokens, 8]
    %3 = weight() {parts="gate[16, 8] + up[16, 8]"} : bfloat16[32, 8]
    %4 = linear(%2, %3) : bfloat16[tokens, 32]
    %5 = gated_activation(%4) {activation=silu} : bfloat16[tokens, 16]
    %6 = weight() {parts="down[8, 16]"} : bfloat16[8, 16]
    %7 = weight() {parts="bias[8]"} : float32[8]
    %8 = linear(%5, %6, %7) : float32[tokens, 8]
    %9 = add(%0, %8) : float32[tokens, 8]
    output y = %9
    """

  @Test func gatesAreComputedInTheProduct() throws {
    try expect(
      .fuseGatedLinear, context: .fused, of: Self.mlp,
      gives: """
        %0 = input() {name=x} : float32[tokens, 8]
        %1 = weight() {parts="norm[8]"} : float32[8]
        %2 = rms_norm(%0, %1) {eps=1e-05} : bfloat16[tokens, 8]
        %3 = weight() {parts="gate[16, 8] + up[16, 8]"} : bfloat16[32, 8]
        %4 = product(%2, %3) {gate=silu} : bfloat16[tokens, 16]
        %5 = weight() {parts="down[8, 16]"} : bfloat16[8, 16]
        %6 = weight() {parts="bias[8]"} : float32[8]
        %7 = linear(%4, %5, %6) : float32[tokens, 8]
        %8 = add(%0, %7) : float32[tokens, 8]
        output y = %8
        """)
  }

  @Test func residualsAreAddedInTheProduct() throws {
    try expect(
      .fuseResidualLinear, context: .fused, of: Self.mlp,
      gives: """
        %0 = input() {name=x} : float32[tokens, 8]
        %1 = weight() {parts="norm[8]"} : float32[8]
        %2 = rms_norm(%0, %1) {eps=1e-05} : bfloat16[tokens, 8]
        %3 = weight() {parts="gate[16, 8] + up[16, 8]"} : bfloat16[32, 8]
        %4 = linear(%2, %3) : bfloat16[tokens, 32]
        %5 = gated_activation(%4) {activation=silu} : bfloat16[tokens, 16]
        %6 = weight() {parts="down[8, 16]"} : bfloat16[8, 16]
        %7 = weight() {parts="bias[8]"} : float32[8]
        %8 = product(%5, %6, %7, %0) {bias=true, residual=true} : float32[tokens, 8]
        output y = %8
        """)
  }

  @Test func normsAreComputedInTheProduct() throws {
    let passes: [Pass] = [.fuseGatedLinear, .fuseResidualLinear, .fuseNormLinear]
    let graph = try Pipeline.run(Graph(text: Self.mlp), .fused, passes: passes)
    #expect(
      graph.text == """
        %0 = input() {name=x} : float32[tokens, 8]
        %1 = weight() {parts="norm[8]"} : float32[8]
        %2 = weight() {parts="gate[16, 8] + up[16, 8]"} : bfloat16[32, 8]
        %3 = product(%0, %2, %1) {norm=rms, eps=1e-05, norm_weight=true, gate=silu} : bfloat16[tokens, 16]
        %4 = weight() {parts="down[8, 16]"} : bfloat16[8, 16]
        %5 = weight() {parts="bias[8]"} : float32[8]
        %6 = product(%3, %4, %5, %0) {bias=true, residual=true} : float32[tokens, 8]
        output y = %6

        """, "\n\(graph.text)")
  }

  @Test func theHeadChoosesItsRows() throws {
    try expect(
      .fuseScoredRowsLinear, context: .fused,
      of: """
        %0 = input() {name=x} : float32[tokens, 8]
        %1 = weight() {parts="head[32, 8]"} : bfloat16[32, 8]
        %2 = layer_norm(%0) {eps=1e-05} : bfloat16[tokens, 8]
        %3 = scored_rows(%2) : bfloat16[scoredRows, 8]
        %4 = linear(%3, %1) : float32[scoredRows, 32]
        output logits = %4
        """,
      gives: """
        %0 = input() {name=scoredRows} : int32[scoredRows]
        %1 = input() {name=x} : float32[tokens, 8]
        %2 = weight() {parts="head[32, 8]"} : bfloat16[32, 8]
        %3 = layer_norm(%1) {eps=1e-05} : bfloat16[tokens, 8]
        %4 = product(%3, %2, %0) {chosen_rows=true} : float32[scoredRows, 32]
        output logits = %4
        """)
  }

  @Test func aProductWithChosenRowsNormalizesThem() throws {
    let graph = try Pipeline.run(
      Graph(
        text: """
          %0 = input() {name=x} : float32[tokens, 8]
          %1 = weight() {parts="head[32, 8]"} : bfloat16[32, 8]
          %2 = layer_norm(%0) {eps=1e-05} : bfloat16[tokens, 8]
          %3 = scored_rows(%2) : bfloat16[scoredRows, 8]
          %4 = linear(%3, %1) : float32[scoredRows, 32]
          output logits = %4
          """), .fused, passes: [.fuseScoredRowsLinear, .fuseNormLinear])
    let product = try #require(graph.nodes.last?.product)
    #expect(product.norm == Norm(.layer, eps: 1e-5) && product.choosesRows && !product.hasNormWeight)
    #expect(graph.nodes.count == 4)
  }

  /// Each change makes one of the passes leave `mlp` as it is.
  @Test(arguments: [
    (Pass.fuseGatedLinear, "output y", "output z = %4\noutput y"),
    (.fuseResidualLinear, "output y", "output z = %8\noutput y"),
    (.fuseResidualLinear, "add(%0, %8)", "multiply(%0, %8)"),
    (.fuseResidualLinear, "add(%0, %8)", "add(%8, %7)"),
    (.fuseResidualLinear, "add(%0, %8)", "add(%8, %8)"),
    (.fuseResidualLinear, "{name=x} : float32", "{name=x} : bfloat16"),
    (.fuseNormLinear, "output y", "output z = %2\noutput y"),
    (.fuseNormLinear, "{name=x} : float32", "{name=x} : bfloat16"),
    (.fuseNormLinear, "parts=\"norm[8]\"} : float32", "parts=\"norm[8]\"} : bfloat16"),
    (.fuseNormLinear, "{eps=1e-05} : bfloat16", "{eps=1e-05} : float32"),
  ])
  func staysApart(_ pass: Pass, _ old: String, _ new: String) throws {
    func isFused(_ text: String) throws -> Bool {
      try Pipeline.run(Graph(text: text), .fused, passes: [pass]).text.contains("product")
    }
    #expect(try isFused(Self.mlp))
    #expect(Self.mlp.contains(old))
    #expect(try !isFused(Self.mlp.replacing(old, with: new)))
  }

  @Test(arguments: [
    (Pass.fuseGatedLinear, Fusion.gatedLinear), (.fuseResidualLinear, .residualLinear), (.fuseNormLinear, .normLinear),
  ])
  func needsTheFusion(_ pass: Pass, _ fusion: Fusion) throws {
    try expectUnchanged(by: pass, context: .fused.without(fusion), Self.mlp)
  }

  @Test func everySumOfAParallelBlockIsTakenIn() throws {
    // x + attention(x) + mlp(x), as GPT-NeoX and Phi have it.
    let graph = try Pipeline.run(
      Graph(
        text: """
          %0 = input() {name=x} : float32[tokens, 8]
          %1 = input() {name=a} : bfloat16[tokens, 8]
          %2 = weight() {parts="o[8, 8]"} : bfloat16[8, 8]
          %3 = linear(%1, %2) : float32[tokens, 8]
          %4 = add(%0, %3) : float32[tokens, 8]
          %5 = weight() {parts="down[8, 8]"} : bfloat16[8, 8]
          %6 = linear(%1, %5) : float32[tokens, 8]
          %7 = add(%6, %4) : float32[tokens, 8]
          output y = %7
          """), .fused, passes: [.fuseResidualLinear])
    #expect(graph.nodes.map(\.op.mnemonic) == ["input", "input", "weight", "product", "weight", "product"])
    let last = try #require(graph.nodes.last)
    #expect(last.inputs.last == graph.nodes[3].results[0])
  }
}

extension Graph.Node {
  fileprivate var product: Product? { if case .product(let product) = op { product } else { nil } }
}
