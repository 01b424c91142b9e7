import NeedletailCompiler
import NeedletailGraph
import NeedletailKernels
import Testing

struct FuseRopeCacheWriteTests {
  /// Queries (2 heads of 4), keys and values (1 head of 4) as parts of one product, rotated by one table.
  private static let model = """
    %0 = input() {name=x} : float32[tokens, 16]
    %1 = input() {name=positions} : int32[tokens]
    %2 = rope_table(%1) {dim=4, theta=10000.0} : float32[tokens, 4]
    %3 = slice(%0) {start=0, count=8} : float32[tokens, 8]
    %4 = slice(%0) {start=8, count=4} : float32[tokens, 4]
    %5 = slice(%0) {start=12, count=4} : float32[tokens, 4]
    %6 = reshape(%3) {shape="[tokens, 2, 4]"} : float32[tokens, 2, 4]
    %7 = reshape(%4) {shape="[tokens, 1, 4]"} : float32[tokens, 1, 4]
    %8 = reshape(%5) {shape="[tokens, 1, 4]"} : float32[tokens, 1, 4]
    %9 = rope(%6, %2) : float32[tokens, 2, 4]
    %10 = rope(%7, %2) : float32[tokens, 1, 4]
    %11 = attention(%9, %10, %8) {layer=3, scale=0.5} : bfloat16[tokens, 2, 4]
    output y = %11
    """

  @Test func mergedProductIsReadDirectly() throws {
    try expect(
      .fuseRopeCacheWrite, context: .bfloat16, of: Self.model,
      gives: """
        %0 = input() {name=x} : float32[tokens, 16]
        %1 = input() {name=positions} : int32[tokens]
        %2 = rope_table(%1) {dim=4, theta=10000.0} : float32[tokens, 4]
        %3, %4 = rope_cache_write(%0, %2) {layer=3, heads=2, kv_heads=1, head_dim=4} : bfloat16[tokens, 2, 4], state
        %5 = paged_attention(%3, %4) {layer=3, scale=0.5, kv_heads=1, value_dim=4} : bfloat16[tokens, 2, 4]
        output y = %5
        """)
  }

