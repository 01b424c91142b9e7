extension Jinja.Lexer {
  /// Reads a number as Python writes them: `1_000`, `0x1F`, `1.5e-3`.
  mutating func number() throws {
    let followsDot = position > 0 && source[position - 1] == "."
    if !followsDot, let end = floatEnd() {
      guard let value = Double(digits(position..<end)) else { throw error("A number cannot be read.") }
      add(.float(value))
      return advance(to: end)
    }
    var radix = 10
    var start = position
    if source[position] == "0", position + 1 < source.count {
      switch source[position + 1] {
      case "x", "X": radix = 16
      case "o", "O": radix = 8
      case "b", "B": radix = 2
      default: break
      }
      if radix != 10 { start += 2 }
    }
    var end = start
    while end < source.count, source[end].hexadecimalValue.map({ $0 < radix }) == true || isUnderscore(end, radix) {
      // A decimal number that starts with 0 is made of zeros.
      if radix == 10, source[position] == "0", source[end] != "0", source[end] != "_" { break }
      end += 1
    }
    guard let value = Int(digits(start..<end), radix: radix) else { throw error("An integer is too large.") }
    add(.integer(value))
    advance(to: end)
  }

  private func isUnderscore(_ offset: Int, _ radix: Int) -> Bool {
    source[offset] == "_" && offset + 1 < source.count
      && source[offset + 1].hexadecimalValue.map { $0 < radix } == true
  }

  private func digits(_ range: Range<Int>) -> String {
    var text = String.UnicodeScalarView()
    for scalar in source[range] where scalar != "_" { text.append(scalar) }
    return String(text)
  }

  private func digitsEnd(_ start: Int) -> Int {
    var end = start
    while end < source.count, source[end].isDigit || (end > start && isUnderscore(end, 10)) { end += 1 }
    return end
  }

  /// The end of a floating-point number at the position, nil where there is none: a fraction or an exponent is needed.
  private func floatEnd() -> Int? {
    let whole = digitsEnd(position)
    var end = whole
    if end < source.count, source[end] == "." {
      let fraction = digitsEnd(end + 1)
      if fraction > end + 1 { end = fraction }
    }
    if end < source.count, source[end] == "e" || source[end] == "E" {
      var exponent = end + 1
      if exponent < source.count, source[exponent] == "+" || source[exponent] == "-" { exponent += 1 }
      let exponentEnd = digitsEnd(exponent)
      if exponentEnd > exponent { return exponentEnd }
    }
    return end > whole ? end : nil
  }

  /// Reads a string with Python's escapes.
  mutating func string(quote: Unicode.Scalar) throws {
    var text = String.UnicodeScalarView()
    var offset = position + 1
    while offset < source.count, source[offset] != quote {
      if source[offset] == "\\" {
        guard offset + 1 < source.count else { break }
        offset = try escape(at: offset + 1, into: &text)
      } else {
        text.append(source[offset])
        offset += 1
      }
    }
    guard offset < source.count else { throw error("A string has no end.") }
    add(.string(String(text)))
    advance(to: offset + 1)
  }

  /// Appends what an escape stands for, and says where the text goes on.
  private func escape(at start: Int, into text: inout String.UnicodeScalarView) throws -> Int {
    let kind = source[start]
    switch kind {
    case "\n": break
    case "n": text.append("\n")
    case "t": text.append("\t")
    case "r": text.append("\r")
    case "a": text.append("\u{07}")
    case "b": text.append("\u{08}")
    case "f": text.append("\u{0C}")
    case "v": text.append("\u{0B}")
    case "\\", "'", "\"": text.append(kind)
    case "x": return try hexadecimal(start + 1, count: 2, into: &text)
    case "u": return try hexadecimal(start + 1, count: 4, into: &text)
    case "U": return try hexadecimal(start + 1, count: 8, into: &text)
    case "N": throw error("The escape \\N is not supported.")
    case "0"..."7":
      var end = start
      var code: UInt32 = 0
      while end < min(start + 3, source.count), let digit = source[end].hexadecimalValue, digit < 8 {
        code = code * 8 + UInt32(digit)
        end += 1
      }
      text.append(Unicode.Scalar(code) ?? "?")
      return end
    default:
      // Python keeps the backslash of an escape that it does not know.
      text.append("\\")
      if kind.isASCII {
        text.append(kind)
      } else {
        // Jinja encodes what is not ASCII as an escape first, whose backslash the first one then escapes.
        text.append(contentsOf: PythonText.escape(kind).dropFirst().unicodeScalars)
      }
    }
    return start + 1
  }

  private func hexadecimal(_ start: Int, count: Int, into text: inout String.UnicodeScalarView) throws -> Int {
    var code: UInt32 = 0
    for offset in start..<start + count {
      guard offset < source.count, let digit = source[offset].hexadecimalValue else {
        throw error("An escape in a string lacks hexadecimal digits.")
      }
      code = code << 4 | UInt32(digit)
    }
    guard let scalar = Unicode.Scalar(code) else { throw error("An escape in a string is no character.") }
    text.append(scalar)
    return start + count
  }
}
