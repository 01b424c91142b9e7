import NeedletailGraph

extension SafetensorsDType {
  /// The graph's type for the same storage, or nil where the graph has none (6 bits, unsigned, complex).
  public var graphDType: DType? {
    switch self {
    case .bool: .bool
    case .u8: .uint8
    case .i8: .int8
    case .i16: .int16
    case .i32: .int32
    case .i64: .int64
    case .f8e4m3: .float8e4m3
    case .f8e5m2: .float8e5m2
    case .f8e8m0: .float8e8m0
    case .f4: .float4e2m1
    case .f16: .float16
    case .bf16: .bfloat16
    case .f32: .float32
    case .f64: .float64
    default: nil
    }
  }

  /// The file's type for a stored type of the graph, or nil for `.real`, which is not stored.
  public init?(_ dtype: DType) {
    switch dtype {
    case .real, .uint4: return nil
    case .bool: self = .bool
    case .uint8: self = .u8
    case .int8: self = .i8
    case .int16: self = .i16
    case .int32: self = .i32
    case .int64: self = .i64
    case .float8e4m3: self = .f8e4m3
    case .float8e5m2: self = .f8e5m2
    case .float8e8m0: self = .f8e8m0
    case .float4e2m1: self = .f4
    case .float16: self = .f16
    case .bfloat16: self = .bf16
    case .float32: self = .f32
    case .float64: self = .f64
    }
  }
}
