/// How numbers are stored. The raw values are those of the argument structs of kernels (`types.h`).
public enum DType: Int32, Sendable, Hashable, Codable, CaseIterable {
  /// A real number whose storage is not chosen yet: what models are written in. The precision pass replaces it.
  case real = 0
  case float32 = 1
  case float16 = 2
  case bfloat16 = 3
  /// 8 bits, 4 of exponent, no infinities ("fn").
  case float8e4m3 = 4
  case float8e5m2 = 5
  case int8 = 6
  case uint8 = 7
  case int16 = 8
  case int32 = 9
  case int64 = 10
  case bool = 11
  case float64 = 12
}

extension DType {
  /// Bytes of one element; 0 for `.real`, which is not stored.
  public var byteCount: Int {
    switch self {
    case .real: 0
    case .float8e4m3, .float8e5m2, .int8, .uint8, .bool: 1
    case .float16, .bfloat16, .int16: 2
    case .float32, .int32: 4
    case .float64, .int64: 8
    }
  }

  /// Whether values are real numbers, stored or not.
  public var isReal: Bool {
    switch self {
    case .real, .float32, .float16, .bfloat16, .float8e4m3, .float8e5m2, .float64: true
    default: false
    }
  }

  /// The name in printed graphs and on the command line: "bfloat16".
  public var name: String { String(describing: self) }

  /// The type of that name, as printed.
  public init?(name: String) {
    guard let type = Self.allCases.first(where: { $0.name == name }) else { return nil }
    self = type
  }
}
