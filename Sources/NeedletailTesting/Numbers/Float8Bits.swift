/// float8 of 4 bits of exponent and 3 of fraction, without infinities (e4m3fn).
enum Float8Bits {
  /// The number of each code.
  static let values: [Float] = (0..<256).map { code in
    let (sign, exponent, fraction): (Float, Int, Int) = (code < 128 ? 1 : -1, code >> 3 & 15, code & 7)
    if exponent == 15 && fraction == 7 { return .nan }
    if exponent == 0 { return sign * Float(fraction) * 0x1p-9 }
    return sign * Float(sign: .plus, exponent: exponent - 7, significand: 1 + Float(fraction) / 8)
  }

  /// The nearest, ties to even, bounded by 448.
  static func rounded(_ value: Float) -> UInt8 {
    guard !value.isNaN else { return 0x7F }
    let sign: UInt8 = value.sign == .minus ? 0x80 : 0
    let magnitude = value.magnitude
    guard magnitude < 448 else { return sign | 0x7E }
    // Units in the last place: 2^-9 for numbers below 2^-6, else an eighth of the power of two below.
    let exponent = max(-6, magnitude == 0 ? -6 : Int(magnitude.exponent))
    let units = Int((magnitude * Float(sign: .plus, exponent: 3 - exponent, significand: 1)).rounded(.toNearestOrEven))
    return sign | UInt8(units + (exponent + 6) * 8)
  }
}
