/// How a matrix [n, k] is stored in codes of 8 or 4 bits: w = scale * code, or scale * (code - zero).
///
///     WeightCoding(.int8)                                                  // a scale for each row
///     WeightCoding(.int4, groupSize: 64, hasZeroPoints: true, scaleType: .bfloat16)
///     WeightCoding(.float8e4m3, groupSize: 128, rowsPerScale: 128)         // DeepSeek's blocks
///
/// In memory as devices are given it: codes row-major, a byte each, or two a byte with the even column in the low half
/// [n, ceil(k / 2)]; scales [ceil(n / rowsPerScale), ceil(k / groupSize)] in `scaleType`; zeros, bytes, of the shape of
/// the scales. Codes of 4 bits are 0 ... 15, and the zero is 8 where there are no zero points.
public struct WeightCoding: Hashable, Sendable, Codable {
  /// What a code is.
  public enum Code: String, Hashable, Sendable, Codable, CaseIterable {
    /// 8 bits, 4 of exponent, no infinities ("fn").
    case float8e4m3
    /// -128 ... 127
    case int8
    /// 0 ... 15, less the zero
    case int4
    /// 4 bits, 2 of exponent: 0, 0.5, 1, 1.5, 2, 3, 4, 6 and their negatives (OCP microscaling formats).
    case float4e2m1
  }

  /// What a code is.
  public var code: Code
  /// Columns of a row that share a scale; nil: the whole row.
  public var groupSize: Int?
  /// Rows that share a scale: 1, or the height of a block.
  public var rowsPerScale: Int
  /// Whether each scale has a zero.
  public var hasZeroPoints: Bool
  /// Storage of scales: float32; 16 bits for groups of 4-bit integers, whose products scale * (code - zero) are rounded
  /// to it; powers of two for `.float4e2m1`.
  public var scaleType: DType
  /// Whether each row has a float32 factor besides: w = row factor * e4m3(scale * (code - zero)), for 4-bit codes that
  /// multiply fp8 activations.
  public var hasRowScales: Bool

  /// A coding.
  public init(
    _ code: Code, groupSize: Int? = nil, rowsPerScale: Int = 1, hasZeroPoints: Bool = false,
    scaleType: DType = .float32, hasRowScales: Bool = false
  ) {
    self.code = code
    self.groupSize = groupSize
    self.rowsPerScale = rowsPerScale
    self.hasZeroPoints = hasZeroPoints
    self.scaleType = scaleType
    self.hasRowScales = hasRowScales
  }
}

extension WeightCoding {
  /// Storage of a code.
  public var dtype: DType {
    switch code {
    case .float8e4m3: .float8e4m3
    case .int8: .int8
    case .int4: .uint4
    case .float4e2m1: .float4e2m1
    }
  }

  /// The largest magnitude of a code (of a code less its zero, where there are no zero points).
  public var largest: Float {
    switch code {
    case .float8e4m3: 448
    case .int8: 127
    case .int4: 7
    case .float4e2m1: 6
    }
  }

  /// The number that each code is.
  public var table: [Float] {
    switch code {
    case .float8e4m3: NarrowFloats.e4m3
    case .int8: (0..<256).map { Float(Int8(truncatingIfNeeded: $0)) }
    case .int4: (0..<16).map { Float($0) }
    case .float4e2m1: NarrowFloats.e2m1
    }
  }

  /// Bytes of a row's codes.
  public func rowBytes(_ k: Int) -> Int { (k * dtype.bitCount + 7) / 8 }
  /// Scales of a row.
  public func groups(_ k: Int) -> Int { groupSize.map { (k + $0 - 1) / $0 } ?? 1 }
  /// Rows of scales.
  public func scaleRows(_ n: Int) -> Int { (n + rowsPerScale - 1) / rowsPerScale }
  /// Bytes of all scales.
  public func scaleBytes(n: Int, k: Int) -> Int { scaleRows(n) * groups(k) * scaleType.byteCount }
  /// Bytes of all zeros.
  public func zeroBytes(n: Int, k: Int) -> Int { hasZeroPoints ? scaleRows(n) * groups(k) : 0 }
  /// Bits of a number, its share of scales and zeros included.
  public func bits(n: Int, k: Int) -> Double {
    let bytes =
      n * rowBytes(k) + scaleBytes(n: n, k: k) + zeroBytes(n: n, k: k) + (hasRowScales ? n * 4 : 0)
    return Double(bytes) * 8 / Double(max(n * k, 1))
  }

  /// What is wrong with it for a matrix [n, k], as the end of a sentence; nil: nothing.
  public func fault(n: Int, k: Int) -> String? {
    guard rowsPerScale > 0, groupSize.map({ $0 > 0 }) ?? true else { return "has scales of no numbers" }
    let is4Bit = dtype.bitCount == 4
    if is4Bit, k % 2 != 0 { return "has \(k) columns in codes of which two fill a byte" }
    if is4Bit, let groupSize, groupSize % 8 != 0 { return "has groups of \(groupSize), which is no multiple of 8" }
    if hasZeroPoints, code != .int4 { return "has zero points, which only 4-bit integers have" }
    if hasRowScales, code != .int4 { return "has factors of rows, which only 4-bit integers have" }
    if rowsPerScale > 1, code != .float8e4m3 || groupSize == nil { return "has blocks, which only fp8 has" }
    switch (code, scaleType) {
    case (.float4e2m1, .float8e8m0), (.int4, .float32), (.int4, .float16), (.int4, .bfloat16), (.int8, .float32),
      (.float8e4m3, .float32):
      return nil
    default: return "has scales in \(scaleType.name)"
    }
  }
}

extension WeightCoding: CustomStringConvertible {
  /// "int8", "int4 groups 64 zeros scales bfloat16", "float8e4m3 groups 128 rows 128".
  public var description: String {
    var text = code.rawValue
    if let groupSize { text += " groups \(groupSize)" }
    if rowsPerScale != 1 { text += " rows \(rowsPerScale)" }
    if hasZeroPoints { text += " zeros" }
    if hasRowScales { text += " row_scales" }
    if scaleType != .float32 { text += " scales \(scaleType.name)" }
    return text
  }

  /// Reads what `description` prints.
  init(text: Substring) throws(GraphError) {
    var words = text.split(separator: " ")[...]
    guard let name = words.popFirst(), let code = Code(rawValue: String(name)) else {
      throw GraphError("\(text) is no coding of a weight")
    }
    self.init(code)
    while let word = words.popFirst() {
      switch word {
      case "zeros": hasZeroPoints = true
      case "row_scales": hasRowScales = true
      case "groups", "rows":
        guard let count = words.popFirst().flatMap({ Int($0) }), 1...Int(Int32.max) ~= count else {
          throw GraphError("\(text) has no number of \(word)")
        }
        if word == "rows" { rowsPerScale = count } else { groupSize = count }
      case "scales":
        guard let dtype = words.popFirst().flatMap({ DType(name: String($0)) }) else {
          throw GraphError("\(text) has scales of no type")
        }
        scaleType = dtype
      default: throw GraphError("\(text) has \(word), which is unknown")
      }
    }
  }
}
