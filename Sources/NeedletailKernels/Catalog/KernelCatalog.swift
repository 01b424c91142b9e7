import NeedletailGraph

/// What a device's kernels can do: the compiler asks it how weights should lie and which launches compute a node.
public protocol KernelCatalog: Sendable {
  /// The device.
  var target: Target { get }
  /// The combinations of operations it has one kernel for.
  var fusions: Set<Fusion> { get }
  /// How a weight should lie in memory, from the operations that read it.
  func layout(of weight: Weight, dtype: DType, readBy ops: [Op]) -> WeightLayout
  /// Bytes of a weight in a layout, padding included.
  func byteCount(of weight: Weight, dtype: DType, layout: WeightLayout) -> Int
  /// The launches that compute a node; none where it needs no work.
  func launches(for node: LoweredNode) throws(CatalogError) -> [Launch]
}

/// A node with the places of its operands.
public struct LoweredNode {
  /// An operand or result.
  public struct Operand {
    /// Shape and storage type.
    public var type: TensorType
    /// Where it is.
    public var reference: BufferReference
    /// The weight it is, if it is one.
    public var weight: PlannedWeight?

    /// An operand.
    public init(type: TensorType, reference: BufferReference, weight: PlannedWeight? = nil) {
      self.type = type
      self.reference = reference
      self.weight = weight
    }
  }

  /// The operation.
  public var op: Op
  /// Where in the model it is.
  public var scope: String
  /// Operands.
  public var inputs: [Operand]
  /// Results.
  public var results: [Operand]
  /// The plan's limits.
  public var limits: PlanLimits
  /// How a layer's cache is stored.
  public var cache: CacheLayer?
  /// Adds a table to the plan and tells where it is.
  public var constant: ([Float]) -> BufferReference

  /// A node with the places of its operands.
  public init(
    op: Op, scope: String, inputs: [Operand], results: [Operand], limits: PlanLimits, cache: CacheLayer?,
    constant: @escaping ([Float]) -> BufferReference
  ) {
    self.op = op
    self.scope = scope
    self.inputs = inputs
    self.results = results
    self.limits = limits
    self.cache = cache
    self.constant = constant
  }
}

/// A node that a device has no kernel for.
public struct CatalogError: Error, Equatable, CustomStringConvertible {
  /// One sentence.
  public let description: String
  /// An error.
  public init(_ description: String) { self.description = description }
}
