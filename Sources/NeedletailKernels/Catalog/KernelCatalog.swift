import NeedletailGraph

/// What a device's kernels can do: the compiler asks it for the step sizes that deserve launches of their own, how values
/// and weights should be stored, what is computed together, and which launches compute a node.
public protocol KernelCatalog: Sendable {
  /// The device.
  var target: Target { get }
  /// How values are stored where operands of products have a type; `cache` nil: like the operands.
  func precision(_ dtype: DType, cache: DType?) -> PrecisionPolicy
  /// How the cache may be stored.
  var cacheTypes: Set<DType> { get }
  /// The most tokens of a step of each variant of a plan, ascending; the last is `limits.tokens`.
  func variantBounds(_ limits: PlanLimits) -> [Int]
  /// The combinations of operations it has one kernel for, in steps of up to so many tokens.
  func fusions(upTo tokens: Int, _ precision: PrecisionPolicy) -> Set<Fusion>
  /// How a device computes with a matrix that is to be coded so: the same, or with less where it has no kernels for it
  /// (activations stay in 16 bits), or with ordinary numbers, nil. Throws a sentence where it cannot.
  func adapted(_ recipe: LinearRecipe, for role: ModuleRole) throws(CatalogError) -> LinearRecipe?
  /// How a weight should lie in memory, from the operations that read it.
  func layout(of weight: Weight, dtype: DType, readBy ops: [Op]) -> WeightLayout
  /// Bytes of a weight in a layout, padding included.
  func byteCount(of weight: Weight, dtype: DType, layout: WeightLayout) -> Int
  /// The launches that compute a node; none where it needs no work.
  func launches(for node: LoweredNode) throws(CatalogError) -> [Launch]
}

extension KernelCatalog {
  /// Ordinary numbers.
  public var cacheTypes: Set<DType> { [.float32, .bfloat16, .float16] }
  /// The bounds of variants for small steps that fit, and that of the largest one.
  func bounds(_ small: [Int], _ limits: PlanLimits) -> [Int] { small.filter { $0 < limits.tokens } + [limits.tokens] }
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
  /// The largest counts of a step of the variant.
  public var maximum: StepCounts
  /// How a layer's cache is stored.
  public var cache: CacheLayer?
  /// Adds a table to the plan and tells where it is.
  public var constant: ([Float]) -> BufferReference
  /// Memory of the variant's that only the node's own launches use: its type, and what it is for.
  public var scratch: (TensorType, String) -> BufferReference

  /// A node with the places of its operands; `maximum` nil: the plan's largest step.
  public init(
    op: Op, scope: String, inputs: [Operand], results: [Operand], limits: PlanLimits, maximum: StepCounts? = nil,
    cache: CacheLayer?, constant: @escaping ([Float]) -> BufferReference,
    scratch: @escaping (TensorType, String) -> BufferReference = { preconditionFailure("no memory for \($1)") }
  ) {
    self.op = op
    self.scope = scope
    self.inputs = inputs
    self.results = results
    self.limits = limits
    self.maximum = maximum ?? limits.counts
    self.scratch = scratch
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
