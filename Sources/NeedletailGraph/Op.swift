/// What a node of a graph computes. Shapes are in the docstrings; `rows` stands for any leading dimensions.
public enum Op: Hashable, Sendable {
  // What a model is written in.

  /// A value given at each step; its type is the node's. The standard ones are named in `StepInput`.
  case input(String)
  /// A weight: [shape].
  case weight(Weight)
  /// (table [vocabulary, width], ids int [rows]) -> [rows, width], times `scale`.
  case embed(scale: Float)
  /// (x [rows, k], weight [n, k], bias [n]?) -> [rows, n]: x weightᵀ + bias.
  case linear
  /// (a [rows, width], b of the same shape, or [width] for all rows) -> [rows, width].
  case binary(BinaryOperation)
  /// (x) -> the same shape.
  case activation(Activation)
  /// (x) -> x * factor + offset.
  case scale(Float, offset: Float)
  /// (x) -> cap * tanh(x / cap).
  case softcap(Float)
  /// (x) -> x where it lies between the bounds, else the nearer bound.
  case clamp(min: Float, max: Float)
  /// (x [rows, width], weight [width]?, bias [width]?) -> [rows, width].
  case norm(Norm)
  /// (x) -> the same elements in another shape.
  case reshape([Dim])
  /// (x [rows, width]) -> [rows, count], from `start` of each row.
  case slice(start: Int, count: Int)
  /// (positions int [tokens]) -> float32 [tokens, rotary dimensions]: cosines, then sines.
  case ropeTable(RopeSpec)
  /// (x [tokens, heads, head size], table) -> x with its first rotary dimensions rotated.
  case rope(interleaved: Bool)
  /// (a [rows, width], b [rows, other width]) -> [rows, width + other width].
  case concatenate
  /// (x [rows, heads, k], weight [heads n, k], or [heads k, n] if it is transposed) -> [rows, heads, n]: each head's own
  /// product.
  case headLinear(isTransposed: Bool)
  /// (q [tokens, heads, d], k [tokens, kv heads, d], v [tokens, kv heads, dv], sinks [heads]?) -> [tokens, heads, dv]:
  /// causal attention of each sequence's tokens over all of the sequence so far, which the runtime keeps. There is no v
  /// where values are part of the keys.
  case attention(Attention)
  /// (logits [rows, experts], bias [experts]?) -> (int32 [rows, k]: the experts of each row, float32 [rows, k]: their
  /// weights).
  case route(Routing)
  /// (x [rows, width], experts int [rows, k], weights [rows, k], gates and ups [experts * 2 inner, width], downs
  /// [experts * width, inner], biases [experts * 2 inner] and [experts * width]?) -> [rows, width].
  case experts(Experts)
  /// (x [tokens, heads, d], positions int [tokens]) -> x, each token's times a factor of its position.
  case positionScale(PositionScale)
  /// (x [tokens, width...]) -> [scored rows, width...]: the rows whose logits are needed.
  case scoredRows
  /// (x) -> the same in another storage type.
  case cast(DType)

  // What passes put in place of several of these.

  /// (x [rows, width], delta [rows, width], weight?, bias?) -> (x + delta, its norm).
  case addNorm(Norm)
  /// (x [rows, 2 width], gate then up) -> [rows, width]: activation(gate) * up.
  case gatedActivation(Activation)
  /// (q, k, v, table?) or (qkv merged [tokens, heads d + kv heads (d + dv)], table?) -> (q rotated, state): rotates, and
  /// writes k and v to the layer's cache. There is no v where values are part of the keys.
  case ropeCacheWrite(RopeCacheWrite)
  /// (q [tokens, heads, d], state, sinks?) -> [tokens, heads, dv].
  case pagedAttention(Attention, kvHeads: Int, valueDim: Int)
  /// (x [rows, k], weight [n, k], norm weight [k]?, norm bias [k]?, bias [n]?, residual [rows, width]?, row indices
  /// [rows]?) -> [rows, width], where width is n, or n / 2 if it is gated.
  case product(Product)
  /// (q, k, v, table?, sinks?) or (qkv merged, table?, sinks?) -> [tokens, heads, dv]: rotates, writes k and v to the
  /// layer's cache, and attends.
  case cachedAttention(RopeCacheWrite, Attention)
}

/// Element-wise operations of two operands; raw values are those of `nt_binary_arguments`.
public enum BinaryOperation: Int32, Hashable, Sendable, CaseIterable {
  case add = 0
  case multiply = 1
  case subtract = 2
  case divide = 3
}

