import NeedletailCompiler
import NeedletailGraph
import NeedletailKernels
import Testing

struct FuseResidualNormTests {
  @Test func sumAndNormBecomeOneOperation() throws {
    // The weight is recorded after the sum.
    try expect(
      .fuseResidualNorm,
      of: """
        %0 = input() {name=x} : float32[tokens, 8]
        %1 = input() {name=delta} : bfloat16[tokens, 8]
        %2 = add(%0, %1) : float32[tokens, 8]
        %3 = silu(%2) : float32[tokens, 8]
        %4 = weight() {parts="w[8]"} : float32[8]
        %5 = weight() {parts="b[8]"} : float32[8]
        %6 = layer_norm(%2, %4, %5) {eps=1e-05, weight_offset=1.0} : bfloat16[tokens, 8]
        output a = %6
        output b = %3
        """,
      gives: """
        %0 = input() {name=x} : float32[tokens, 8]
        %1 = input() {name=delta} : bfloat16[tokens, 8]
        %2 = weight() {parts="w[8]"} : float32[8]
        %3 = weight() {parts="b[8]"} : float32[8]
        %4, %5 = add_layer_norm(%0, %1, %2, %3) {eps=1e-05, weight_offset=1.0} : float32[tokens, 8], bfloat16[tokens, 8]
        %6 = silu(%4) : float32[tokens, 8]
        output a = %5
        output b = %6
        """)
  }

  @Test func theSecondNormReadsTheSum() throws {
    try expect(
      .fuseResidualNorm,
      of: """
        %0 = input() {name=x} : float32[tokens, 8]
        %1 = add(%0, %0) : float32[tokens, 8]
        %2 = rms_norm(%1) {eps=1e-05} : float32[tokens, 8]
        %3 = rms_norm(%1) {eps=1e-06} : float32[tokens, 8]
        output a = %2
        output b = %3
        """,
      gives: """
        %0 = input() {name=x} : float32[tokens, 8]
        %1, %2 = add_rms_norm(%0, %0) {eps=1e-05} : float32[tokens, 8], float32[tokens, 8]
        %3 = rms_norm(%1) {eps=1e-06} : float32[tokens, 8]
        output a = %2
        output b = %3
        """)
  }

  @Test func sumsInARowAreEachFused() throws {
    let operations = try Pipeline.run(
      Graph(
        text: """
          %0 = input() {name=x} : float32[tokens, 8]
          %1 = add(%0, %0) : float32[tokens, 8]
          %2 = rms_norm(%1) {eps=1e-05} : float32[tokens, 8]
          %3 = add(%1, %2) : float32[tokens, 8]
          %4 = rms_norm(%3) {eps=1e-05} : float32[tokens, 8]
          output a = %4
          """), .float32, passes: [.fuseResidualNorm]
    ).nodes.map(\.op.mnemonic)
    #expect(operations == ["input", "add_rms_norm", "add_rms_norm"])
  }

  @Test(arguments: [
    "a row for all rows is added": ["add(%0, %1)": "add(%0, %8)"],
    "a difference": ["add(": "subtract("],
    "the norm is of something else": ["rms_norm(%2, %8)": "rms_norm(%0, %8)", "output y": "output z = %2\noutput y"],
    "the weight is computed": ["rms_norm(%2, %8)": "rms_norm(%2, %9)"],
  ])
  func staysApart(reason: String, edits: [String: String]) throws {
    var text = """
      %0 = input() {name=x} : float32[tokens, 8]
      %1 = input() {name=delta} : float32[tokens, 8]
      %8 = weight() {parts="w[8]"} : float32[8]
      %9 = silu(%8) : float32[8]
      %2 = add(%0, %1) : float32[tokens, 8]
      %3 = rms_norm(%2, %8) {eps=1e-05} : float32[tokens, 8]
      output y = %3
      """
    func isFused() throws -> Bool {
      try Pipeline.run(Graph(text: text), .float32, passes: [.fuseResidualNorm]).text.contains("add_rms_norm")
    }
    #expect(try isFused())
    for (old, new) in edits {
      #expect(text.contains(old))
      text = text.replacing(old, with: new)
    }
    #expect(try !isFused(), "\(reason)")
  }

  @Test func needsTheFusion() throws {
    let context = PassContext(precision: PrecisionPolicy(.float32), fusions: [.gatedActivation])
    try expectUnchanged(
      by: .fuseResidualNorm, context: context,
      """
      %0 = input() {name=x} : float32[tokens, 8]
      %1 = add(%0, %0) : float32[tokens, 8]
      %2 = rms_norm(%1) {eps=1e-05} : float32[tokens, 8]
      output a = %2
      """)
  }
}
