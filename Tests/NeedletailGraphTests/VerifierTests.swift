import NeedletailGraph
import Testing

@Suite struct VerifierTests {
  static let inputs = """
    %x = input() {name=x} : real[tokens, 8]
    %y = input() {name=y} : real[tokens, 6]
    %i = input() {name=i} : int32[tokens]
    %w = weight() {parts="w[6, 8]"} : real[6, 8]
    %b = weight() {parts="b[8]"} : real[8]
    %q = input() {name=q} : real[tokens, 4, 8]
    %k = input() {name=k} : real[tokens, 2, 8]
    %u = input() {name=u} : real[tokens, 3, 8]
    %t = input() {name=t} : real[tokens, 4]
    %s = input() {name=s} : state
    %m = input() {name=m} : real[tokens, 8]
    %r = input() {name=scoredRows} : int32[scoredRows]

    """

  static let wellFormed: [(String, String)] = [
    ("linear(%x, %w)", "real[tokens, 6]"), ("linear(%x, %w)", "bfloat16[tokens, 6]"),
    ("linear(%q, %w)", "real[tokens, 4, 6]"),
    ("add(%x, %x)", "real[tokens, 8]"), ("multiply(%x, %b)", "real[tokens, 8]"),
    ("rms_norm(%x, %b) {eps=1e-6}", "real[tokens, 8]"),
    ("layer_norm(%q, %b, %b) {eps=1e-6}", "real[tokens, 4, 8]"), ("embed(%w, %i)", "real[tokens, 8]"),
    ("reshape(%x) {shape=\"[tokens, 2, 4]\"}", "real[tokens, 2, 4]"),
    ("reshape(%q) {shape=\"[tokens*4, 8]\"}", "real[tokens*4, 8]"),
    ("slice(%x) {start=6, count=2}", "real[tokens, 2]"), ("rope_table(%i) {dim=4, theta=1e4}", "real[tokens, 4]"),
    ("rope(%q, %t)", "real[tokens, 4, 8]"), ("attention(%q, %k, %k) {layer=0, scale=1}", "real[tokens, 4, 8]"),
    ("scored_rows(%q)", "real[scoredRows, 4, 8]"), ("cast(%x) {dtype=float16}", "float16[tokens, 8]"),
    ("gated_activation(%x) {activation=silu}", "real[tokens, 4]"),
    ("paged_attention(%q, %s) {layer=0, scale=1, kv_heads=2, value_dim=6}", "real[tokens, 4, 6]"),
    ("product(%x, %w)", "real[tokens, 6]"), ("product(%x, %w, %y) {residual=true}", "real[tokens, 6]"),
    (
      "product(%x, %w, %b, %r) {norm=rms, eps=1e-6, norm_weight=true, gate=silu, chosen_rows=true}",
      "real[scoredRows, 3]"
    ),
    ("cached_attention(%q, %k, %k, %t) {layer=0, scale=1, heads=4, kv_heads=2, head_dim=8}", "real[tokens, 4, 8]"),
    ("cached_attention(%m) {layer=0, scale=1, heads=1, kv_heads=1, head_dim=2, value_dim=4}", "real[tokens, 1, 4]"),
  ]

  @Test(arguments: wellFormed)
  func acceptsWhatFits(_ call: String, _ type: String) throws {
    let graph = try Graph(text: Self.inputs + "%result = \(call) : \(type)\noutput r = %result")
    #expect(graph[graph.outputs[0].value] == TensorType(type))
  }

