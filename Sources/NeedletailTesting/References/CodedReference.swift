import NeedletailGraph

/// Codes of weights and activations written out number by number, and products by them in double precision: what a device
/// computes with coded weights is compared with this.
public enum CodedReference {
  /// The nearest number of e4m3, ties to even, within ±448.
  public static func e4m3(_ x: Double) -> Double {
    guard x != 0 else { return x }
    let exponent = max(abs(x).exponent, -6)
    let unit = Double(sign: .plus, exponent: Int(exponent) - 3, significand: 1)
    return max(-448, min(448, (x / unit).rounded(.toNearestOrEven) * unit))
  }

  /// The nearest of 0, 0.5, 1, 1.5, 2, 3, 4, 6 with its sign, of two as near the one with the even code.
  public static func e2m1(_ x: Double) -> Double {
    let numbers = [0, 0.5, 1, 1.5, 2, 3, 4, 6]
    var best = 0
    for (code, number) in numbers.enumerated() {
      let (now, before) = (abs(abs(x) - number), abs(abs(x) - numbers[best]))
      if now < before || (now == before && code % 2 == 0) { best = code }
    }
    return x < 0 ? -numbers[best] : numbers[best]
  }

  /// Rounded to a storage type.
  public static func rounded(_ x: Double, to dtype: DType) -> Double {
    switch dtype {
    case .float16: return Double(Float16(Float(x)))
    case .bfloat16:
      let bits = Float(x).bitPattern
      return Double(Float(bitPattern: (bits &+ 0x7FFF &+ (bits >> 16 & 1)) & 0xFFFF_0000))
    default: return Double(Float(x))
    }
  }

  /// What the codes of a matrix [n, k] stand for, rounded to the nearest without calibration.
  public static func decoded(_ w: [Float], n: Int, k: Int, _ coding: WeightCoding) -> [Double] {
    var result = w.map(Double.init)
    let group = coding.groupSize ?? k
    for firstRow in stride(from: 0, to: n, by: coding.rowsPerScale) {
      for firstColumn in stride(from: 0, to: k, by: group) {
        let places = (firstRow..<min(n, firstRow + coding.rowsPerScale)).flatMap { row in
          (firstColumn..<min(k, firstColumn + group)).map { row * k + $0 }
        }
        code(&result, places, coding)
      }
    }
    return result
  }

  private static func code(_ numbers: inout [Double], _ places: [Int], _ coding: WeightCoding) {
    let values = places.map { numbers[$0] }
    let largest = max(values.map(abs).max() ?? 0, 1e-12)
    switch coding.code {
    case .int8, .float8e4m3:
      let scale = rounded(largest / Double(coding.largest), to: .float32)
      for place in places {
        let x = Double(Float(numbers[place]) / Float(scale))
        let code = coding.code == .int8 ? max(-127, min(127, x.rounded(.toNearestOrEven))) : e4m3(x)
        numbers[place] = code * scale
      }
    case .int4:
      let (low, high) = (min(values.min() ?? 0, 0), max(values.max() ?? 0, 0))
      let range = max(coding.hasZeroPoints ? Double(Float(high) - Float(low)) : 2 * largest, 1e-5)
      let scale = rounded(Double(Float(range) / 15), to: coding.scaleType)
      let zero =
        coding.hasZeroPoints
        ? min(15, Double(Float(-low) / Float(scale)).rounded(.toNearestOrEven)) : 8
      for place in places {
        let steps = Double(Float(numbers[place]) / Float(scale)).rounded(.toNearestOrEven)
        let code = max(0, min(15, steps + zero))
        numbers[place] = rounded(scale * (code - zero), to: coding.scaleType)
      }
    case .float4e2m1:
      let scale = Double(sign: .plus, exponent: Int(Float(largest).exponent) - 2, significand: 1)
      for place in places { numbers[place] = e2m1(numbers[place] / scale) * scale }
    }
  }

  /// What the codes of rows [rows, k] of activations stand for.
  public static func decoded(_ x: [Float], k: Int, _ coding: ActivationCoding?) -> [Double] {
    var result = x.map(Double.init)
    guard let coding else { return result }
    var group = k
    if case .group(let size) = coding.scope { group = size }
    for first in stride(from: 0, to: x.count, by: k) {
      for column in stride(from: 0, to: k, by: group) {
        let places = first + column..<first + min(k, column + group)
        let largest = max(places.map { abs(x[$0]) }.max() ?? 0, 1e-12)
        let scale = largest / coding.largest
        for place in places {
          let y = Double(x[place] / scale)
          let code = coding.code == .int8 ? max(-127, min(127, y.rounded(.toNearestOrEven))) : e4m3(y)
          result[place] = code * Double(scale)
        }
      }
    }
    return result
  }

  /// x weightᵀ with both decoded: [rows, n].
  public static func product(_ x: [Float], _ w: [Float], n: Int, k: Int, _ recipe: LinearRecipe) -> [Double] {
    let (x, w) = (decoded(x, k: k, recipe.activation), decoded(w, n: n, k: k, recipe.weight))
    return (0..<x.count / k).flatMap { row in
      (0..<n).map { column in (0..<k).reduce(0.0) { $0 + x[row * k + $1] * w[column * k + $1] } }
    }
  }
}
