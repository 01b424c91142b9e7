/// Conversions between 32-bit floats and the bits of the 16-bit formats, rounding to nearest, ties to even.
///
/// Written on integers, so that loops over them vectorize on every processor and give the same bits on all of them.
public enum FloatBits {
  /// The value of a bfloat16; exact.
  @inlinable @inline(__always)
  public static func float(bfloat16 bits: UInt16) -> Float { Float(bitPattern: UInt32(bits) << 16) }

  /// The value of an IEEE half; exact, subnormal numbers too.
  @inlinable @inline(__always)
  public static func float(float16 bits: UInt16) -> Float {
    let sign = UInt32(bits & 0x8000) << 16
    let magnitude = UInt32(bits & 0x7FFF) << 13
    // Moves the exponent from bias 15 to 127; infinities and NaN take the rest of the way up, subnormals are normalized
    // by a subtraction: 2^-14 + x - 2^-14 is x.
    let normal = magnitude &+ (112 << 23)
    let nonFinite = normal &+ (112 << 23)
    let subnormal = (Float(bitPattern: magnitude &+ (113 << 23)) - Float(bitPattern: 113 << 23)).bitPattern
    let value = magnitude >= 0x1F << 23 ? nonFinite : magnitude < 1 << 23 ? subnormal : normal
    return Float(bitPattern: value | sign)
  }

  /// The bfloat16 nearest to a value; NaN stays NaN.
  @inlinable @inline(__always)
  public static func bfloat16(_ value: Float) -> UInt16 {
    let bits = value.bitPattern
    let rounded = (bits &+ 0x7FFF &+ (bits >> 16 & 1)) >> 16
    return UInt16(truncatingIfNeeded: value.isNaN ? bits >> 16 | 0x40 : rounded)
  }

  /// The IEEE half nearest to a value; beyond 65,519 infinity, NaN stays NaN.
  @inlinable @inline(__always)
  public static func float16(_ value: Float) -> UInt16 {
    let bits = value.bitPattern
    let sign = bits >> 16 & 0x8000
    let magnitude = bits & 0x7FFF_FFFF
    let normal = (magnitude &- (112 << 23) &+ 0xFFF &+ (magnitude >> 13 & 1)) >> 13
    // Adding 0.5, whose last place is 2^-24, rounds to the step of the subnormal halves.
    let subnormal = (Float(bitPattern: magnitude) + 0.5).bitPattern &- (0.5 as Float).bitPattern
    let finite = magnitude < 113 << 23 ? subnormal : min(normal, 0x7C00)
    let result = magnitude > 0xFF << 23 ? 0x7E00 : finite
    return UInt16(truncatingIfNeeded: result | sign)
  }
}
