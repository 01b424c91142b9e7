import NeedletailGraph
import Testing

/// A graph's text is the graph: every operation, with usual and unusual attributes.
@Suite struct GraphTextTests {
  static let spec = RopeSpec(dimensions: 4, theta: 500_000, attentionFactor: 1.25)
  static var everything: Product {
    var product = Product()
    product.norm = Norm(.layer, eps: 1e-6, weightOffset: 1)
    (product.hasNormWeight, product.hasNormBias, product.hasBias) = (true, true, true)
    (product.hasResidual, product.choosesRows) = (true, true)
    product.gate = .geluTanh
    return product
  }
  static let operations: [Op] =
    [
      .input("x"), .embed(scale: 1), .embed(scale: 0.1), .linear, .scale(0.3, offset: 0), .scale(-2, offset: 1e-7),
      .softcap(30), .clamp(min: -8, max: 6.5), .norm(Norm(.rms, eps: 1e-6)),
      .norm(Norm(.layer, eps: 1e-5, weightOffset: 1)),
      .reshape([.tokens * 4, 16]), .slice(start: 2, count: 3),
      .ropeTable(spec), .ropeTable(RopeSpec(dimensions: 2, theta: 10_000.5, scaling: .linear(factor: 2.5))),
      .ropeTable(
        RopeSpec(
          dimensions: 2, theta: 1e4,
          scaling: .llama3(factor: 8, lowFrequency: 1, highFrequency: 4, originalLength: 8192))),
      .ropeTable(
        RopeSpec(
          dimensions: 2, theta: 1e4,
          scaling: .yarn(factor: 4, betaFast: 32, betaSlow: 1, originalLength: 64, truncates: true))),
      .ropeTable(
        RopeSpec(
          dimensions: 2, theta: 1e4,
          scaling: .yarn(factor: 4, betaFast: 32, betaSlow: 1, originalLength: 64, truncates: false))),
      .ropeTable(RopeSpec(dimensions: 4, theta: 1e4, scaling: .perDimension(factors: [1.1, 2.7]))),
      .rope(interleaved: false), .rope(interleaved: true), .attention(Attention(layer: 0, scale: 0.25)),
      .attention(Attention(layer: 7, scale: 0.1, valuesFromKeys: 512)), .concatenate,
      .headLinear(isTransposed: false), .headLinear(isTransposed: true),
      .attention(Attention(layer: 1, scale: 0.5, chunk: 8192)),
      .positionScale(PositionScale(factor: 0.1, period: 8192)), .route(Routing(2, .softmaxOfChosen)),
      .route(Routing(2, .sparseMixer, jitter: 0.01)),
      .route(
        Routing(
          8, .sigmoid, renormalizes: true, scale: 2.5, groups: .init(count: 8, chosen: 4, score: .topTwo))),
      .route(Routing(6, .softmax, scale: 16, groups: .init(count: 8, chosen: 3, score: .maximum))),
      .experts(Experts(count: 8, activation: .silu)),
      .experts(Experts(count: 2, activation: .gelu, weightsInput: true)),
      .experts(Experts(count: 32, activation: .quickGelu, limit: 7, upOffset: 1)),
      .attention(Attention(layer: 7, scale: 0.1, window: 16, softcap: 50, alibiSlopes: [0.5, 0.25])), .scoredRows,
      .cast(.bfloat16), .addNorm(Norm(.rms, eps: 1e-6)), .addNorm(Norm(.layer, eps: 1e-6, weightOffset: 1)),
      .gatedActivation(.silu), .gatedActivation(.geluTanh),
      .ropeCacheWrite(
        RopeCacheWrite(layer: 1, heads: 4, kvHeads: 2, headDim: 8, valueDim: 8, interleaved: false)),
      .ropeCacheWrite(RopeCacheWrite(layer: 1, heads: 4, kvHeads: 2, headDim: 8, valueDim: 6, interleaved: true)),
      .pagedAttention(Attention(layer: 3, scale: 0.5, window: 8), kvHeads: 2, valueDim: 6),
      .product(Product()), .product(everything),
      .cachedAttention(
        RopeCacheWrite(layer: 3, heads: 4, kvHeads: 2, headDim: 8, valueDim: 6, interleaved: true),
        Attention(layer: 3, scale: 0.5, window: 8, softcap: 20)),
      .weight(Weight(parts: [.init("a.weight", shape: [8, 16])])),
      .weight(
        Weight(
          parts: [
            .init("a.weight", shape: [16, 8], transposed: true, rows: 0..<4),
            .init("b.weight", shape: [8, 32], rows: 2..<8, columns: 16..<32),
          ], split: .rows)),
      .weight(
        Weight(
          parts: [
            .init("a.weight", shape: [12, 8], rows: 1..<3, period: 6),
            .init("b.weight", shape: [3, 16, 8], transposed: true, rows: 2..<4, columns: 8..<16, index: 2),
            .init("c.weight", shape: [3, 8, 8], transposed: true, rows: 0..<1, period: 2, index: 0),
          ], split: .columns)),
      .weight(Weight(parts: [.init("a.bias", shape: [4, 8], index: 3)])),
      .weight(Weight(parts: [.init("a.weight", shape: [4, 8], rows: 1..<3, hasUnitRows: true)])),
      .route(Routing(8, .sigmoid, renormalizes: true, scale: 2.5, groups: .init(count: 8, chosen: 4, score: .topTwo))),
      .route(Routing(2, .softmax, jitter: 0.01)),
      .experts(Experts(count: 128, activation: .silu)),
      .experts(Experts(count: 32, activation: .quickGelu, limit: 7, upOffset: 1, weightsInput: true)),
    ] + BinaryOperation.allCases.map { .binary($0) } + Activation.allCases.map { .activation($0) }

