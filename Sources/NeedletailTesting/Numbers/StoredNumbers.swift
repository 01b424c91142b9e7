import NeedletailGraph

extension DType {
  /// The numbers as they are stored in this type: rounded to nearest, ties to even. Integers are cut off.
  public func encoded(_ values: [Float]) -> [UInt8] {
    func pack<Element>(_ convert: (Float) -> Element) -> [UInt8] {
      values.map(convert).withUnsafeBytes { Array($0) }
    }
    switch self {
    case .float32: return pack { $0 }
    case .float16: return pack { Float16($0) }
    case .bfloat16: return pack { BFloat16Bits.rounded($0) }
    case .float8e4m3: return pack { Float8Bits.rounded($0) }
    case .int32: return pack { Int32($0) }
    case .int64: return pack { Int64($0) }
    default: preconditionFailure("tests store no \(name)")
    }
  }

  /// The numbers that these bytes store.
  public func decoded(_ bytes: [UInt8]) -> [Float] {
    bytes.withUnsafeBytes { bytes in
      let count = bytes.count / byteCount
      func unpack<Element>(_ type: Element.Type, _ convert: (Element) -> Float) -> [Float] {
        (0..<count).map { convert(bytes.loadUnaligned(fromByteOffset: $0 * byteCount, as: type)) }
      }
      switch self {
      case .float32: return unpack(Float.self) { $0 }
      case .float16: return unpack(Float16.self) { Float($0) }
      case .bfloat16: return unpack(UInt16.self) { Float(bitPattern: UInt32($0) << 16) }
      case .float8e4m3: return unpack(UInt8.self) { Float8Bits.values[Int($0)] }
      case .int32: return unpack(Int32.self) { Float($0) }
      case .int64: return unpack(Int64.self) { Float($0) }
      default: preconditionFailure("tests store no \(name)")
      }
    }
  }

  /// The numbers as they are after having been stored in this type.
  public func rounded(_ values: [Float]) -> [Float] { decoded(encoded(values)) }

  /// The largest relative error of storing a number: half a unit in the last place.
  public var unitRoundoff: Double {
    switch self {
    case .float16: 0x1p-11
    case .bfloat16: 0x1p-8
    case .float32: 0x1p-24
    default: 0
    }
  }
}

/// float32's upper 16 bits.
enum BFloat16Bits {
  static func rounded(_ value: Float) -> UInt16 {
    if value.isNaN { return 0x7FC0 }
    let bits = value.bitPattern
    return UInt16(truncatingIfNeeded: (bits + 0x7FFF + (bits >> 16 & 1)) >> 16)
  }
}
