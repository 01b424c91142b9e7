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

  // (head linear q, part of q rotated) over (latents, rotated keys), and each head's values made of latents.
  private func latent(heads: Int, nope: Int, rope: Int, rank: Int, value: Int) -> Graph {
    let builder = GraphBuilder()
    func weight(_ name: String, _ shape: [Int]) -> Tensor { builder.weight(Weight(parts: [.init(name, shape: shape)])) }
    let x = builder.input("x", .real, [.tokens, 24])
    let table = builder.input(StepInput.positions.rawValue, .int32, [.tokens])
      .ropeTable(RopeSpec(dimensions: rope, theta: 10_000))
    let q = x.linear(weight("q", [heads * (nope + rope), 24])).reshaped(.tokens, .fixed(heads), .fixed(nope + rope))
    let kv = x.linear(weight("kv", [rank + rope, 24]))
    let query = q.columns(0..<nope).headLinear(weight("up", [heads * nope, rank]), isTransposed: true)
      .concatenated(q.columns(nope..<nope + rope).rotated(by: table, interleaved: true))
    let key = kv.columns(0..<rank).reshaped(.tokens, 1, .fixed(rank))
      .concatenated(
        kv.columns(rank..<rank + rope).reshaped(.tokens, 1, .fixed(rope)).rotated(by: table, interleaved: true))
    let mixed = builder.record(.attention(Attention(layer: 0, scale: 0.2, valuesFromKeys: rank)), [query, key])
    builder.output("out", mixed.headLinear(weight("down", [heads * value, rank])))
    return builder.graph
  }

  @Test(arguments: [1, 2, 70], storageTypes) func valuesInKeys(_ tokens: Int, _ dtype: DType) throws {
    for (heads, nope, rope, rank, value) in [(4, 16, 8, 32, 16), (3, 20, 4, 17, 9)] {
      var numbers = SeededNumbers(seed: 3)
      let shapes = [
        "q": [heads * (nope + rope), 24], "kv": [rank + rope, 24], "up": [heads * nope, rank],
        "down": [heads * value, rank],
      ]
      var weights: [String: ReferenceTensor] = [:]
      for (name, shape) in shapes.sorted(by: { $0.key < $1.key }) {
        weights[name] = ReferenceTensor(shape, &numbers, deviation: 0.3)
      }
      let inputs = ["x": ReferenceTensor([tokens, 24], &numbers)]
      try expectRunMatches(
        latent(heads: heads, nope: nope, rope: rope, rank: rank, value: value), inputs, weights: weights,
        dtype: dtype, slack: 16)
    }
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
