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
  /// 4 bits, 0 ... 15; two fill a byte, the first its low half.
  case uint4 = 13
  /// 4 bits, 2 of exponent; two fill a byte.
  case float4e2m1 = 14
  /// A power of two, 2^(bits - 127).
  case float8e8m0 = 15
}

extension DType {
  /// Bits of one element; 0 for `.real`, which is not stored.
  public var bitCount: Int {
    switch self {
    case .uint4, .float4e2m1: 4
    default: byteCount * 8
    }
  }

  /// Bytes of one element, rounded up; 0 for `.real`, which is not stored.
  public var byteCount: Int {
    switch self {
    case .real: 0
    case .float8e4m3, .float8e5m2, .int8, .uint8, .bool, .uint4, .float4e2m1, .float8e8m0: 1
    case .float16, .bfloat16, .int16: 2
    case .float32, .int32: 4
    case .float64, .int64: 8
    }
  }

  /// Whether values are real numbers, stored or not.
  public var isReal: Bool {
    switch self {
    case .real, .float32, .float16, .bfloat16, .float8e4m3, .float8e5m2, .float64, .float4e2m1, .float8e8m0: true
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
