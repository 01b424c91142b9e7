import NeedletailCheckpoint
import NeedletailGraph

/// Groups of a row in 4-bit integers: scale, zero point, codes.
///
/// Asymmetric: scale = (max - min) / 15, zero = round(-min / scale), where the range includes 0. Symmetric: scale = largest
/// magnitude / 7, codes from -7 on. Scales are rounded to their 16 bits before codes are chosen.
struct GroupRounding: Sendable {
  let groupSize: Int
  let isSymmetric: Bool
  let scaleType: DType
  private let isHalf: Bool
  private let isFull: Bool

  init(_ coding: WeightCoding, columns: Int) {
    groupSize = coding.groupSize ?? columns
    isSymmetric = !coding.hasZeroPoints
    scaleType = coding.scaleType
    isHalf = coding.scaleType == .float16
    isFull = coding.scaleType == .float32
  }

  /// A number as the scale's type has it.
  @inline(__always)
  func rounded(_ value: Float) -> Float {
    isFull
      ? value
      : isHalf
        ? FloatBits.float(float16: FloatBits.float16(value)) : FloatBits.float(bfloat16: FloatBits.bfloat16(value))
  }

  /// Scale and zero of numbers between two bounds.
  @inline(__always)
  func scale(from low: Float, to high: Float) -> (scale: Float, zero: Float) {
    // The least half above 0, or about the least bfloat16, so that nothing is divided by 0.
    let least: Float = isHalf ? 0x1p-24 : 0x1p-100
    if isSymmetric { return (rounded(max(max(high, -low) / 7, least)), 8) }
    let (low, high) = (min(low, 0), max(high, 0))
    let scale = rounded(max((high - low) / 15, least))
    return (scale, min(max(nearest(-low / scale), 0), 15))
  }

  /// The code of a number.
  @inline(__always)
  func code(_ value: Float, _ scale: Float, _ zero: Float) -> Float {
    min(max(nearest(value / scale) + zero, isSymmetric ? 1 : 0), 15)
  }

  /// What the code stands for.
  @inline(__always)
  func value(_ code: Float, _ scale: Float, _ zero: Float) -> Float { rounded(scale * (code - zero)) }
}

/// The nearest whole number, ties to even, of numbers below 2²² in magnitude (larger ones stay about as they are).
@inline(__always)
func nearest(_ value: Float) -> Float { (value + 12_582_912) - 12_582_912 }

/// Least and largest number.
@inline(__always)
func bounds(_ row: UnsafePointer<Float>, _ range: Range<Int>) -> (low: Float, high: Float) {
  var (low, high) = (row[range.lowerBound], row[range.lowerBound])
  for index in range {
    low = min(low, row[index])
    high = max(high, row[index])
  }
  return (low, high)
}
