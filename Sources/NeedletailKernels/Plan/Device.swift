import NeedletailGraph

/// Where a plan's weights come from: a checkpoint, or made-up values.
public protocol WeightSource: Sendable {
  /// What made-up weights are made of, which a device may make itself; nil: they must be read.
  var dummy: DummySource? { get }
  /// Calls `body` with `count` rows of a part's tensor from row `first` on, row-major as in the checkpoint, and their
  /// storage type. The tensor is seen as rows of `part.storedWidth` elements: vectors are one column of rows, the
  /// matrices of a tensor of several follow each other. May be called from several threads.
  func withRows(
    of part: Weight.Part, first: Int, count: Int, _ body: (UnsafeRawPointer, DType) throws -> Void
  ) throws
  /// The matrix of a parameter that is stored in codes; nil: it is stored in ordinary numbers, or made up.
  func coded(_ name: String) -> (any CodedMatrix)?
}

extension WeightSource {
  /// They must be read.
  public var dummy: DummySource? { nil }
  /// None are.
  public func coded(_ name: String) -> (any CodedMatrix)? { nil }
}

/// What made-up weights are made of.
public struct DummySource: Sendable {
  /// How a checkpoint would store them: values are rounded to it before anything else.
  public var dtype: DType
  /// The key of a tensor's stream of values, by its name (`dummy_weights.h`).
  public var tensorKey: @Sendable (String) -> UInt64

  /// Made-up weights.
  public init(dtype: DType, tensorKey: @escaping @Sendable (String) -> UInt64) {
    self.dtype = dtype
    self.tensorKey = tensorKey
  }
}

/// A plan on a device: weights in place, memory allocated, ready to run steps.
///
/// Not thread-safe. Either whole steps are submitted, or one is run by hand: write its inputs, `forward`, then `sample`
/// or read the outputs.
public protocol LoadedPlan: AnyObject, Sendable {
  /// The plan.
  var plan: Plan { get }
  /// Blocks of the cache.
  var blockCount: Int { get }
  /// Steps that may be submitted before the first of them is waited for.
  var stepsInFlight: Int { get }
  /// Starts a step. `times`, if given, gets the variant's index and the nanoseconds of each of its launches; the step
  /// has run then when this returns.
  func submit(_ step: PlanStep, times: ((Int, [UInt64]) -> Void)?) throws -> any PendingPlanStep
  /// Copies bytes to the start of a step input, a graph's own input, or any other buffer.
  func write(_ bytes: UnsafeRawBufferPointer, to buffer: Buffer) throws
  /// Runs the launches of a step. `times`, if given, gets the nanoseconds of each launch.
  func forward(_ counts: StepCounts, times: ((Int, [UInt64]) -> Void)?) throws
  /// Chooses a token for each scored row.
  func sample(_ request: SampleRequest) throws -> SampleResult
  /// Calls `body` with the bytes of an output after the step has finished.
  func withOutput<Result>(_ name: String, _ body: (UnsafeRawBufferPointer) throws -> Result) throws -> Result
}

/// A device that loads plans.
public protocol Device: AnyObject, Sendable {
  /// What plans for it are compiled with.
  var catalog: any KernelCatalog { get }
  /// One line for people: "CPU avx512bf16, 2 threads".
  var summary: String { get }
  /// Bytes of its own memory; nil where plans lie in the host's, which gives pages as they are touched.
  func memory() throws -> DeviceMemory?
  /// Bytes that a plan takes of that memory, the cache excepted.
  func bytesNeeded(by plan: Plan) -> Int
  /// Prepares weights and allocates memory. `progress` gets the prepared share of the weights, 0 to 1.
  func load(
    _ plan: Plan, weights: any WeightSource, blockCount: Int, progress: (@Sendable (Double) -> Void)?
  ) throws -> any LoadedPlan
  /// The same with weights that were prepared before.
  func load(
    _ plan: Plan, prepared: any PreparedWeights, blockCount: Int, progress: (@Sendable (Double) -> Void)?
  ) throws -> any LoadedPlan
}

extension Device {
  /// None of its own.
  public func memory() throws -> DeviceMemory? { nil }
  /// Weights and activations.
  public func bytesNeeded(by plan: Plan) -> Int { plan.weightBytes + plan.activationBytes }
}

/// A device's own memory.
public struct DeviceMemory: Hashable, Sendable {
  /// All of it.
  public var totalBytes: Int
  /// What nobody holds.
  public var freeBytes: Int

  /// Memory.
  public init(totalBytes: Int, freeBytes: Int) {
    self.totalBytes = totalBytes
    self.freeBytes = freeBytes
  }
}