/// Element-wise functions; raw values are those of `types.h`.
public enum Activation: Int32, Hashable, Sendable, Codable, CaseIterable {
  case identity = 0
  /// x sigmoid(x)
  case silu = 1
  /// 0.5 x (1 + erf(x / sqrt 2))
  case gelu = 2
  /// The tanh approximation of gelu.
  case geluTanh = 3
  case relu = 4
  case reluSquared = 5
  case sigmoid = 6
  case tanh = 7
  /// x sigmoid(1.702 x)
  case quickGelu = 8
}

/// A normalization over the last dimension.
public struct Norm: Hashable, Sendable {
  /// What is divided by.
  public enum Kind: String, Hashable, Sendable, Codable, CaseIterable {
    /// Root mean square (Zhang and Sennrich 2019).
    case rms
    /// Standard deviation, after taking the mean away (Ba et al. 2016).
    case layer
  }
  /// What is divided by.
  public var kind: Kind
  /// Added to the mean square.
  public var eps: Float
  /// Added to each weight: 1 for models that store weight - 1.
  public var weightOffset: Float

  /// A normalization.
  public init(_ kind: Kind, eps: Float, weightOffset: Float = 0) {
    self.kind = kind
    self.eps = eps
    self.weightOffset = weightOffset
  }
}

/// What causal attention of one layer does besides its dot products.
public struct Attention: Hashable, Sendable {
  /// Which cache it reads: layers are counted from 0 in the order the model calls them.
  public var layer: Int
  /// Factor of the scores.
  public var scale: Float
  /// How many positions a query sees, itself included; nil: all.
  public var window: Int?
  /// A query sees its own chunk of so many positions only, counted from the sequence's start; nil: all.
  public var chunk: Int?
  /// c in c tanh(score / c); nil: none.
  public var softcap: Float?
  /// Slope of each query head's distance penalty (Press et al. 2022); nil: none.
  public var alibiSlopes: [Float]?
  /// The values are the first so many numbers of the keys, and kept once; nil: they are an operand.
  public var valuesFromKeys: Int?

  /// Attention of a layer.
  public init(
    layer: Int, scale: Float, window: Int? = nil, softcap: Float? = nil, alibiSlopes: [Float]? = nil,
    valuesFromKeys: Int? = nil, chunk: Int? = nil
  ) {
    self.chunk = chunk
    self.layer = layer
    self.scale = scale
    self.window = window
    self.softcap = softcap
    self.alibiSlopes = alibiSlopes
    self.valuesFromKeys = valuesFromKeys
  }
}

/// How queries and keys are rotated and stored.
public struct RopeCacheWrite: Hashable, Sendable {
  /// Which cache is written.
  public var layer: Int
  /// Query heads.
  public var heads: Int
  /// Key and value heads.
  public var kvHeads: Int
  /// Size of a query and key head.
  public var headDim: Int
  /// Size of a value head; 0 where the values are part of the keys and are not written.
  public var valueDim: Int
  /// Pairs (2i, 2i + 1) instead of (i, i + half).
  public var interleaved: Bool

  /// How a layer's queries and keys are rotated and stored.
  public init(layer: Int, heads: Int, kvHeads: Int, headDim: Int, valueDim: Int, interleaved: Bool) {
    self.layer = layer
    self.heads = heads
    self.kvHeads = kvHeads
    self.headDim = headDim
    self.valueDim = valueDim
    self.interleaved = interleaved
  }
}

/// The inputs every step of a language model has.
public enum StepInput: String, Hashable, Sendable, Codable, CaseIterable {
  /// int32 [tokens]
  case tokenIDs
  /// int32 [tokens]: place of each token in its sequence
  case positions
  /// int64 [tokens]: block * block size + offset of each token's keys and values
  case slots
  /// int32 [sequences + 1]: where each sequence's tokens start
  case queryStarts
  /// int32 [sequences]: tokens of each sequence, those of this step included
  case contextLengths
  /// int32 [sequences, blocks of the longest sequence]
  case blockTables
  /// int32 [scored rows]: which tokens' logits are needed
  case scoredRows
}

/// Rows that a plan of a language model gives the host, one for each scored row of the step; each is the name of an output.
public enum StepOutput: String, Hashable, Sendable, Codable, CaseIterable {
  /// float32 [scored rows, vocabulary].
  case logits
  /// What the logits are made of, the final norm's results: float32 [scored rows, width]. Only in plans that are asked for
  /// it.
  case hidden = "scored_hidden"
}
