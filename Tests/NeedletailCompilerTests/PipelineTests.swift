import NeedletailCompiler
import NeedletailGraph
import NeedletailKernels
import Testing

struct PipelineTests {
  @Test func twoLayersOfLlamaInBfloat16() throws {
    let graph = try Pipeline.run(Graph(text: llama.withoutIndentation), .bfloat16)
    #expect(graph.text == compiled.withoutIndentation, "\n\(graph.text)")
  }

  @Test func inspectSeesTheModelAndEveryPass() throws {
    var names: [String] = []
    var last = ""
    let graph = try Pipeline.run(Graph(text: llama.withoutIndentation), .bfloat16) { name, graph in
      names.append(name)
      last = graph.text
    }
    #expect(names == ["model"] + Pipeline.passes.map(\.name))
    #expect(last == graph.text)
  }

  @Test func resultDoesNotDependOnTheOrderOfHashing() throws {
    let texts = try (0..<8).map { _ in try Pipeline.run(Graph(text: llama.withoutIndentation), .bfloat16).text }
    #expect(Set(texts).count == 1)
  }

  @Test func compilingTwiceChangesNothing() throws {
    let once = try Pipeline.run(Graph(text: llama.withoutIndentation), .bfloat16)
    #expect(try Pipeline.run(once, .bfloat16).text == once.text)
  }

  @Test func withoutFusionsOnlyAttentionIsRewritten() throws {
    let context = PassContext(precision: PrecisionPolicy(.float32), fusions: [])
    let operations = try Pipeline.run(Graph(text: llama.withoutIndentation), context).nodes.map(\.op.mnemonic)
    func count(_ name: String) -> Int { operations.count { $0 == name } }
    #expect(count("linear") == 15)
    #expect(count("rope") == 4)
    #expect(count("rope_cache_write") == 2 && count("paged_attention") == 2 && count("attention") == 0)
    #expect(count("add") == 4 && count("rms_norm") == 5 && count("multiply") == 2)
  }

  @Test func errorsNameThePass() throws {
    let broken = Pass("broken") { graph, _ in graph.nodes.removeFirst() }
    #expect(throws: GraphError("pass broken: node 0 (silu) uses %0, which nothing before it defines")) {
      let graph = try Graph(
        text: "%0 = input() {name=x} : real[tokens, 8]\n%1 = silu(%0) : real[tokens, 8]\noutput y = %1")
      _ = try Pipeline.run(graph, .float32, passes: [broken])
    }
  }

  @Test func unusedNodesAreSwept() throws {
    try expect(
      .removeUnused,
      of: """
        %0 = input() {name=x} : real[tokens, 8]
        %1 = input() {name=z} : real[tokens, 8]
        %2 = silu(%0) : real[tokens, 8]
        %3 = relu(%0) : real[tokens, 8]
        %4 = add(%3, %1) : real[tokens, 8]
        output y = %2
        """,
      gives: """
        %0 = input() {name=x} : real[tokens, 8]
        %1 = silu(%0) : real[tokens, 8]
        output y = %1
        """)
  }
}

/// What the pipeline makes of `llama`: seven products a layer become four, the rest of it five operations, and rows
/// that are not wanted are dropped after the last attention.
private let compiled = """
  %0 = input() {name=tokenIDs} : int32[tokens]
  %1 = input() {name=positions} : int32[tokens]
  %2 = weight() {parts="embed.weight[32, 8]"} : bfloat16[32, 8]
  %3 = embed(%2, %0) : float32[tokens, 8]
  %4 = weight() {parts="layers.0.input_norm.weight[8]"} : float32[8]
  %5 = rms_norm(%3, %4) {eps=1e-05} : bfloat16[tokens, 8]
  %6 = weight() {parts="layers.0.q.weight[8, 8] + layers.0.k.weight[4, 8] + layers.0.v.weight[4, 8]"} : bfloat16[16, 8]
  %7 = linear(%5, %6) : float32[tokens, 16]
  %8 = rope_table(%1) {dim=4, theta=10000.0} : float32[tokens, 4]
  %9, %10 = rope_cache_write(%7, %8) {layer=0, heads=2, kv_heads=1, head_dim=4} : bfloat16[tokens, 2, 4], state
  %11 = paged_attention(%9, %10) {layer=0, scale=0.5, kv_heads=1, value_dim=4} : bfloat16[tokens, 2, 4]
  %12 = reshape(%11) {shape="[tokens, 8]"} : bfloat16[tokens, 8]
  %13 = weight() {parts="layers.0.o.weight[8, 8]"} : bfloat16[8, 8]
  %14 = linear(%12, %13) : float32[tokens, 8]
  %15 = weight() {parts="layers.0.post_norm.weight[8]"} : float32[8]
  %16, %17 = add_rms_norm(%3, %14, %15) {eps=1e-05} : float32[tokens, 8], bfloat16[tokens, 8]
  %18 = weight() {parts="layers.0.gate.weight[16, 8] + layers.0.up.weight[16, 8]"} : bfloat16[32, 8]
  %19 = linear(%17, %18) : float32[tokens, 32]
  %20 = gated_activation(%19) {activation=silu} : bfloat16[tokens, 16]
  %21 = weight() {parts="layers.0.down.weight[8, 16]"} : bfloat16[8, 16]
  %22 = linear(%20, %21) : float32[tokens, 8]
  %23 = weight() {parts="layers.1.input_norm.weight[8]"} : float32[8]
  %24, %25 = add_rms_norm(%16, %22, %23) {eps=1e-05} : float32[tokens, 8], bfloat16[tokens, 8]
  %26 = weight() {parts="layers.1.q.weight[8, 8] + layers.1.k.weight[4, 8] + layers.1.v.weight[4, 8]"} : bfloat16[16, 8]
  %27 = linear(%25, %26) : float32[tokens, 16]
  %28, %29 = rope_cache_write(%27, %8) {layer=1, heads=2, kv_heads=1, head_dim=4} : bfloat16[tokens, 2, 4], state
  %30 = paged_attention(%28, %29) {layer=1, scale=0.5, kv_heads=1, value_dim=4} : bfloat16[tokens, 2, 4]
  %31 = reshape(%30) {shape="[tokens, 8]"} : bfloat16[tokens, 8]
  %32 = weight() {parts="layers.1.o.weight[8, 8]"} : bfloat16[8, 8]
  %33 = scored_rows(%31) : bfloat16[scoredRows, 8]
  %34 = linear(%33, %32) : float32[scoredRows, 8]
  %35 = scored_rows(%24) : float32[scoredRows, 8]
  %36 = weight() {parts="layers.1.post_norm.weight[8]"} : float32[8]
  %37, %38 = add_rms_norm(%35, %34, %36) {eps=1e-05} : float32[scoredRows, 8], bfloat16[scoredRows, 8]
  %39 = weight() {parts="layers.1.gate.weight[16, 8] + layers.1.up.weight[16, 8]"} : bfloat16[32, 8]
  %40 = linear(%38, %39) : float32[scoredRows, 32]
  %41 = gated_activation(%40) {activation=silu} : bfloat16[scoredRows, 16]
  %42 = weight() {parts="layers.1.down.weight[8, 16]"} : bfloat16[8, 16]
  %43 = linear(%41, %42) : float32[scoredRows, 8]
  %44 = weight() {parts="norm.weight[8]"} : float32[8]
  %45, %46 = add_rms_norm(%37, %43, %44) {eps=1e-05} : float32[scoredRows, 8], bfloat16[scoredRows, 8]
  %47 = linear(%46, %2) : float32[scoredRows, 32]
  output logits = %47
  """