  @Test(arguments: operations)
  func attributesRoundTrip(_ op: Op) throws {
    #expect(try Op(mnemonic: op.mnemonic, attributes: op.attributes) == op)
  }

  /// Every case of the enum stands in the list above: a new one must be added here and there.
  @Test func allOperationsAreListed() {
    let mnemonics = Set(Self.operations.map(\.mnemonic))
    #expect(mnemonics.count == 41, "\(mnemonics.sorted())")
    for op in Self.operations {
      switch op {
      case .input, .weight, .embed, .linear, .binary, .activation, .scale, .softcap, .clamp, .norm, .reshape, .slice,
        .ropeTable,
        .rope, .concatenate, .headLinear, .attention, .scoredRows, .cast, .addNorm, .gatedActivation,
        .ropeCacheWrite, .pagedAttention, .product, .cachedAttention, .route, .experts, .positionScale:
        break
      }
    }
  }

  static let text = """
    %0 = input() {name=tokenIDs} : int32[tokens]
    %1 = weight() {parts="embed.weight[320, 64]"} : real[320, 64]
    %2 = embed(%1, %0) {scale=8.0} : real[tokens, 64]  # embed
    %3 = input() {name=positions} : int32[tokens]
    %4 = rope_table(%3) {dim=16, theta=10000.0} : real[tokens, 16]
    %5 = weight() {parts="q.weight[64, 64] + k.weight[32, 64] + v.weight[32, 64]", split=columns} : real[128, 64]
    %6 = rms_norm(%2) {eps=1e-06} : real[tokens, 64]  # layers.0
    %7 = linear(%6, %5) : real[tokens, 128]  # layers.0
    %8, %9 = rope_cache_write(%7, %4) {layer=0, heads=4, kv_heads=2, head_dim=16} : real[tokens, 4, 16], state  # layers.0
    %10 = paged_attention(%8, %9) {layer=0, scale=0.25, kv_heads=2, value_dim=16} : real[tokens, 4, 16]  # layers.0
    %11 = reshape(%10) {shape="[tokens, 64]"} : real[tokens, 64]  # layers.0
    %12, %13 = add_rms_norm(%2, %11) {eps=1e-06} : real[tokens, 64], real[tokens, 64]  # layers.0
    %14 = scored_rows(%13) : real[scoredRows, 64]
    %15 = linear(%14, %1) : real[scoredRows, 320]
    %16 = cast(%15) {dtype=float32} : float32[scoredRows, 320]
    output logits = %16
    output residual = %12

    """

  @Test func textOfAGraphRoundTrips() throws {
    let graph = try Graph(text: Self.text)
    #expect(graph.text == Self.text)
    #expect(graph.nodes.count == 15)
    #expect(graph.outputs.map(\.name) == ["logits", "residual"])
    #expect(graph.nodes[6].scope == "layers.0")
  }

  @Test func namesOfValuesNeedNoOrder() throws {
    let graph = try Graph(
      text: "\n  %x = input() {name=x} : real[tokens, 2]\n\n%y = silu(%x) : real[tokens, 2]\noutput y = %y")
    #expect(graph.text == "%0 = input() {name=x} : real[tokens, 2]\n%1 = silu(%0) : real[tokens, 2]\noutput y = %1\n")
  }

  @Test(arguments: [
    ("%0 = wavy() : real[2, 2]", "operation wavy is unknown"),
    ("%0 = silu(%1) : real[2, 2]", "%1 is not defined"),
    ("%0 = input() {name=x} : wavy[2]", "wavy[2] is no type"),
    ("%0 = input() {name=x} : real[-1]", "real[-1] is no type"),
    ("%0 = input() {name=x} : real[batch]", "real[batch] is no type"),
    ("%0, %1 = input() {name=x} : real[2]", "2 results, 1 types"),
    ("%0 = input() {name=x} : real[2]\n%0 = input() {name=y} : real[2]", "%0 is defined already"),
    ("%0 = input() : real[2]", "name is missing"),
    ("%0 = input() {name=x} : real[2, 2]\n%1 = softcap(%0) {cap=high} : real[2, 2]", "cap is no number"),
    ("%0 = input( {name=x} : real[2]", "not of the form"),
    ("%0 input", "no ' = '"),
    ("output y = %3", "%3 is not defined"),
    ("%0 = input() {name=\"x} : real[2]", "does not end"),
  ])
  func mistakesAreNamed(_ text: String, _ message: String) {
    do {
      _ = try Graph(text: text)
      Issue.record("read \(text)")
    } catch { #expect(error.description.contains(message), "\(error)") }
  }
}
