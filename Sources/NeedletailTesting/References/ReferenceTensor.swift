/// Numbers with a shape.
public struct ReferenceTensor: Hashable, Sendable {
  /// Sizes, outermost first.
  public var shape: [Int]
  /// Elements, row-major.
  public var elements: [Double]

  /// Numbers of a shape.
  public init(_ shape: [Int], _ elements: [Double]) {
    precondition(shape.reduce(1, *) == elements.count, "\(elements.count) elements for \(shape)")
    self.shape = shape
    self.elements = elements
  }

  /// Numbers of a shape.
  public init(_ shape: [Int], _ elements: [Float]) { self.init(shape, elements.map(Double.init)) }

  /// Normal numbers of a standard deviation.
  public init(_ shape: [Int], _ numbers: inout SeededNumbers, deviation: Float = 1, mean: Float = 0) {
    self.init(shape, numbers.floats(shape.reduce(1, *), deviation: deviation, mean: mean))
  }

  /// The elements in single precision.
  public var floats: [Float] { elements.map(Float.init) }

  /// The last size.
  public var width: Int { shape.last ?? 1 }
}
