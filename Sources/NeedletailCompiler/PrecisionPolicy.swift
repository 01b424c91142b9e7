import NeedletailGraph

/// How a device stores the values of a graph. Sums are float32 whatever the storage.
///
///     PrecisionPolicy(.bfloat16)                      // the CPU's: 16-bit operands, float32 between
///     PrecisionPolicy(.bfloat16, stream: .bfloat16)   // everything in 16 bits
public struct PrecisionPolicy: Hashable, Sendable, Codable {
  /// Of what matrix products and attention read: their activations, queries, and 32-bit matrices of the checkpoint.
  public var dtype: DType
  /// Of the residual stream and all other results.
  public var stream: DType
  /// Of cached keys and values.
  public var cache: DType
  /// Of the graph's outputs.
  public var logits: DType

  /// A policy; `cache` is stored like the operands unless it is given.
  public init(_ dtype: DType, stream: DType = .float32, cache: DType? = nil, logits: DType = .float32) {
    for type in [dtype, stream, logits] {
      precondition([.float32, .float16, .bfloat16].contains(type), "activations in \(type.name)")
    }
    self.dtype = dtype
    self.stream = stream
    self.cache = cache ?? dtype
    self.logits = logits
  }

  /// How a weight is stored, given how the checkpoint stores each of its parts. Vectors are float32: they cost nothing
  /// and are added to sums. Matrices keep their 16 bits or fewer: widening adds no information; those of 32 bits take
  /// `dtype`, as do merged ones whose parts differ.
  func storage(of weight: Weight, in storedType: (String) -> DType) -> DType {
    guard weight.shape.count > 1 else { return .float32 }
    let stored = storedType(weight.parts[0].name)
    guard stored.byteCount <= 2, weight.parts.allSatisfy({ storedType($0.name) == stored }) else { return dtype }
    return stored
  }
}
