import NeedletailGraph

/// How a launch runs on a GPU: which machine code, with how many blocks and threads.
public struct GPULaunch: Hashable, Sendable, Codable {
  /// When a launch has something to do.
  public enum Condition: String, Hashable, Sendable, Codable {
    /// In every step.
    case always
    /// In steps with sequences that decode.
    case decodes
    /// In steps with tokens of sequences that do not decode.
    case prefills
  }

  /// The kernel's code, specialized.
  public var function: GPUFunction
  /// Blocks along x, y and z; nothing is launched where one of them is 0.
  public var grid: [GridExtent]
  /// Threads of a block.
  public var threads: Int
  /// Bytes of shared memory that a block asks for beside what the kernel declares.
  public var sharedBytes: Int
  /// Blocks of a cluster along x; 1: no clusters.
  public var cluster: Int
  /// Descriptions of tensors for the copy engine: parameters of the kernel after the argument struct, in this order.
  public var tensorMaps: [TensorMapPlan]
  /// Programmatic dependent launch: it may start while the launch ahead of it ends, and waits itself
  /// (`griddepcontrol.wait`) before it touches anything but weights and constants.
  public var startsEarly: Bool
  /// When it has something to do.
  public var condition: Condition
  /// How this configuration was chosen, for people: "measured on H200", "rule: one row of blocks a multiprocessor".
  public var choice: String

  /// A launch of a function.
  public init(
    _ function: GPUFunction, grid: [GridExtent], threads: Int, sharedBytes: Int = 0, cluster: Int = 1,
    tensorMaps: [TensorMapPlan] = [], startsEarly: Bool = true, condition: Condition = .always, choice: String = ""
  ) {
    self.function = function
    self.grid = grid
    self.threads = threads
    self.sharedBytes = sharedBytes
    self.cluster = cluster
    self.tensorMaps = tensorMaps
    self.startsEarly = startsEarly
    self.condition = condition
    self.choice = choice
  }

  /// Whether a step of these counts runs it.
  public func runs(in counts: StepCounts) -> Bool {
    switch condition {
    case .always: true
    case .decodes: counts.decodes > 0
    case .prefills: counts.tokens > counts.decodes
    }
  }
}

/// A kernel's source and what specializes it; equal ones share machine code.
public struct GPUFunction: Hashable, Sendable, Codable {
  /// A macro that the source is compiled with.
  public struct Define: Hashable, Sendable, Codable {
    /// The macro's name: "NT_HEAD_DIM".
    public var name: String
    /// Its value.
    public var value: Int
  }

  /// The source's path below `cuda/`: "attention/decode_attention.cu".
  public var source: String
  /// The function's name in the machine code; it is declared extern "C".
  public var entry: String
  /// Macros, by name.
  public var defines: [Define]

  /// A function of a source.
  public init(_ source: String, entry: String, _ defines: KeyValuePairs<String, Int> = [:]) {
    self.source = source
    self.entry = entry
    self.defines = defines.map { Define(name: $0.key, value: $0.value) }.sorted { $0.name < $1.name }
  }
}

/// How many blocks a grid has along one axis: a constant, plus a number of blocks for every so many of a count.
///
///     GridExtent(132)                                      // always 132
///     GridExtent(.tokens, per: 128)                        // the tokens, divided by 128, rounded up
public struct GridExtent: Hashable, Sendable, Codable {
  /// Blocks for a count.
  public struct Term: Hashable, Sendable, Codable {
    /// What is counted.
    public var dim: Dim
    /// How many of it a block takes.
    public var divisor: Int
    /// How often each of these blocks stands there.
    public var factor: Int
  }

  /// Blocks whatever the step.
  public var constant: Int
  /// Blocks for counts.
  public var terms: [Term] = []
  /// The most blocks; nil: no limit.
  public var limit: Int?

  /// A number of blocks.
  public init(_ constant: Int) { self.constant = constant }

  /// A block for every `divisor` of a count, each `factor` times, and at most `limit` in all.
  public init(_ dim: Dim, per divisor: Int = 1, times factor: Int = 1, limit: Int? = nil) {
    constant = 0
    terms = [Term(dim: dim, divisor: divisor, factor: factor)]
    self.limit = limit
  }

  /// The blocks of both.
  public static func + (a: GridExtent, b: GridExtent) -> GridExtent {
    var sum = a
    sum.constant += b.constant
    sum.terms += b.terms
    return sum
  }

  /// The number of blocks in a step.
  public func value(in counts: StepCounts) -> Int {
    let blocks = terms.reduce(constant) { sum, term in
      sum + (term.dim.value(in: counts) + term.divisor - 1) / term.divisor * term.factor
    }
    return min(blocks, limit ?? .max)
  }
}

/// A tensor as the copy engine is told of it when the plan is loaded (`TensorMap.encode`); the fastest dimension is the
/// first. What lies past the tensor is read as zeros and not written.
public struct TensorMapPlan: Hashable, Sendable, Codable {
  /// Where it starts; a multiple of 16 bytes.
  public var base: BufferReference
  /// Storage of its elements.
  public var dtype: DType
  /// Elements of each dimension; those of steps at their largest, those of the cache with all its blocks (`cacheBlocks`).
  public var dimensions: [Int]
  /// Bytes from one to the next along every dimension but the first; multiples of 16.
  public var strides: [Int]
  /// Elements that one copy brings.
  public var box: [Int]
  /// The permutation of 16-byte parts within so many bytes: 0, 32, 64 or 128.
  public var swizzle: Int
  /// Bytes around what a copy asks for that the second-level cache fetches: 64, 128 or 256.
  public var promotion: Int
  /// The last dimension counts cache blocks: it is multiplied by their number when the plan is loaded.
  public var isPerCacheBlock: Bool

  /// A tensor.
  public init(
    _ base: BufferReference, dtype: DType, dimensions: [Int], strides: [Int], box: [Int], swizzle: Int,
    promotion: Int = 256, isPerCacheBlock: Bool = false
  ) {
    self.base = base
    self.dtype = dtype
    self.dimensions = dimensions
    self.strides = strides
    self.box = box
    self.swizzle = swizzle
    self.promotion = promotion
    self.isPerCacheBlock = isPerCacheBlock
  }
}

/// What configurations are chosen by: the GPU a plan is for.
public struct GPUTraits: Hashable, Sendable, Codable {
  /// "sm_90a".
  public var architecture: String
  /// Multiprocessors.
  public var multiprocessors: Int
  /// Bytes of shared memory that a block may have.
  public var sharedBytesPerBlock: Int
  /// Bytes of the second-level cache.
  public var l2Bytes: Int

  /// A GPU.
  public init(architecture: String, multiprocessors: Int, sharedBytesPerBlock: Int, l2Bytes: Int) {
    self.architecture = architecture
    self.multiprocessors = multiprocessors
    self.sharedBytesPerBlock = sharedBytesPerBlock
    self.l2Bytes = l2Bytes
  }

  /// An H200, for plans made where there is none.
  public static let h200 = GPUTraits(
    architecture: "sm_90a", multiprocessors: 132, sharedBytesPerBlock: 232_448, l2Bytes: 62_914_560)

  /// Whether it has Hopper's own instructions (wgmma).
  public var isHopper: Bool { architecture == "sm_90a" }
  /// Whether it has the bulk copy engine, clusters and programmatic dependent launch.
  public var hasBulkCopies: Bool { (Int(architecture.dropFirst(3).filter(\.isNumber)) ?? 0) >= 90 }
}
