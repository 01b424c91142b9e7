import NeedletailGraph

/// Where a plan's weights come from: a checkpoint, or made-up values.
public protocol WeightSource: Sendable {
  /// Calls `body` with `count` rows of a tensor from row `first` on, row-major as in the checkpoint, and their storage
  /// type; vectors are one column of rows. May be called from several threads.
  func withRows(
    of part: Weight.Part, first: Int, count: Int, _ body: (UnsafeRawPointer, DType) throws -> Void
  ) throws
}

/// A plan on a device: weights in place, memory allocated, ready to run steps.
///
/// A step: write its inputs, `forward`, then `sample` or read the outputs. Not thread-safe: one step at a time.
public protocol LoadedPlan: AnyObject, Sendable {
  /// The plan.
  var plan: Plan { get }
  /// Blocks of the cache.
  var blockCount: Int { get }
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
  /// Prepares weights and allocates memory. `progress` gets the prepared share of the weights, 0 to 1.
  func load(
    _ plan: Plan, weights: any WeightSource, blockCount: Int, progress: (@Sendable (Double) -> Void)?
  ) throws -> any LoadedPlan
}
