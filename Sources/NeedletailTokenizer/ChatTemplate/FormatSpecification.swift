#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

extension Jinja {
  /// How one value is written into a format: `>8`, `.2f`, `05d`.
  struct FormatSpecification {
    enum Alignment { case left, right, center, afterSign }

    var fill: Unicode.Scalar = " "
    var alignment: Alignment?
    /// "+", " " or nothing: what stands before numbers that are not negative.
    var plus = ""
    /// `#`: bases have their prefix.
    var isAlternate = false
    var width = 0
    var grouping: String?
    var precision: Int?
    /// The conversion's letter; nil where none is given.
    var kind: Unicode.Scalar?

    /// More places or a greater width than this are refused.
    static let maximumSize = 10_000

    /// Fills a text, whose first `prefixCount` scalars are sign and base, up to the width.
    func padded(_ text: String, prefixCount: Int = 0, default standard: Alignment) -> String {
      let scalars = Array(text.unicodeScalars)
      let missing = width - scalars.count
      guard missing > 0 else { return text }
      let (before, after): (Int, Int) =
        switch alignment ?? standard {
        case .left: (0, missing)
        case .right: (missing, 0)
        case .center: (missing / 2, missing - missing / 2)
        case .afterSign: (0, 0)
        }
      var out = String.UnicodeScalarView()
      if (alignment ?? standard) == .afterSign {
        out.append(contentsOf: scalars[..<prefixCount])
        out.append(contentsOf: repeatElement(fill, count: missing))
        out.append(contentsOf: scalars[prefixCount...])
      } else {
        out.append(contentsOf: repeatElement(fill, count: before))
        out.append(contentsOf: scalars)
        out.append(contentsOf: repeatElement(fill, count: after))
      }
      return String(out)
    }

    /// An integer in the base that the kind asks for.
    func text(of value: Int) -> String {
      let (radix, prefix): (Int, String) =
        switch kind {
        case "x", "X": (16, kind == "X" ? "0X" : "0x")
        case "o": (8, "0o")
        case "b": (2, "0b")
        default: (10, "")
        }
      var digits = String(value.magnitude, radix: radix, uppercase: kind == "X")
      if let precision, digits.utf8.count < precision {
        digits = String(repeating: "0", count: precision - digits.utf8.count) + digits
      }
      let sign = (value < 0 ? "-" : plus) + (isAlternate ? prefix : "")
      return padded(sign + grouped(digits), prefixCount: sign.utf8.count, default: .right)
    }

    /// A floating-point number with `precision` places, 6 by default.
    func text(of value: Double) -> String {
      var digits = Self.printed(value.magnitude, precision: precision ?? 6, kind: kind ?? "f")
      if kind == "%" { digits = Self.printed(value.magnitude * 100, precision: precision ?? 6, kind: "f") + "%" }
      let sign = value.sign == .minus && !value.isNaN ? "-" : plus
      let whole = digits.prefix { $0.isNumber }
      let text = sign + grouped(String(whole)) + digits.dropFirst(whole.count)
      return padded(text, prefixCount: sign.utf8.count, default: .right)
    }

    private func grouped(_ digits: String) -> String {
      guard let grouping else { return digits }
      var out = ""
      for (position, digit) in digits.unicodeScalars.enumerated() {
        if position > 0, (digits.utf8.count - position) % 3 == 0 { out += grouping }
        out.unicodeScalars.append(digit)
      }
      return out
    }

    /// What C's `printf` writes for `%.*f` and its like: rounded exactly, as in Python.
    static func printed(_ value: Double, precision: Int, kind: Unicode.Scalar) -> String {
      let format = "%.*" + ("fFeEgG".unicodeScalars.contains(kind) ? String(kind) : "f")
      var buffer = [CChar](repeating: 0, count: max(0, min(precision, maximumSize)) + 400)
      let count = withVaList([Int32(clamping: min(precision, maximumSize)), value]) { arguments in
        vsnprintf(&buffer, buffer.count, format, arguments)
      }
      return String(decoding: buffer.prefix(Int(max(0, count))).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
  }
}
