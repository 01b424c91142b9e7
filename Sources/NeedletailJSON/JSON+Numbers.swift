extension JSON {
  /// A number as Python writes it: the shortest digits that read back as the same value, always with a point or an
  /// exponent, the latter below 1e-4 and from 1e16 on (`1.0`, `1e-05`, `1e+16`); `inf` and `nan` for the others.
  public static func pythonText(of value: Double) -> String {
    guard value.isFinite else { return value.isNaN ? "nan" : value < 0 ? "-inf" : "inf" }
    // Swift finds the same digits, but changes to exponents at other sizes.
    var digits: [UInt8] = []
    var pointPosition: Int?
    var exponent = 0
    var text = value.description.utf8[...]
    if text.first == UInt8(ascii: "-") { text = text.dropFirst() }
    while let byte = text.popFirst() {
      switch byte {
      case UInt8(ascii: "."): pointPosition = digits.count
      case UInt8(ascii: "e"):
        exponent = Int(String(text) ?? "") ?? 0
        text = text[text.endIndex...]
      default: digits.append(byte)
      }
    }
    // The value is 0.DIGITS times ten to the power of `scale`.
    var scale = (pointPosition ?? digits.count) + exponent
    let zeros = digits.prefix { $0 == UInt8(ascii: "0") }.count
    digits.removeFirst(zeros)
    scale -= zeros
    while digits.last == UInt8(ascii: "0") { digits.removeLast() }
    let sign = value.sign == .minus ? "-" : ""
    guard !digits.isEmpty else { return sign + "0.0" }
    func zeroes(_ count: Int) -> String { String(repeating: "0", count: count) }
    let all = String(decoding: digits, as: UTF8.self)
    if scale > 16 || scale < -3 {
      let power = scale - 1
      let magnitude = String(power.magnitude)
      let padded = (power < 0 ? "-" : "+") + zeroes(max(0, 2 - magnitude.utf8.count)) + magnitude
      return sign + all.prefix(1) + (digits.count > 1 ? "." + all.dropFirst() : "") + "e" + padded
    }
    if scale <= 0 { return sign + "0." + zeroes(-scale) + all }
    if scale >= digits.count { return sign + all + zeroes(scale - digits.count) + ".0" }
    return sign + all.prefix(scale) + "." + all.dropFirst(scale)
  }
}