  /// The same operations with a wrong result.
  @Test(arguments: wellFormed)
  func refusesOtherResults(_ call: String, _ type: String) {
    for wrong in ["real[tokens, 5]", "int32[\(type.split(separator: "[")[1])", "state"] {
      #expect(throws: GraphError.self, "\(wrong)") { try Graph(text: Self.inputs + "%result = \(call) : \(wrong)") }
    }
  }

  @Test(arguments: [
    "linear(%y, %w)", "linear(%x, %b)", "linear(%x)", "linear(%x, %w, %b)", "add(%x, %y)", "add(%b, %x)", "add(%x)",
    "add(%s, %s)", "silu(%s)", "silu(%x, %x)", "rms_norm(%y, %b) {eps=1e-6}", "embed(%w, %x)", "embed(%w, %w)",
    "reshape(%x) {shape=\"[tokens, 9]\"}", "slice(%x) {start=7, count=2}", "slice(%x) {start=-1, count=2}",
    "slice(%x) {start=0, count=0}", "rope_table(%x) {dim=4, theta=1e4}", "rope(%x, %t)", "rope(%t, %q)",
    "attention(%q, %u, %u) {layer=0, scale=1}", "attention(%u, %k, %k) {layer=0, scale=1}",
    "attention(%q, %k) {layer=0, scale=1}",
    "attention(%q, %k, %u) {layer=0, scale=1}", "scored_rows(%w)", "cast(%x, %x) {dtype=float16}",
    "gated_activation(%t, %t) {activation=silu}", "add_rms_norm(%x, %y) {eps=1e-6}",
    "paged_attention(%q, %k) {layer=0, scale=1, kv_heads=2, value_dim=6}", "product(%x)", "product(%x, %b)",
    "product(%x, %w, %y)", "product(%x, %w, %x) {residual=true}", "product(%x, %w, %b) {bias=true}",
    "product(%x, %w, %b) {norm_weight=true}", "product(%x, %w, %b) {norm=rms, eps=1e-6, norm_bias=true}",
    "product(%x, %w, %x) {chosen_rows=true}", "product(%q, %w, %r) {chosen_rows=true}",
    "cached_attention(%q, %k) {layer=0, scale=1, heads=4, kv_heads=2, head_dim=8}",
    "cached_attention(%q, %k, %k) {layer=0, scale=1, heads=4, kv_heads=4, head_dim=8}",
    "cached_attention(%x) {layer=0, scale=1, heads=1, kv_heads=1, head_dim=8}",
    "cached_attention(%q, %k, %k, %b) {layer=0, scale=1, heads=4, kv_heads=2, head_dim=8}",
    "cached_attention(%q, %k, %k, %t, %t) {layer=0, scale=1, heads=4, kv_heads=2, head_dim=8}",
  ])
  func refusesWhatDoesNotFit(_ call: String) {
    let results = call.hasPrefix("add_") ? "%result, %z" : "%result"
    let types = call.hasPrefix("add_") ? "real[tokens, 8], real[tokens, 8]" : "real[tokens, 8]"
    #expect(throws: GraphError.self) { try Graph(text: Self.inputs + "\(results) = \(call) : \(types)") }
  }

  @Test func valuesAreDefinedOnceAndBeforeTheirUse() throws {
    var graph = try Graph(text: "%0 = input() {name=x} : real[2, 2]\n%1 = silu(%0) : real[2, 2]\noutput y = %1")
    try graph.verify()
    graph.nodes.swapAt(0, 1)
    #expect(throws: GraphError("node 0 (silu) uses %0, which nothing before it defines")) { try graph.verify() }
    graph.nodes.swapAt(0, 1)
    graph.nodes[1].scope = "mlp"
    graph.nodes[1].results = [Graph.Value(0)]
    #expect(throws: GraphError("node 1 (silu of mlp) defines %0, which is defined already")) { try graph.verify() }
    graph.nodes[1].results = [Graph.Value(7)]
    #expect(throws: GraphError("node 1 (silu of mlp) defines a value without a type")) { try graph.verify() }
    graph.nodes.removeLast()
    #expect(throws: GraphError("output y is %1, which nothing defines")) { try graph.verify() }
  }

  @Test func messagesSayWhatWasExpected() throws {
    #expect(throws: GraphError("node 1 (silu) gives real[2, 2], not real[2, 3]")) {
      try Graph(text: "%0 = input() {name=x} : real[2, 2]\n%1 = silu(%0) : real[2, 3]")
    }
    #expect(throws: GraphError("node 1 (slice) cuts 1..<3 out of real[2, 2]")) {
      try Graph(text: "%0 = input() {name=x} : real[2, 2]\n%1 = slice(%0) {start=1, count=2} : real[2, 2]")
    }
  }
}
