import NeedletailCompiler
import NeedletailGraph
import NeedletailKernels
import Testing

struct MergeProjectionsTests {
  @Test func gateAndUpBecomeOneProduct() throws {
    try expect(
      .mergeProjections,
      of: """
        %0 = input() {name=x} : float32[tokens, 8]
        %1 = weight() {parts="gate[4, 8]", split=columns} : float32[4, 8]
        %2 = linear(%0, %1) : float32[tokens, 4]
        %3 = silu(%2) : float32[tokens, 4]
        %4 = weight() {parts="up[4, 8]", split=columns} : float32[4, 8]
        %5 = linear(%0, %4) : float32[tokens, 4]
        %6 = multiply(%3, %5) : float32[tokens, 4]
        output y = %6
        """,
      gives: """
        %0 = input() {name=x} : float32[tokens, 8]
        %1 = weight() {parts="gate[4, 8] + up[4, 8]", split=columns} : float32[8, 8]
        %2 = linear(%0, %1) : float32[tokens, 8]
        %3 = slice(%2) {start=0, count=4} : float32[tokens, 4]
        %4 = slice(%2) {start=4, count=4} : float32[tokens, 4]
        %5 = silu(%3) : float32[tokens, 4]
        %6 = multiply(%5, %4) : float32[tokens, 4]
        output y = %6
        """)
  }

  @Test func orderIsThatOfAttentionWhateverTheProgramOrder() throws {
    // Values first, keys last; keys are normalized; all have biases.
    try expect(
      .mergeProjections,
      of: """
        %0 = input() {name=x} : float32[tokens, 8]
        %1 = weight() {parts="v[4, 8]"} : bfloat16[4, 8]
        %2 = weight() {parts="v_bias[4]"} : float32[4]
        %3 = linear(%0, %1, %2) : float32[tokens, 4]
        %4 = weight() {parts="q[8, 8]"} : bfloat16[8, 8]
        %5 = weight() {parts="q_bias[8]"} : float32[8]
        %6 = linear(%0, %4, %5) : float32[tokens, 8]
        %7 = weight() {parts="k[4, 8]"} : bfloat16[4, 8]
        %8 = weight() {parts="k_bias[4]"} : float32[4]
        %9 = linear(%0, %7, %8) : float32[tokens, 4]
        %10 = reshape(%6) {shape="[tokens, 2, 4]"} : float32[tokens, 2, 4]
        %11 = reshape(%9) {shape="[tokens, 1, 4]"} : float32[tokens, 1, 4]
        %12 = rms_norm(%11) {eps=1e-05} : float32[tokens, 1, 4]
        %13 = reshape(%3) {shape="[tokens, 1, 4]"} : float32[tokens, 1, 4]
        %14 = attention(%10, %12, %13) {layer=0, scale=0.5} : float32[tokens, 2, 4]
        output y = %14
        """,
      gives: """
        %0 = input() {name=x} : float32[tokens, 8]
        %1 = weight() {parts="q[8, 8] + k[4, 8] + v[4, 8]"} : bfloat16[16, 8]
        %2 = weight() {parts="q_bias[8] + k_bias[4] + v_bias[4]"} : float32[16]
        %3 = linear(%0, %1, %2) : float32[tokens, 16]
        %4 = slice(%3) {start=0, count=8} : float32[tokens, 8]
        %5 = slice(%3) {start=8, count=4} : float32[tokens, 4]
        %6 = slice(%3) {start=12, count=4} : float32[tokens, 4]
        %7 = reshape(%4) {shape="[tokens, 2, 4]"} : float32[tokens, 2, 4]
        %8 = reshape(%5) {shape="[tokens, 1, 4]"} : float32[tokens, 1, 4]
        %9 = rms_norm(%8) {eps=1e-05} : float32[tokens, 1, 4]
        %10 = reshape(%6) {shape="[tokens, 1, 4]"} : float32[tokens, 1, 4]
        %11 = attention(%7, %9, %10) {layer=0, scale=0.5} : float32[tokens, 2, 4]
        output y = %11
        """)
  }

  @Test func gateComesFirstWhateverTheProgramOrder() throws {
    let parts = try mergedParts(
      """
      %0 = input() {name=x} : float32[tokens, 8]
      %1 = weight() {parts="up[4, 8]"} : float32[4, 8]
      %2 = linear(%0, %1) : float32[tokens, 4]
      %3 = weight() {parts="gate[4, 8]"} : float32[4, 8]
      %4 = linear(%0, %3) : float32[tokens, 4]
      %5 = silu(%4) : float32[tokens, 4]
      %6 = multiply(%2, %5) : float32[tokens, 4]
      output y = %6
      """)
    #expect(parts == ["gate[4, 8] + up[4, 8]"])
  }

  @Test func whatMeetsElsewhereIsMergedApart() throws {
    // Attention and MLP side by side, as in blocks whose two halves read one norm.
    let parts = try mergedParts(
      """
      %0 = input() {name=x} : float32[tokens, 4]
      %1 = weight() {parts="q[4, 4]"} : float32[4, 4]
      %2 = linear(%0, %1) : float32[tokens, 4]
      %3 = weight() {parts="k[4, 4]"} : float32[4, 4]
      %4 = linear(%0, %3) : float32[tokens, 4]
      %5 = weight() {parts="gate[8, 4]"} : float32[8, 4]
      %6 = linear(%0, %5) : float32[tokens, 8]
      %7 = weight() {parts="up[8, 4]"} : float32[8, 4]
      %8 = linear(%0, %7) : float32[tokens, 8]
      %9 = reshape(%2) {shape="[tokens, 1, 4]"} : float32[tokens, 1, 4]
      %10 = reshape(%4) {shape="[tokens, 1, 4]"} : float32[tokens, 1, 4]
      %11 = attention(%9, %10, %10) {layer=0, scale=0.5} : float32[tokens, 1, 4]
      %12 = silu(%6) : float32[tokens, 8]
      %13 = multiply(%12, %8) : float32[tokens, 8]
      output a = %11
      output b = %13
      """)
    #expect(parts == ["q[4, 4] + k[4, 4]", "gate[8, 4] + up[8, 4]"])
  }

