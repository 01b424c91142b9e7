#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

extension Jinja {
  /// Filters of numbers.
  static let numberFilters: [String: FilterFunction] = [
    "int": { try $0.converted(toInteger: $1, $2) },
    "float": { interpreter, value, arguments in
      let fallback = try arguments.bind("float", ["default"])[0] ?? .double(0)
      if case .undefined(let problem) = value { throw interpreter.failure(problem) }
      return (value.number ?? interpreter.parsedDouble(value)).map { .double($0) } ?? fallback
    },
    "abs": { interpreter, value, arguments in
      _ = try arguments.bind("abs", [])
      if case .double(let value) = value { return .double(value.magnitude) }
      guard let integer = value.integer else {
        throw interpreter.failure("'abs' needs a number, not '\(value.typeName)'.")
      }
      return integer < 0 ? try interpreter.negated(.int(integer)) : .int(integer)
    },
    "round": { try $0.rounded($1, $2) },
  ]
}

extension Jinja.Interpreter {
  fileprivate func converted(toInteger value: Value, _ arguments: Arguments) throws -> Value {
    let values = try arguments.bind("int", ["default", "base"])
    let base = try integer(values[1], "base", default: 10)
    if case .undefined(let problem) = value { throw failure(problem) }
    if let integer = value.integer { return .int(integer) }
    if case .string(let text) = value, let parsed = try parsedInteger(text, base: base) { return .int(parsed) }
    guard let double = value.number ?? parsedDouble(value), !double.isNaN else { return values[0] ?? .int(0) }
    if double.isInfinite {
      if case .string = value { return values[0] ?? .int(0) }
      throw failure("Infinity has no integer.")
    }
    guard let integer = Int(exactly: double.rounded(.towardZero)) else { throw failure("An integer is too large.") }
    return .int(integer)
  }

  private func parsedInteger(_ text: String, base: Int) throws -> Int? {
    guard base == 0 || 2...36 ~= base else { return nil }
    var rest = Array(try stripped(text, nil).utf8)[...]
    var isNegative = false
    if let sign = rest.first, sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") {
      isNegative = sign == UInt8(ascii: "-")
      rest = rest.dropFirst()
    }
    var base = base
    if rest.count > 1, rest.first == UInt8(ascii: "0"), let letter = rest.dropFirst().first {
      let prefixBase =
        switch letter | 0x20 {
        case UInt8(ascii: "x"): 16
        case UInt8(ascii: "o"): 8
        case UInt8(ascii: "b"): 2
        default: 0
        }
      if prefixBase != 0, base == 0 || base == prefixBase {
        base = prefixBase
        rest = rest.dropFirst(2)
      }
    }
    guard let digits = withoutUnderscores(rest), digits.first != UInt8(ascii: "+"), digits.first != UInt8(ascii: "-")
    else { return nil }
    let body = (isNegative ? "-" : "") + String(decoding: digits, as: UTF8.self)
    if let value = Int(body, radix: base == 0 ? 10 : base) { return value }
    let isNumber = digits.allSatisfy { Unicode.Scalar($0).hexadecimalValue.map { $0 < min(base, 16) } ?? false }
    guard !isNumber || digits.isEmpty else { throw failure("An integer is too large.") }
    return nil
  }

  /// Digits without the underscores that Python allows between two of them; nil where one stands elsewhere.
  private func withoutUnderscores(_ text: ArraySlice<UInt8>) -> [UInt8]? {
    var digits: [UInt8] = []
    var previous = UInt8(ascii: "_")
    for byte in text {
      if byte == UInt8(ascii: "_"), previous == UInt8(ascii: "_") { return nil }
      if byte != UInt8(ascii: "_") { digits.append(byte) }
      previous = byte
    }
    return previous == UInt8(ascii: "_") ? nil : digits
  }

  /// A string as Python's `float` reads it.
  fileprivate func parsedDouble(_ value: Value) -> Double? {
    guard case .string(let text) = value, let trimmed = try? stripped(text, nil),
      let digits = withoutUnderscores(Array(trimmed.utf8)[...])
    else { return nil }
    let cleaned = String(decoding: digits, as: UTF8.self).lowercased()
    guard !cleaned.contains("x"), !cleaned.contains("(") else { return nil }
    return Double(cleaned.hasSuffix(".") && cleaned.utf8.count > 1 ? cleaned + "0" : cleaned)
  }

  fileprivate func rounded(_ value: Value, _ arguments: Arguments) throws -> Value {
    let values = try arguments.bind("round", ["precision", "method"])
    let places = try integer(values[0], "precision", default: 0)
    let method = try values[1].map { try string($0, "method") } ?? "common"
    guard let number = value.number else { throw failure("'round' needs a number, not '\(value.typeName)'.") }
    guard -400...400 ~= places else { throw failure("'round' is given too many places.") }
    let scale = pow(10, Double(places))
    switch method {
    case "ceil": return .double((number * scale).rounded(.up) / scale)
    case "floor": return .double((number * scale).rounded(.down) / scale)
    case "common":
      if let integer = value.integer, places >= 0 { return .int(integer) }
      guard number.isFinite else { return value }
      if places >= 0 {
        // Exact, as in Python: the decimal digits of the binary value decide.
        let text = Jinja.FormatSpecification.printed(number, precision: places, kind: "f")
        return .double(Double(text) ?? number)
      }
      let result = (number * scale).rounded(.toNearestOrEven) / scale
      return value.integer == nil ? .double(result) : .int(Int(exactly: result) ?? 0)
    default: throw failure("'round' has no method '\(method)': it has common, ceil and floor.")
    }
  }
}
