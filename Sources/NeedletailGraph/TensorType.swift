/// Shape and storage type of a value.
public struct TensorType: Hashable, Sendable, Codable {
  /// Dimensions, outermost first.
  public var shape: [Dim]
  /// How elements are stored; `.real` before the precision pass.
  public var dtype: DType

  /// A type.
  public init(_ dtype: DType, _ shape: [Dim]) {
    self.dtype = dtype
    self.shape = shape
  }

  /// State kept on the device from step to step (a layer's cache): orders those who write and read it, and takes no
  /// activation memory.
  public static let state = TensorType(.uint8, [])
  /// Whether this is the type of such state.
  public var isState: Bool { shape.isEmpty }

  /// The last dimension, which must be a number.
  public var width: Int {
    guard let width = shape.last?.fixed else { preconditionFailure("\(self) has no fixed last dimension") }
    return width
  }

  /// All dimensions but the last, as one.
  public var rows: Dim { product(of: shape.dropLast()) }

  /// Elements, as a multiple of the one unit the shape may have.
  public var elements: Dim { shape.isEmpty ? .fixed(0) : product(of: shape[...]) }

  private func product(of dims: ArraySlice<Dim>) -> Dim {
    dims.reduce(.fixed(1)) { product, dim in
      guard product.unit == .one || dim.unit == .one else { preconditionFailure("\(self) has two symbolic dimensions") }
      return product.unit == .one ? dim * product.count : product * dim.count
    }
  }

  /// Bytes in a step of these counts.
  public func bytes(in counts: StepCounts) -> Int { (elements.value(in: counts) * dtype.bitCount + 7) / 8 }
}

extension TensorType: CustomStringConvertible {
  /// "bfloat16[tokens, 64]", or "state".
  public var description: String {
    isState ? "state" : "\(dtype.name)[\(shape.map(\.description).joined(separator: ", "))]"
  }

  /// The type that prints so.
  public init?(_ text: String) {
    if text == "state" {
      self = .state
      return
    }
    guard let open = text.firstIndex(of: "["), text.last == "]", let dtype = DType(name: String(text[..<open])) else {
      return nil
    }
    var shape: [Dim] = []
    for part in text[text.index(after: open)...].dropLast().split(separator: ",") {
      guard let dim = Dim(part.drop { $0 == " " }) else { return nil }
      guard dim.count <= Int(Int32.max) else { return nil }
      shape.append(dim)
    }
    // Rows are counted by one unit: a type with two symbolic dimensions has no size.
    guard shape.filter({ $0.unit != .one }).count <= 1, !shape.isEmpty else { return nil }
    self.init(dtype, shape)
  }
}
