import NeedletailJSON

extension Jinja.Interpreter {
  /// Python's `format.format(...)`.
  func braced(_ format: String, _ arguments: Arguments) throws -> String {
    var rest = Array(format.unicodeScalars)[...]
    var automatic = 0
    var out = ""
    while let scalar = rest.popFirst() {
      if scalar == "}" {
        guard rest.popFirst() == "}" else { throw failure("A single '}' stands in a format.") }
        out += "}"
      } else if scalar != "{" {
        out.unicodeScalars.append(scalar)
      } else if rest.first == "{" {
        rest.removeFirst()
        out += "{"
      } else {
        let field = rest.prefix { $0 != "}" && $0 != "{" }
        rest = rest.dropFirst(field.count)
        guard rest.popFirst() == "}" else { throw failure("A field of a format is not closed, or nests.") }
        try append(self.field(field, &automatic, arguments), to: &out)
      }
    }
    try append("", to: &out)
    return out
  }

  private func field(
    _ field: ArraySlice<Unicode.Scalar>, _ automatic: inout Int, _ arguments: Arguments
  ) throws -> String {
    var name = field.prefix { $0 != "!" && $0 != ":" }
    var rest = field.dropFirst(name.count)
    var conversion: Unicode.Scalar?
    if rest.first == "!" {
      conversion = rest.dropFirst().first
      rest = rest.dropFirst(2)
    }
    if rest.first == ":" { rest = rest.dropFirst() }
    let first = name.prefix { $0 != "." && $0 != "[" }
    name = name.dropFirst(first.count)
    var value: Value
    let firstText = String(String.UnicodeScalarView(first))
    if firstText.isEmpty || Int(firstText) != nil {
      let position = Int(firstText) ?? automatic
      if firstText.isEmpty { automatic += 1 }
      guard arguments.positional.indices.contains(position) else {
        throw failure("A format has more places than there are values.")
      }
      value = arguments.positional[position]
    } else {
      guard let named = arguments.named.first(where: { $0.name.isIdenticalText(to: firstText) }) else {
        throw failure("A format names '\(firstText)', which is not given.")
      }
      value = named.value
    }
    while let opening = name.popFirst() {
      let part = name.prefix { opening == "." ? $0 != "." && $0 != "[" : $0 != "]" }
      name = name.dropFirst(part.count + (opening == "[" ? 1 : 0))
      let text = String(String.UnicodeScalarView(part))
      value =
        opening == "."
        ? try attribute(text, of: value) : try item(Int(text).map { .int($0) } ?? .string(text), of: value)
    }
    if conversion == "r" || conversion == "a" { value = .string(try representation(of: value)) }
    if conversion == "s" { value = .string(try text(of: value)) }
    return try formatted(value, specification: &rest)
  }

  private func formatted(_ value: Value, specification rest: inout ArraySlice<Unicode.Scalar>) throws -> String {
    let isPlain = rest.isEmpty
    let specification = try braceSpecification(&rest)
    guard !isPlain else { return try text(of: value) }
    switch value {
    case .string(let text):
      guard specification.kind == nil || specification.kind == "s" else {
        throw failure("A string cannot be written in the format's kind.")
      }
      let cut = specification.precision.map { String(text.unicodeScalars.prefix($0)) } ?? text
      return specification.padded(cut, default: .left)
    case .int(let integer):
      switch specification.kind {
      case nil, "d", "n", "x", "X", "o", "b": return specification.text(of: integer)
      default: return specification.text(of: Double(integer))
      }
    case .bool(let flag):
      return specification.kind == nil
        ? specification.padded(flag ? "True" : "False", default: .left) : specification.text(of: flag ? 1 : 0)
    case .double(let double):
      guard specification.kind == nil, specification.precision == nil else { return specification.text(of: double) }
      let text = (double.sign == .plus ? specification.plus : "") + JSON.pythonText(of: double)
      let hasSign = text.utf8.first.map { $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "+") } ?? false
      return specification.padded(text, prefixCount: hasSign ? 1 : 0, default: .right)
    default: throw failure("A value of type '\(value.typeName)' has no format.")
    }
  }

  private func braceSpecification(_ rest: inout ArraySlice<Unicode.Scalar>) throws -> FormatSpecification {
    func alignment(_ scalar: Unicode.Scalar?) -> FormatSpecification.Alignment? {
      switch scalar {
      case "<": .left
      case ">": .right
      case "^": .center
      case "=": .afterSign
      default: nil
      }
    }
    var specification = FormatSpecification()
    if let fill = rest.first, let aligned = alignment(rest.dropFirst().first) {
      specification.fill = fill
      specification.alignment = aligned
      rest = rest.dropFirst(2)
    } else if let aligned = alignment(rest.first) {
      specification.alignment = aligned
      rest.removeFirst()
    }
    if let sign = rest.first, "+- ".unicodeScalars.contains(sign) {
      specification.plus = sign == "-" ? "" : String(sign)
      rest.removeFirst()
    }
    if rest.first == "#" {
      specification.isAlternate = true
      rest.removeFirst()
    }
    if rest.first == "0", specification.alignment == nil {
      specification.fill = "0"
      specification.alignment = .afterSign
    }
    specification.width = try size(&rest) ?? 0
    if let separator = rest.first, separator == "," || separator == "_" {
      specification.grouping = String(separator)
      rest.removeFirst()
    }
    if rest.first == "." {
      rest.removeFirst()
      specification.precision = try size(&rest)
    }
    specification.kind = rest.popFirst()
    guard rest.isEmpty else { throw failure("A format's field cannot be read.") }
    return specification
  }
}
