import NeedletailGraph
import NeedletailTesting
import Testing

/// `Graph.run` of the operations that passes put in place of several, written as text.
@Suite struct FusedOperationTests {
  private func tensors(_ shapes: [String: [Int]]) -> [String: ReferenceTensor] {
    var numbers = SeededNumbers(seed: 4)
    var result: [String: ReferenceTensor] = [:]
    for (name, shape) in shapes.sorted(by: { $0.key < $1.key }) { result[name] = ReferenceTensor(shape, &numbers) }
    return result
  }

  @Test func addNorm() throws {
    let graph = try Graph(
      text: """
        %0 = input() {name=x} : real[tokens, 33]
        %1 = input() {name=d} : real[tokens, 33]
        %2 = weight() {parts="w[33]"} : real[33]
        %3, %4 = add_rms_norm(%0, %1, %2) {eps=1e-05, weight_offset=1.0} : real[tokens, 33], real[tokens, 33]
        %5, %6 = add_layer_norm(%3, %1, %2, %2) {eps=1e-05} : real[tokens, 33], real[tokens, 33]
        output sum = %3
        output norm = %4
        output second = %5
        output centered = %6
        """)
    try expectRunMatches(graph, tensors(["x": [5, 33], "d": [5, 33]]), weights: tensors(["w": [33]]))
  }

  @Test(arguments: Activation.allCases) func gatedActivation(_ activation: Activation) throws {
    let graph = try Graph(
      text: """
        %0 = input() {name=x} : real[tokens, 66]
        %1 = gated_activation(%0) {activation=\(activation)} : real[tokens, 33]
        output y = %1
        """)
    try expectRunMatches(graph, tensors(["x": [5, 66]]))
  }

  @Test(arguments: ["", ", interleaved=true"]) func mergedRopeCacheWrite(_ pairs: String) throws {
    let graph = try Graph(
      text: """
        %0 = input() {name=positions} : int32[tokens]
        %1 = input() {name=qkv} : real[tokens, 92]
        %2 = rope_table(%0) {dim=8, theta=10000.0} : float32[tokens, 8]
        %3, %4 = rope_cache_write(%1, %2) {layer=0, heads=4, kv_heads=2, head_dim=12, value_dim=10\(pairs)} \
        : real[tokens, 4, 12], state
        %5 = paged_attention(%3, %4) {layer=0, scale=0.3, window=6, kv_heads=2, value_dim=10} : real[tokens, 4, 10]
        output q = %3
        output out = %5
        """)
    try expectRunMatches(graph, tensors(["qkv": [21, 92]]))
  }

  @Test func separateRopeCacheWriteWithoutTable() throws {
    let graph = try Graph(
      text: """
        %0 = input() {name=q} : real[tokens, 4, 12]
        %1 = input() {name=k} : real[tokens, 2, 12]
        %2 = input() {name=v} : real[tokens, 2, 12]
        %3 = weight() {parts="sinks[4]"} : real[4]
        %4, %5 = rope_cache_write(%0, %1, %2) {layer=0, heads=4, kv_heads=2, head_dim=12} : real[tokens, 4, 12], state
        %6 = paged_attention(%4, %5, %3) {layer=0, scale=0.3, kv_heads=2, value_dim=12} : real[tokens, 4, 12]
        output out = %6
        """)
    try expectRunMatches(
      graph, tensors(["q": [9, 4, 12], "k": [9, 2, 12], "v": [9, 2, 12]]), weights: tensors(["sinks": [4]]))
  }
}
