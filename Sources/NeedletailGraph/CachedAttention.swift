/// The operands of attention that writes its keys and values to the cache itself, by name.
public struct CachedAttentionOperands<Element> {
  /// Queries, keys and values merged [tokens, width], or queries [tokens, heads, d] alone.
  public var qkv: Element
  /// Keys and values, where they are not merged; no values where they are part of the keys.
  public var kv: (k: Element, v: Element?)?
  /// Cosines and sines [tokens, rotary dimensions].
  public var table: Element?
  /// [heads]
  public var sinks: Element?

  /// The operands of a node, told apart by their shapes; nil where they do not fit.
  public init?(_ inputs: [Element], shape: (Element) -> [Dim]) {
    guard let first = inputs.first else { return nil }
    qkv = first
    var rest = inputs.dropFirst()
    if shape(first).count == 3 {
      guard let k = rest.popFirst() else { return nil }
      kv = (k, rest.first.map { shape($0).count == 3 } == true ? rest.popFirst() : nil)
    }
    if let next = rest.first, shape(next).count == 2 { table = rest.popFirst() }
    if let next = rest.first, shape(next).count == 1 { sinks = rest.popFirst() }
    guard rest.isEmpty else { return nil }
  }
}

extension RopeCacheWrite {
  func write(to a: inout Attributes) {
    a.set("layer", layer)
    writeShape(to: &a)
  }

  func writeShape(to a: inout Attributes) {
    a.set("heads", heads)
    a.set("kv_heads", kvHeads)
    a.set("head_dim", headDim)
    a.set("value_dim", valueDim, unless: headDim)
    a.set("interleaved", interleaved, unless: false)
  }

  init(_ a: Attributes) throws(GraphError) {
    let headDim = try a.int("head_dim")
    self.init(
      layer: try a.int("layer"), heads: try a.int("heads"), kvHeads: try a.int("kv_heads"), headDim: headDim,
      valueDim: try a.int("value_dim", default: headDim), interleaved: a.bool("interleaved"))
  }

  /// Checks queries, keys and values, merged or not.
  func check(_ qkv: TensorType, _ kv: (k: TensorType, v: TensorType?)?) throws(GraphError) {
    var expected: [[Dim]]
    if kv == nil {
      expected = [[.tokens, .fixed(heads * headDim + kvHeads * (headDim + valueDim))]]
    } else {
      expected = [
        [.tokens, .fixed(heads), .fixed(headDim)], [.tokens, .fixed(kvHeads), .fixed(headDim)],
      ]
      if valueDim > 0 { expected.append([.tokens, .fixed(kvHeads), .fixed(valueDim)]) }
    }
    let types = [qkv] + (kv.map { [$0.k, $0.v].compactMap { $0 } } ?? [])
    guard types.map(\.shape) == expected else {
      throw GraphError("does not fit \(types.map(\.description).joined(separator: ", "))")
    }
  }

  /// The type of cached attention's result for operands of these types.
  func attentionType(_ inputs: [TensorType], _ attention: Attention) throws(GraphError) -> TensorType {
    guard let types = CachedAttentionOperands(inputs, shape: \.shape) else {
      throw GraphError("has \(inputs.count) operands")
    }
    try check(types.qkv, types.kv)
    if let sinks = types.sinks, sinks.shape != [.fixed(heads)] { throw GraphError("does not fit sinks \(sinks)") }
    if let table = types.table, table.shape[0] != .tokens { throw GraphError("does not fit a table \(table)") }
    guard attention.valuesFromKeys == nil ? valueDim > 0 : valueDim == 0 else {
      throw GraphError("writes values of \(valueDim), which does not fit its attention")
    }
    return TensorType(types.qkv.dtype, [.tokens, .fixed(heads), .fixed(attention.valuesFromKeys ?? valueDim)])
  }
}