  @Test func whatAttentionDoesBesidesIsKept() throws {
    let sinks = "%12 = weight() {parts=\"sinks[2]\"} : float32[2]\n%11"
    let text = Self.model.replacing(
      "%11 = attention(%9, %10, %8) {layer=3, scale=0.5}",
      with: sinks
        + " = attention(%9, %10, %8, %12) {layer=3, scale=0.5, window=64, softcap=50.0, alibi=\"0.5 0.25\"}")
    let nodes = try Pipeline.run(Graph(text: text), .bfloat16, passes: [.fuseRopeCacheWrite]).nodes
    let node = try #require(nodes.last)
    let attention = Attention(layer: 3, scale: 0.5, window: 64, softcap: 50, alibiSlopes: [0.5, 0.25])
    #expect(node.op == .pagedAttention(attention, kvHeads: 1, valueDim: 4))
    #expect(node.inputs.count == 3)
    #expect(
      nodes.first { $0.results.first == node.inputs[2] }?.op == .weight(Weight(parts: [.init("sinks", shape: [2])])))
  }

  @Test func interleavedPairsAreKept() throws {
    let text = Self.model.replacing("rope(%6, %2)", with: "rope(%6, %2) {interleaved=true}")
      .replacing("rope(%7, %2)", with: "rope(%7, %2) {interleaved=true}")
    #expect(try write(text).interleaved)
    #expect(try operands(text) == ["%0", "%2"])
  }

  @Test func withoutRotationThereIsNoTable() throws {
    try expect(
      .fuseRopeCacheWrite, context: .bfloat16,
      of: Self.model.replacing("attention(%9, %10, %8)", with: "attention(%6, %7, %8)"),
      gives: """
        %0 = input() {name=x} : float32[tokens, 16]
        %1, %2 = rope_cache_write(%0) {layer=3, heads=2, kv_heads=1, head_dim=4} : bfloat16[tokens, 2, 4], state
        %3 = paged_attention(%1, %2) {layer=3, scale=0.5, kv_heads=1, value_dim=4} : bfloat16[tokens, 2, 4]
        output y = %3
        """)
  }

  @Test func partOfAWiderProductIsCutOutOnce() throws {
    let text = Self.model.replacing("float32[tokens, 16]", with: "float32[tokens, 20]")
      .replacing("start=12", with: "start=16").replacing("start=8", with: "start=12")
      .replacing("start=0", with: "start=4")
    let graph = try Pipeline.run(Graph(text: text), .bfloat16, passes: [.fuseRopeCacheWrite])
    #expect(graph.nodes.count { if case .slice = $0.op { true } else { false } } == 1)
    #expect(graph.nodes.contains { $0.op == .slice(start: 4, count: 16) })
  }

  @Test func normsOfQueriesAndKeysStayBefore() throws {
    try expect(
      .fuseRopeCacheWrite, context: .bfloat16,
      of: Self.model.replacing("rope(%6, %2)", with: "rope(%20, %2)").replacing("rope(%7, %2)", with: "rope(%21, %2)")
        .replacing(
          "%9 =",
          with: """
            %20 = rms_norm(%6) {eps=1e-06} : float32[tokens, 2, 4]
            %21 = rms_norm(%7) {eps=1e-06} : bfloat16[tokens, 1, 4]
            %9 =
            """),
      gives: """
        %0 = input() {name=x} : float32[tokens, 16]
        %1 = input() {name=positions} : int32[tokens]
        %2 = rope_table(%1) {dim=4, theta=10000.0} : float32[tokens, 4]
        %3 = slice(%0) {start=0, count=8} : float32[tokens, 8]
        %4 = slice(%0) {start=8, count=4} : float32[tokens, 4]
        %5 = slice(%0) {start=12, count=4} : float32[tokens, 4]
        %6 = reshape(%3) {shape="[tokens, 2, 4]"} : float32[tokens, 2, 4]
        %7 = reshape(%4) {shape="[tokens, 1, 4]"} : float32[tokens, 1, 4]
        %8 = reshape(%5) {shape="[tokens, 1, 4]"} : float32[tokens, 1, 4]
        %9 = rms_norm(%6) {eps=1e-06} : float32[tokens, 2, 4]
        %10 = rms_norm(%7) {eps=1e-06} : bfloat16[tokens, 1, 4]
        %11 = cast(%10) {dtype=float32} : float32[tokens, 1, 4]
        %12, %13 = rope_cache_write(%9, %11, %8, %2) {layer=3, heads=2, kv_heads=1, head_dim=4} : QUERY, state
        %14 = paged_attention(%12, %13) {layer=3, scale=0.5, kv_heads=1, value_dim=4} : bfloat16[tokens, 2, 4]
        output y = %14
        """.replacing("QUERY", with: "bfloat16[tokens, 2, 4]"))
  }

  /// Operands of the write where the product is not q, k, v side by side: the three reshaped values and the table.
  @Test(arguments: [
    "v before k": ["start=8": "start=12", "start=12": "start=8"],
    "v is k": ["attention(%9, %10, %8)": "attention(%9, %10, %7)"],
    "a gap": ["float32[tokens, 16]": "float32[tokens, 17]", "start=12": "start=13"],
  ])
  func threeOperands(reason: String, edits: [String: String]) throws {
    var text = Self.model
    // Exchanged at once, by way of a third name.
    for old in edits.keys { text = text.replacing(old, with: "<\(old)>") }
    for (old, new) in edits { text = text.replacing("<\(old)>", with: new) }
    let operands = try operands(text)
    #expect(operands.count == 4 && operands.last == "%2", "\(reason)")
  }

  /// Cases in which the rotation is not the same for queries and keys, or somebody else reads it.
  @Test(arguments: [
    "another table": [
      "%9 =": "%20 = rope_table(%1) {dim=4, theta=1000000.0} : float32[tokens, 4]\n%9 =", "%7, %2": "%7, %20",
    ],
    "another pairing": ["rope(%7, %2)": "rope(%7, %2) {interleaved=true}"],
    "keys are not rotated": ["%9, %10, %8": "%9, %7, %8"],
    "queries are not rotated": ["%9, %10, %8": "%6, %10, %8"],
    "rotated queries are read elsewhere": ["output y": "output q = %9\noutput y"],
    "rotated keys are the values too": ["%9, %10, %8": "%9, %10, %10"],
  ])
  func rotationStays(reason: String, edits: [String: String]) throws {
    var text = Self.model
    for (old, new) in edits {
      #expect(text.contains(old))
      text = text.replacing(old, with: new)
    }
    let graph = try Pipeline.run(Graph(text: text), .bfloat16, passes: [.fuseRopeCacheWrite])
    #expect(graph.nodes.contains { $0.op.mnemonic == "rope" }, "\(reason)")
    #expect(try operands(text).count == 3, "\(reason)")
  }

  @Test func valueHeadsMayHaveAnotherSize() throws {
    let text = Self.model.replacing("float32[tokens, 16]", with: "float32[tokens, 14]")
      .replacing(
        "%5 = slice(%0) {start=12, count=4} : float32[tokens, 4]",
        with: "%5 = slice(%0) {start=12, count=2} : float32[tokens, 2]"
      )
      .replacing(
        "%8 = reshape(%5) {shape=\"[tokens, 1, 4]\"} : float32[tokens, 1, 4]",
        with: "%8 = reshape(%5) {shape=\"[tokens, 1, 2]\"} : float32[tokens, 1, 2]"
      )
      .replacing("bfloat16[tokens, 2, 4]", with: "bfloat16[tokens, 2, 2]")
    #expect(try write(text).valueDim == 2)
    #expect(try operands(text) == ["%0", "%2"])
  }

  @Test func withoutTheFusionQueriesAndKeysAreRotatedFirst() throws {
    let context = PassContext(precision: PrecisionPolicy(.bfloat16), fusions: [])
    let graph = try Pipeline.run(Graph(text: Self.model), context, passes: [.fuseRopeCacheWrite])
    let operations = graph.nodes.map(\.op.mnemonic)
    #expect(operations.suffix(4) == ["rope", "rope", "rope_cache_write", "paged_attention"])
    #expect(graph.nodes[operations.count - 2].inputs.count == 3)
  }

  private func node(_ text: String) throws -> Graph.Node {
    let graph = try Pipeline.run(Graph(text: text), .bfloat16, passes: [.fuseRopeCacheWrite])
    return try #require(graph.nodes.first { $0.op.mnemonic == "rope_cache_write" })
  }
  private func operands(_ text: String) throws -> [String] { try node(text).inputs.map { "%\($0.index)" } }
  private func write(_ text: String) throws -> RopeCacheWrite {
    guard case .ropeCacheWrite(let write) = try node(text).op else { throw GraphError("no write") }
    return write
  }
}
