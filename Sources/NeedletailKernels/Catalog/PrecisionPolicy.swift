import NeedletailGraph

/// How a device stores the values of a graph. Sums are float32 whatever the storage.
///
///     PrecisionPolicy(.bfloat16)                             // the CPU's: 16-bit operands, float32 between
///     PrecisionPolicy(.bfloat16, intermediates: .bfloat16)   // a GPU's: only the residual stream is float32
///     PrecisionPolicy(.bfloat16, stream: .bfloat16)          // everything in 16 bits
public struct PrecisionPolicy: Hashable, Sendable, Codable {
  /// Of what matrix products and attention read: their activations, queries, and 32-bit matrices of the checkpoint.
  public var dtype: DType
  /// Of the residual stream: embeddings, sums, and what is added to them.
  public var stream: DType
  /// Of results that do not join the residual stream and that not only products read: queries, keys and values, gates.
  public var intermediates: DType
  /// Of cached keys and values.
  public var cache: DType
  /// Of the graph's outputs.
  public var logits: DType
  /// Of matrices; nil: as the checkpoint stores them if it does in 16 bits or fewer, else like the operands.
  public var matrices: DType?
  /// Of routers' matrices and of what they multiply; nil: as of other products. Which experts a token gets depends on
  /// differences of logits, so that what is lost here is not a little noise but now and then another expert.
  public var routers: DType?

  /// A policy; `cache` is stored like the operands and `intermediates` like the stream unless they are given.
  public init(
    _ dtype: DType, stream: DType = .float32, intermediates: DType? = nil, cache: DType? = nil, logits: DType = .float32
  ) {
    for type in [dtype, stream, intermediates ?? stream, logits] {
      precondition([.float32, .float16, .bfloat16].contains(type), "activations in \(type.name)")
    }
    self.dtype = dtype
    self.stream = stream
    self.intermediates = intermediates ?? stream
    self.cache = cache ?? dtype
    self.logits = logits
  }

  /// How a weight is stored, given how the checkpoint stores each of its parts. Vectors are float32: they cost nothing
  /// and are added to sums. Matrices keep their 16 bits or fewer: widening adds no information; those of 32 bits take
  /// `dtype`, as do merged ones whose parts differ. Where the policy has one type for matrices, all have it.
  public func storage(of weight: Weight, in storedType: (String) -> DType) -> DType {
    guard weight.shape.count > 1 else { return .float32 }
    if let matrices { return matrices }
    // What is scaled when it is loaded has other numbers than the checkpoint.
    if weight.parts.contains(where: \.hasUnitRows) { return dtype }
    let stored = storedType(weight.parts[0].name)
    guard stored.byteCount <= 2, weight.parts.allSatisfy({ storedType($0.name) == stored }) else { return dtype }
    return stored
  }
}