  @Test func partsOfPartsFollowEachOther() throws {
    let parts = try mergedParts(
      """
      %0 = input() {name=x} : float32[tokens, 4]
      %1 = weight() {parts="a[8, 4] rows 0..<2 + b[4, 4]^T"} : float32[6, 4]
      %2 = linear(%0, %1) : float32[tokens, 6]
      %3 = weight() {parts="c[6, 8] columns 4..<8"} : float32[6, 4]
      %4 = linear(%0, %3) : float32[tokens, 6]
      %5 = multiply(%2, %4) : float32[tokens, 6]
      output y = %5
      """)
    #expect(parts == ["a[8, 4] rows 0..<2 + b[4, 4]^T + c[6, 8] columns 4..<8"])
  }

  @Test func scopesOfTheMergedProductAreWhatThePartsShare() throws {
    let graph = try Graph(
      text: """
        %0 = input() {name=x} : float32[tokens, 8]
        %1 = weight() {parts="gate[4, 8]"} : float32[4, 8]  # layers.0.mlp.gate_proj
        %2 = linear(%0, %1) : float32[tokens, 4]  # layers.0.mlp.gate_proj
        %3 = weight() {parts="up[4, 8]"} : float32[4, 8]  # layers.0.mlp.up_proj
        %4 = linear(%0, %3) : float32[tokens, 4]  # layers.0.mlp.up_proj
        %5 = multiply(%2, %4) : float32[tokens, 4]  # layers.0.mlp
        output y = %5
        """)
    let scopes = try Pipeline.run(graph, .float32, passes: [.mergeProjections]).nodes.map(\.scope)
    let mlp = "layers.0.mlp"
    #expect(scopes == ["", mlp, mlp, "\(mlp).gate_proj", "\(mlp).up_proj", mlp])
  }

  /// Each case differs in one thing from two projections that would be merged.
  @Test(arguments: [
    "another storage type": ["{parts=\"a[4, 8]\"} : float32": "{parts=\"a[4, 8]\"} : bfloat16"],
    "another split": ["{parts=\"a[4, 8]\"}": "{parts=\"a[4, 8]\", split=columns}"],
    "another input": ["linear(%0, %1)": "linear(%9, %1)"],
    "a weight used elsewhere": ["output y": "output w = %1\noutput y"],
    "one weight for both": ["linear(%0, %3)": "linear(%0, %1)"],
    "one bias": ["linear(%0, %1)": "linear(%0, %1, %8)"],
    "a bias for both": ["linear(%0, %1)": "linear(%0, %1, %8)", "linear(%0, %3)": "linear(%0, %3, %8)"],
    "another result type": ["%2 = linear(%0, %1) : float32": "%2 = linear(%0, %1) : bfloat16"],
    "no meeting": ["multiply(%2, %4)": "multiply(%2, %2)", "output y": "output z = %4\noutput y"],
  ])
  func staysApart(reason: String, edits: [String: String]) throws {
    var text = """
      %0 = input() {name=x} : float32[tokens, 8]
      %9 = input() {name=z} : float32[tokens, 8]
      %8 = weight() {parts="bias[4]"} : float32[4]
      %1 = weight() {parts="a[4, 8]"} : float32[4, 8]
      %2 = linear(%0, %1) : float32[tokens, 4]
      %3 = weight() {parts="b[4, 8]"} : float32[4, 8]
      %4 = linear(%0, %3) : float32[tokens, 4]
      %5 = multiply(%2, %4) : float32[tokens, 4]
      output y = %5
      """
    #expect(try mergedParts(text) == ["a[4, 8] + b[4, 8]"])
    for (old, new) in edits {
      #expect(text.contains(old))
      text = text.replacing(old, with: new)
    }
    #expect(try mergedParts(text) == [], "\(reason)")
  }

  @Test func needsTheFusion() throws {
    let context = PassContext(precision: PrecisionPolicy(.float32), fusions: [])
    try expectUnchanged(
      by: .mergeProjections, context: context,
      """
      %0 = input() {name=x} : float32[tokens, 8]
      %1 = weight() {parts="a[4, 8]"} : float32[4, 8]
      %2 = linear(%0, %1) : float32[tokens, 4]
      %3 = weight() {parts="b[4, 8]"} : float32[4, 8]
      %4 = linear(%0, %3) : float32[tokens, 4]
      %5 = multiply(%2, %4) : float32[tokens, 4]
      output y = %5
      """)
  }

  /// The weights of several parts that the pass leaves, where there were fewer parts before.
  private func mergedParts(_ text: String) throws -> [String] {
    let before = try Graph(text: text)
    func weights(_ graph: Graph) -> [String] {
      graph.nodes.compactMap { if case .weight(let weight) = $0.op { weight.description } else { nil } }
    }
    let after = try Pipeline.run(before, .float32, passes: [.mergeProjections])
    return weights(after).filter { !weights(before).contains($0) }
  }
}
