import NeedletailGraph

/// The symbolic batch of one forward pass: all tokens of all its sequences, packed without padding.
///
/// A model is called on a step and gives tensors. What differs from step to step (which sequences, how long, where their
/// caches are) is not the model's business: `attend` stands for causal attention over each sequence so far.
public final class Step {
  /// The graph that is being recorded.
  public let builder: GraphBuilder
  /// The longest sequence the engine will hold. Rope types that depend on a length are resolved from it, once.
  public let maximumSequenceLength: Int
  /// Calls of `attend` so far, each of which has its own cache.
  public private(set) var attentionCount = 0

  /// A step to be recorded by a builder, for an engine that holds sequences up to a length in tokens.
  public init(_ builder: GraphBuilder, maximumSequenceLength: Int) {
    precondition(maximumSequenceLength > 0, "maximumSequenceLength: \(maximumSequenceLength)")
    self.builder = builder
    self.maximumSequenceLength = maximumSequenceLength
  }

  /// int32 [tokens]
  public var tokenIDs: Tensor { builder.input(StepInput.tokenIDs.rawValue, .int32, [.tokens]) }
  /// The place of each token in its sequence: int32 [tokens].
  public var positions: Tensor { builder.input(StepInput.positions.rawValue, .int32, [.tokens]) }

  /// Causal attention over keys whose first `valuesFromKeys` numbers are the values, so that they are kept once
  /// (multi-query latent attention, DeepSeek-AI 2024): q [tokens, heads, d], k [tokens, kv heads, d] ->
  /// [tokens, heads, values]. `scale`: factor of the scores.
  public func attend(_ q: Tensor, _ k: Tensor, valuesFromKeys: Int, scale: Float) -> Tensor {
    let attention = Attention(layer: attentionCount, scale: scale, valuesFromKeys: valuesFromKeys)
    attentionCount += 1
    return builder.record(.attention(attention), [q, k])
  }

  /// Causal attention of each token over its sequence so far: q [tokens, heads, d], k [tokens, kv heads, d],
  /// v [tokens, kv heads, dv] -> [tokens, heads, dv].
  ///
  /// Layers are counted in the order of the calls. `window`: how many positions a query sees, itself included; nil: all.
  /// `chunk`: a query sees only its own chunk of so many positions; nil: all.
  /// `scale`: factor of the scores, 1 / √d unless given. `softcap`: c in c tanh(score / c). `alibiSlopes`: one a query
  /// head. `sinks` [heads]: logits that take part in the softmax and add nothing.
  public func attend(
    _ q: Tensor, _ k: Tensor, _ v: Tensor, window: Int? = nil, chunk: Int? = nil, scale: Float? = nil,
    softcap: Float? = nil, alibiSlopes: [Float]? = nil, sinks: Tensor? = nil
  ) -> Tensor {
    precondition(window ?? 1 > 0 && chunk ?? 1 > 0, "window: \(window ?? 0), chunk: \(chunk ?? 0)")
    let chunk = chunk.flatMap { $0 < maximumSequenceLength ? $0 : nil }
    let attention = Attention(
      layer: attentionCount, scale: scale ?? Float(1 / Double(q.type.width).squareRoot()), window: window,
      softcap: softcap, alibiSlopes: alibiSlopes, chunk: chunk)
    attentionCount += 1
    return builder.record(.attention(attention), [q, k, v] + (sinks.map { [$0] } ?? []))
  }
}
