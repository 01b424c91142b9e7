import NeedletailCompiler
import NeedletailGraph
import NeedletailKernels
import Testing

struct FuseGatedActivationTests {
  /// gate and up are halves of one product.
  private static let model = """
    %0 = input() {name=x} : float32[tokens, 16]
    %1 = slice(%0) {start=0, count=8} : float32[tokens, 8]
    %2 = slice(%0) {start=8, count=8} : float32[tokens, 8]
    %3 = geluTanh(%1) : float32[tokens, 8]
    %4 = multiply(%3, %2) : bfloat16[tokens, 8]
    output y = %4
    """

  @Test(arguments: ["multiply(%3, %2)", "multiply(%2, %3)"])
  func eitherOrder(product: String) throws {
    try expect(
      .fuseGatedActivation,
      of: Self.model.replacing("multiply(%3, %2)", with: product),
      gives: """
        %0 = input() {name=x} : float32[tokens, 16]
        %1 = gated_activation(%0) {activation=geluTanh} : bfloat16[tokens, 8]
        output y = %1
        """)
  }

  @Test func partOfAWiderProductIsCutOutOnce() throws {
    try expect(
      .fuseGatedActivation,
      of: """
        %0 = input() {name=x} : float32[tokens, 16]
        %1 = slice(%0) {start=4, count=8} : float32[tokens, 8]
        %2 = slice(%1) {start=0, count=4} : float32[tokens, 4]
        %3 = slice(%0) {start=8, count=4} : float32[tokens, 4]
        %4 = silu(%2) : float32[tokens, 4]
        %5 = multiply(%4, %3) : float32[tokens, 4]
        output y = %5
        """,
      gives: """
        %0 = input() {name=x} : float32[tokens, 16]
        %1 = slice(%0) {start=4, count=8} : float32[tokens, 8]
        %2 = gated_activation(%1) {activation=silu} : float32[tokens, 4]
        output y = %2
        """)
  }

  @Test func slicesThatOthersReadStay() throws {
    try expect(
      .fuseGatedActivation,
      of: Self.model + "\noutput up = %2",
      gives: """
        %0 = input() {name=x} : float32[tokens, 16]
        %1 = slice(%0) {start=8, count=8} : float32[tokens, 8]
        %2 = gated_activation(%0) {activation=geluTanh} : bfloat16[tokens, 8]
        output y = %2
        output up = %1
        """)
  }

  @Test(arguments: [
    "the activation is read elsewhere": ["output y": "output z = %3\noutput y"],
    "up before gate": ["geluTanh(%1)": "geluTanh(%2)", "multiply(%3, %2)": "multiply(%3, %1)"],
    "gate times itself": ["multiply(%3, %2)": "multiply(%3, %1)"],
    "a gap between them": [
      "start=8, count=8": "start=12, count=4", "start=0, count=8": "start=0, count=4", "[tokens, 8]": "[tokens, 4]",
    ],
    "a sum": ["multiply": "add"],
    "up is not part of it": ["slice(%0) {start=8, count=8}": "input() {name=up}"],
    "both are activated": ["multiply(%3, %2)": "multiply(%3, %3)"],
  ])
  func staysApart(reason: String, edits: [String: String]) throws {
    var text = Self.model
    for (old, new) in edits {
      #expect(text.contains(old))
      text = text.replacing(old, with: new)
    }
    let graph = try Pipeline.run(Graph(text: text), .float32, passes: [.fuseGatedActivation])
    #expect(!graph.text.contains("gated_activation"), "\(reason)")
  }

  @Test func needsTheFusion() throws {
    let context = PassContext(precision: PrecisionPolicy(.float32), fusions: [.addNorm])
    try expectUnchanged(by: .fuseGatedActivation, context: context, Self.model)
  }
}
