import NeedletailGraph

/// What a device does in a second, measured: the floors that times are compared with.
public struct DeviceRates: Sendable {
  /// Bytes a second of each loop that reads memory.
  public var loops: [(loop: String, bytesPerSecond: Double)]
  /// Multiplications and additions a second of large matrix products.
  public var operationsPerSecond: Double

  /// Rates as measured.
  public init(loops: [(loop: String, bytesPerSecond: Double)], operationsPerSecond: Double) {
    self.loops = loops
    self.operationsPerSecond = operationsPerSecond
  }

  /// The best of the loops.
  public var bytesPerSecond: Double { loops.map(\.bytesPerSecond).max() ?? 0 }

  /// The least time for some bytes and operations.
  public func floorSeconds(_ cost: Cost.Evaluated) -> Double {
    max(Double(cost.bytes) / bytesPerSecond, Double(cost.operations) / operationsPerSecond)
  }
}

/// The time of a step and of each of its launches.
public struct StepMeasurement: Sendable {
  /// The variant that ran.
  public var variant: Int
  /// Seconds of each launch of the variant, by itself; nil where it does not run in this step.
  public var launches: [Double?]
  /// Seconds of the step as the engine runs it.
  public var step: Double
  /// Watts while steps ran; nil where the device does not tell.
  public var watts: Double?

  /// A measurement.
  public init(variant: Int, launches: [Double?], step: Double, watts: Double? = nil) {
    self.variant = variant
    self.launches = launches
    self.step = step
    self.watts = watts
  }

  /// Seconds of all launches, each by itself.
  public var sum: Double { launches.reduce(0) { $0 + ($1 ?? 0) } }
}

/// A device whose rates and energy can be asked for.
public protocol MeasurableDevice: Device {
  /// Measures the rates for some tenths of a second; products have operands of `dtype`.
  func measuredRates(_ dtype: DType) throws -> DeviceRates
  /// Joules since some time in the past; nil where the device does not tell.
  func energyJoules() -> Double?
}

/// A loaded plan that can time the launches of a step one by one.
public protocol MeasurablePlan: LoadedPlan {
  /// Times a step `repeats` times, whole and launch by launch; sequences must be in the cache.
  func measure(_ step: PlanStep, repeats: Int) throws -> StepMeasurement
}
