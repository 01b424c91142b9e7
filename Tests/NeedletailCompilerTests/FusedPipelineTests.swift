import NeedletailCompiler
import NeedletailGraph
import NeedletailKernels
import Testing

/// The pipeline for devices whose products and attention take in what stands around them.
struct FusedPipelineTests {
  @Test func aLayerIsFiveOperations() throws {
    let graph = try Pipeline.run(Graph(text: llama.withoutIndentation), .fused)
    #expect(graph.text == compiled.withoutIndentation, "\n\(graph.text)")
  }

  @Test func withoutNormsInProductsTheyReadTheStream() throws {
    let graph = try Pipeline.run(Graph(text: llama.withoutIndentation), .fused.without(.normLinear))
    let operations = graph.nodes.map(\.op.mnemonic).filter { !["input", "weight", "reshape"].contains($0) }
    let layer = ["rms_norm", "linear", "cached_attention", "product", "rms_norm", "product", "product"]
    #expect(operations.filter { $0 != "rope_table" } == ["embed"] + layer + layer + ["rms_norm", "product"])
  }

  @Test func rowsAreGatheredBeforeTheLastLayersProductsWhereTheyCannotChoose() throws {
    let graph = try Pipeline.run(Graph(text: llama.withoutIndentation), .fused.without(.scoredRowsLinear))
    let gathers = graph.nodes.indices.filter { graph.nodes[$0].op == .scoredRows }
    #expect(gathers.count == 2)
    let last = try #require(graph.nodes.lastIndex { if case .cachedAttention = $0.op { true } else { false } })
    #expect(gathers.allSatisfy { $0 > last })
    #expect(graph.nodes[(last + 1)...].flatMap(\.results).filter { graph[$0].shape[0] == .scoredRows }.count == 6)
  }

  @Test func compilingTwiceChangesNothing() throws {
    let once = try Pipeline.run(Graph(text: llama.withoutIndentation), .fused)
    #expect(try Pipeline.run(once, .fused).text == once.text)
  }
}

/// What becomes of `llama`: a layer is three products with all that stands between them, attention, and a view.
private let compiled = """
  %0 = input() {name=scoredRows} : int32[scoredRows]
  %1 = input() {name=tokenIDs} : int32[tokens]
  %2 = input() {name=positions} : int32[tokens]
  %3 = weight() {parts="embed.weight[32, 8]"} : bfloat16[32, 8]
  %4 = embed(%3, %1) : float32[tokens, 8]
  %5 = weight() {parts="layers.0.input_norm.weight[8]"} : float32[8]
  %6 = weight() {parts="layers.0.q.weight[8, 8] + layers.0.k.weight[4, 8] + layers.0.v.weight[4, 8]"} : bfloat16[16, 8]
  %7 = product(%4, %6, %5) {norm=rms, eps=1e-05, norm_weight=true} : bfloat16[tokens, 16]
  %8 = rope_table(%2) {dim=4, theta=10000.0} : float32[tokens, 4]
  %9 = cached_attention(%7, %8) {layer=0, scale=0.5, heads=2, kv_heads=1, head_dim=4} : bfloat16[tokens, 2, 4]
  %10 = reshape(%9) {shape="[tokens, 8]"} : bfloat16[tokens, 8]
  %11 = weight() {parts="layers.0.o.weight[8, 8]"} : bfloat16[8, 8]
  %12 = product(%10, %11, %4) {residual=true} : float32[tokens, 8]
  %13 = weight() {parts="layers.0.post_norm.weight[8]"} : float32[8]
  %14 = weight() {parts="layers.0.gate.weight[16, 8] + layers.0.up.weight[16, 8]"} : bfloat16[32, 8]
  %15 = product(%12, %14, %13) {norm=rms, eps=1e-05, norm_weight=true, gate=silu} : bfloat16[tokens, 16]
  %16 = weight() {parts="layers.0.down.weight[8, 16]"} : bfloat16[8, 16]
  %17 = product(%15, %16, %12) {residual=true} : float32[tokens, 8]
  %18 = weight() {parts="layers.1.input_norm.weight[8]"} : float32[8]
  %19 = weight() {parts="layers.1.q.weight[8, 8] + layers.1.k.weight[4, 8] + layers.1.v.weight[4, 8]"} : bfloat16[16, 8]
  %20 = product(%17, %19, %18) {norm=rms, eps=1e-05, norm_weight=true} : bfloat16[tokens, 16]
  %21 = cached_attention(%20, %8) {layer=1, scale=0.5, heads=2, kv_heads=1, head_dim=4} : bfloat16[tokens, 2, 4]
  %22 = reshape(%21) {shape="[tokens, 8]"} : bfloat16[tokens, 8]
  %23 = weight() {parts="layers.1.o.weight[8, 8]"} : bfloat16[8, 8]
  %24 = product(%22, %23, %17) {residual=true} : float32[tokens, 8]
  %25 = weight() {parts="layers.1.post_norm.weight[8]"} : float32[8]
  %26 = weight() {parts="layers.1.gate.weight[16, 8] + layers.1.up.weight[16, 8]"} : bfloat16[32, 8]
  %27 = product(%24, %26, %25) {norm=rms, eps=1e-05, norm_weight=true, gate=silu} : bfloat16[tokens, 16]
  %28 = weight() {parts="layers.1.down.weight[8, 16]"} : bfloat16[8, 16]
  %29 = product(%27, %28, %24) {residual=true} : float32[tokens, 8]
  %30 = weight() {parts="norm.weight[8]"} : float32[8]
  %31 = product(%29, %3, %30, %0) {norm=rms, eps=1e-05, norm_weight=true, chosen_rows=true} : float32[scoredRows, 32]
  output logits = %31
  """
