import NeedletailGraph
import NeedletailTesting
import Testing

/// `Graph.run` of attention with everything a model may ask of it, in the forms that passes choose.
@Suite struct AttentionOperationTests {
  private struct Form {
    var attention = Attention(layer: 0, scale: 0.2)
    var rope: RopeSpec?
    var isInterleaved = false
    var hasSinks = false
    var valueDim = 16
    /// Queries, keys and values are products of one input, which the compiler merges.
    var isProjected = false
  }
  private static let (heads, kvHeads, headDim) = (4, 2, 16)

  private func graph(_ form: Form) -> Graph {
    let builder = GraphBuilder()
    func heads(_ name: String, _ count: Int, _ size: Int) -> Tensor {
      guard form.isProjected else { return builder.input(name, .real, [.tokens, .fixed(count), .fixed(size)]) }
      let weight = builder.weight(Weight(parts: [.init(name, shape: [count * size, 24])]))
      let x = builder.input("x", .real, [.tokens, 24])
      return x.linear(weight).reshaped(.tokens, .fixed(count), .fixed(size))
    }
    var q = heads("q", Self.heads, Self.headDim)
    var k = heads("k", Self.kvHeads, Self.headDim)
    let v = heads("v", Self.kvHeads, form.valueDim)
    if let rope = form.rope {
      let table = builder.input(StepInput.positions.rawValue, .int32, [.tokens]).ropeTable(rope)
      q = q.rotated(by: table, interleaved: form.isInterleaved)
      k = k.rotated(by: table, interleaved: form.isInterleaved)
    }
    let sinks = form.hasSinks ? [builder.weight(Weight(parts: [.init("sinks", shape: [Self.heads])]))] : []
    builder.output("out", builder.record(.attention(form.attention), [q, k, v] + sinks))
    return builder.graph
  }

  private func check(_ form: Form, tokens: Int, dtype: DType = .float32, blockSize: Int = 16) throws {
    var numbers = SeededNumbers(seed: 3)
    let names = [
      ("q", Self.heads, Self.headDim), ("k", Self.kvHeads, Self.headDim), ("v", Self.kvHeads, form.valueDim),
    ]
    var inputs: [String: ReferenceTensor] = [:]
    var weights = ["sinks": ReferenceTensor([Self.heads], &numbers)]
    for (name, count, size) in names {
      if form.isProjected {
        weights[name] = ReferenceTensor([count * size, 24], &numbers, deviation: 0.3)
      } else {
        inputs[name] = ReferenceTensor([tokens, count, size], &numbers)
      }
    }
    if form.isProjected { inputs["x"] = ReferenceTensor([tokens, 24], &numbers) }
    try expectRunMatches(graph(form), inputs, weights: weights, dtype: dtype, blockSize: blockSize, slack: 8)
  }

  private static let forms: [Form] = {
    var forms = [Form()]
    var form = Form()
    form.attention.window = 9
    forms.append(form)
    form.attention.softcap = 1.5
    form.rope = RopeSpec(dimensions: 16, theta: 10_000)
    forms.append(form)
    form.attention.window = nil
    form.attention.alibiSlopes = [0.5, 0.25, 0.125, 0.0625]
    form.isInterleaved = true
    forms.append(form)
    form = Form()
    form.hasSinks = true
    form.valueDim = 10
    form.rope = RopeSpec(dimensions: 8, theta: 10_000)
    forms.append(form)
    return forms
      + forms.map {
        var projected = $0
        projected.isProjected = true
        return projected
      }
  }()

  @Test(arguments: forms.indices, [1, 2, 70]) func matchesReference(_ form: Int, _ tokens: Int) throws {
    try check(Self.forms[form], tokens: tokens)
  }

  @Test(arguments: forms.indices, [DType.bfloat16, .float16]) func inSixteenBits(_ form: Int, _ dtype: DType) throws {
    try check(Self.forms[form], tokens: 20, dtype: dtype)
  }

  @Test(arguments: [1, 3, 64]) func anyBlockSize(_ blockSize: Int) throws {
    for form in Self.forms { try check(form, tokens: 37, blockSize: blockSize) }
  }

  @Test func layersHaveTheirOwnCaches() throws {
    let builder = GraphBuilder()
    var x = builder.input("x", .real, [.tokens, 2, 8])
    for layer in 0..<3 {
      let y = x * Float(layer + 1)
      x = x + builder.record(.attention(Attention(layer: layer, scale: 0.5)), [x, y, y])
    }
    builder.output("out", x)
    var numbers = SeededNumbers(seed: 1)
    try expectRunMatches(builder.graph, ["x": ReferenceTensor([19, 2, 8], &numbers)])
  }
}
