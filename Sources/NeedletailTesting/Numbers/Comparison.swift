import NeedletailGraph

/// How far some numbers are from those that were expected.
///
///     let comparison = Comparison(result, expected)
///     if let complaint = comparison.complaint(bounds: .of(.bfloat16)) { print(complaint) }
public struct Comparison: Hashable, Sendable {
  /// ‖a − b‖ / ‖b‖; infinite where something is not a number.
  public let relativeError: Double
  /// 1 − 2 a·b / (a·a + b·b), as DeepGEMM's tests have it: 0 for equal arrays, whatever their scale.
  public let calcDiff: Double
  /// The largest |a − b| / (|b| + root mean square of b): one wrong element among many does not hide in it.
  public let worst: Double
  /// Where that element is.
  public let worstIndex: Int

  /// Compares numbers with the expected ones; both must be as many.
  public init(_ result: [Float], _ expected: [Float]) {
    precondition(result.count == expected.count, "\(result.count) numbers, \(expected.count) expected")
    var difference = 0.0
    var square = 0.0
    var product = 0.0
    var other = 0.0
    for (a, b) in zip(result, expected) {
      let (a, b) = (Double(a), Double(b))
      difference += (a - b) * (a - b)
      square += b * b
      product += a * b
      other += a * a
    }
    let mean = expected.isEmpty ? 0 : (square / Double(expected.count)).squareRoot()
    var worst = (error: 0.0, index: 0)
    for (index, (a, b)) in zip(result, expected).enumerated() where a != b {
      let scale = max(Double(abs(b)) + mean, 1e-30)
      let error = Double(abs(a - b)) / scale
      if !(error <= worst.error) { worst = (error.isNaN ? .infinity : error, index) }
    }
    let relative = difference == 0 ? 0 : (difference / max(square, 1e-60)).squareRoot()
    relativeError = relative.isNaN ? .infinity : relative
    let similarity = square + other == 0 ? 0 : 1 - 2 * product / (square + other)
    calcDiff = similarity.isNaN ? .infinity : similarity
    self.worst = worst.error
    worstIndex = worst.index
  }

  /// What is too far off, in one sentence; nil: nothing is.
  public func complaint(_ bounds: Bounds) -> String? {
    if relativeError > bounds.relativeError {
      return "relative error \(relativeError), more than \(bounds.relativeError)"
    }
    if calcDiff > bounds.calcDiff { return "1 - similarity is \(calcDiff), more than \(bounds.calcDiff)" }
    if worst > bounds.worst { return "element \(worstIndex) is off by \(worst), more than \(bounds.worst)" }
    return nil
  }

  /// How far numbers may be off.
  public struct Bounds: Hashable, Sendable {
    /// Of the whole array.
    public var relativeError: Double
    /// Of the whole array: about the square of the relative error.
    public var calcDiff: Double
    /// Of each element.
    public var worst: Double

    /// Bounds for numbers that were summed in float32 and then stored in a type once. `slack` multiplies what float32
    /// may add, for longer chains of operations.
    public static func of(_ dtype: DType, slack: Double = 1) -> Bounds {
      let sums = 2e-6 * slack
      let error = dtype.unitRoundoff + sums
      return Bounds(relativeError: error, calcDiff: error * error + 1e-15, worst: dtype.unitRoundoff * 1.01 + 10 * sums)
    }

    /// Bounds for numbers that were summed from factors which had to be rounded to a type before.
    public static func of(_ dtype: DType, slack: Double, roundedTo factor: DType) -> Bounds {
      var bounds = of(dtype, slack: slack)
      bounds.relativeError += factor.unitRoundoff
      bounds.calcDiff = bounds.relativeError * bounds.relativeError + 1e-15
      bounds.worst += 4 * factor.unitRoundoff
      return bounds
    }
  }
}
