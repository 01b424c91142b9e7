/// Values of the floating point formats of eight bits and less, as quantized checkpoints store them (Open Compute Project,
/// "OCP 8-bit Floating Point Specification" 2023 and "Microscaling Formats" 2023).
public enum NarrowFloats {
  /// The largest finite E4M3 number.
  public static let largestE4M3: Float = 448

  /// The 256 values of E4M3 without infinities ("fn"); 0x7F and 0xFF are NaN.
  public static let e4m3: [Float] = (0..<256).map { code in
    let (exponent, mantissa) = ((code >> 3) & 15, code & 7)
    if code & 0x7F == 0x7F { return .nan }
    let magnitude: Float =
      exponent == 0
      ? Float(mantissa) * 0x1p-9
      : Float(8 + mantissa) * Float(sign: .plus, exponent: exponent - 10, significand: 1)
    return code & 0x80 == 0 ? magnitude : -magnitude
  }

  /// The 16 values of E2M1, the sign in the highest bit.
  public static let e2m1: [Float] = [0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6]

  /// The value of an E8M0 exponent: 2 to the power of code - 127; 255 is NaN.
  public static func e8m0(_ code: UInt8) -> Float {
    code == 255 ? .nan : code == 0 ? 0x1p-127 : Float(bitPattern: UInt32(code) << 23)
  }

  /// The E4M3 number nearest to a value, ties to even; beyond 448 it is ±448, NaN stays NaN.
  @inlinable
  public static func e4m3(_ value: Float) -> UInt8 {
    let bits = value.bitPattern
    let sign = UInt8(truncatingIfNeeded: bits >> 24) & 0x80
    let magnitude = bits & 0x7FFF_FFFF
    if magnitude > 0x7F80_0000 { return sign | 0x7F }
    if magnitude >= 0x43E0_0000 { return sign | 0x7E }  // 448 and more
    if magnitude < 0x3C80_0000 {
      // Below 2^-6 the step is 2^-9: adding 2^14 makes it the last place.
      let rounded = (Float(bitPattern: magnitude) + 0x1p14).bitPattern &- (0x1p14 as Float).bitPattern
      return sign | UInt8(truncatingIfNeeded: rounded)
    }
    let rounded = (magnitude &- (120 << 23) &+ 0x7FFFF &+ (magnitude >> 20 & 1)) >> 20
    return sign | UInt8(truncatingIfNeeded: min(rounded, 0x7E))
  }
}
