extension Jinja.Interpreter {
  typealias FormatSpecification = Jinja.FormatSpecification

  /// Python's `format % values`.
  func printed(_ format: String, _ values: Value) throws -> String {
    var rest = Array(format.unicodeScalars)[...]
    var arguments: [Value] = [values]
    if case .tuple(let list) = values { arguments = list.elements }
    var used = 0
    func next() throws -> Value {
      guard used < arguments.count else { throw failure("A format has more places than there are values.") }
      used += 1
      return arguments[used - 1]
    }
    var out = ""
    var usesNames = false
    while let scalar = rest.popFirst() {
      guard scalar == "%" else {
        out.unicodeScalars.append(scalar)
        continue
      }
      try append("", to: &out)
      var source: Value?
      if rest.first == "(" {
        let name = rest.dropFirst().prefix { $0 != ")" }
        rest = rest.dropFirst(name.count + 2)
        guard case .dict(let dict) = values else { throw failure("A format with names needs a dictionary.") }
        let key = Jinja.Key.string(.init(text: String(String.UnicodeScalarView(name))))
        guard let value = dict[key] else { throw failure("A format names a key that the dictionary lacks.") }
        source = value
        usesNames = true
      }
      let specification = try printfSpecification(&rest) { try integer(next(), "*") }
      if specification.kind == "%" {
        try append("%", to: &out)
      } else {
        try append(formatted(source ?? next(), specification), to: &out)
      }
    }
    if used < arguments.count, !usesNames {
      if case .dict = values {} else { throw failure("A format has fewer places than there are values.") }
    }
    try append("", to: &out)
    return out
  }

  private func printfSpecification(
    _ rest: inout ArraySlice<Unicode.Scalar>, star: () throws -> Int
  ) throws -> FormatSpecification {
    var specification = FormatSpecification()
    var isZeroPadded = false
    flags: while let flag = rest.first {
      switch flag {
      case "-": specification.alignment = .left
      case "+": specification.plus = "+"
      case " ": if specification.plus.isEmpty { specification.plus = " " }
      case "0": isZeroPadded = true
      case "#": specification.isAlternate = true
      default: break flags
      }
      rest.removeFirst()
    }
    func number() throws -> Int? {
      if rest.first == "*" {
        rest.removeFirst()
        return try checkedSize(star())
      }
      return try size(&rest)
    }
    if let width = try number() {
      specification.width = Int(width.magnitude)
      if width < 0 { specification.alignment = .left }
    }
    if rest.first == "." {
      rest.removeFirst()
      specification.precision = max(0, try number() ?? 0)
    }
    while let modifier = rest.first, "hlL".unicodeScalars.contains(modifier) { rest.removeFirst() }
    guard let kind = rest.popFirst() else { throw failure("A format ends within a place.") }
    specification.kind = kind
    if isZeroPadded, specification.alignment == nil, "diuxXofFeEgG".unicodeScalars.contains(kind) {
      specification.fill = "0"
      specification.alignment = .afterSign
    }
    return specification
  }

  /// Digits as a width or precision.
  func size(_ rest: inout ArraySlice<Unicode.Scalar>) throws -> Int? {
    var value: Int?
    while let digit = rest.first, digit.isDigit {
      value = try checkedSize((value ?? 0) * 10 + Int(digit.value - 0x30))
      rest.removeFirst()
    }
    return value
  }

  private func checkedSize(_ value: Int) throws -> Int {
    guard value.magnitude <= FormatSpecification.maximumSize else { throw failure("A format's width is too large.") }
    return value
  }

  private func formatted(_ value: Value, _ specification: FormatSpecification) throws -> String {
    var specification = specification
    switch specification.kind {
    case "s", "r", "a":
      let text = specification.kind == "s" ? try self.text(of: value) : try representation(of: value)
      let cut = specification.precision.map { String(text.unicodeScalars.prefix($0)) } ?? text
      return specification.padded(cut, default: .right)
    case "c":
      if case .string(let text) = value, text.unicodeScalars.count == 1 {
        return specification.padded(text, default: .right)
      }
      guard let code = value.integer, let scalar = UInt32(exactly: code).flatMap(Unicode.Scalar.init) else {
        throw failure("'%c' needs a character.")
      }
      return specification.padded(String(scalar), default: .right)
    case "d", "i", "u", "x", "X", "o":
      var number = value.integer
      if case .double(let double) = value, "diu".unicodeScalars.contains(specification.kind ?? " ") {
        number = Int(exactly: double.rounded(.towardZero))
      }
      guard let number else { throw failure("A format needs an integer, not '\(value.typeName)'.") }
      return specification.text(of: number)
    case "f", "F", "e", "E", "g", "G":
      guard let number = value.number else { throw failure("A format needs a number, not '\(value.typeName)'.") }
      specification.precision = specification.precision ?? 6
      return specification.text(of: number)
    default: throw failure("A format has a place of an unknown kind.")
    }
  }
}
