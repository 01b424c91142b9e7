extension Jinja {
  /// A method of strings.
  typealias StringMethod = @Sendable (Interpreter, String, Arguments) throws -> Value

  /// Methods of strings.
  static let stringMethods: [String: StringMethod] = stringTransforms.merging(stringQueries) { a, _ in a }

  private static let stringTransforms: [String: StringMethod] = [
    "capitalize": { .string(try $0.plain("capitalize", $2) { PythonText.capitalized($1) }($1)) },
    "casefold": { .string(try $0.plain("casefold", $2) { $1.uppercased().lowercased() }($1)) },
    "lower": { .string(try $0.plain("lower", $2) { PythonText.lowercased($1) }($1)) },
    "upper": { .string(try $0.plain("upper", $2) { $1.uppercased() }($1)) },
    "title": { .string(try $0.plain("title", $2) { PythonText.titled($1) }($1)) },
    "swapcase": { interpreter, text, arguments in
      _ = try arguments.bind("swapcase", [])
      try interpreter.charge(text.utf8.count / 16)
      var out = ""
      for scalar in text.unicodeScalars {
        out += scalar.properties.isUppercase ? scalar.properties.lowercaseMapping : scalar.properties.uppercaseMapping
      }
      return .string(out)
    },
    "strip": { .string(try $0.stripped($1, try $2.bind("strip", ["chars"])[0])) },
    "lstrip": { .string(try $0.stripped($1, try $2.bind("lstrip", ["chars"])[0], right: false)) },
    "rstrip": { .string(try $0.stripped($1, try $2.bind("rstrip", ["chars"])[0], left: false)) },
    "removeprefix": { interpreter, text, arguments in
      let prefix = try interpreter.string(try arguments.bind("removeprefix", ["prefix"], required: 1)[0], "prefix")
      guard text.utf8.starts(with: prefix.utf8) else { return .string(text) }
      return .string(String(text.utf8.dropFirst(prefix.utf8.count)) ?? text)
    },
    "removesuffix": { interpreter, text, arguments in
      let suffix = try interpreter.string(try arguments.bind("removesuffix", ["suffix"], required: 1)[0], "suffix")
      guard text.utf8.suffix(suffix.utf8.count).elementsEqual(suffix.utf8) else { return .string(text) }
      return .string(String(text.utf8.dropLast(suffix.utf8.count)) ?? text)
    },
    "replace": { interpreter, text, arguments in
      let values = try arguments.bind("replace", ["old", "new", "count"], required: 2)
      return .string(
        try interpreter.replacing(
          interpreter.string(values[0], "old"), with: interpreter.string(values[1], "new"), in: text,
          limit: interpreter.integer(values[2], "count", default: -1)))
    },
    "split": { interpreter, text, arguments in
      let values = try arguments.bind("split", ["sep", "maxsplit"])
      return try interpreter.split(
        text, at: values[0], limit: interpreter.integer(values[1], "maxsplit", default: -1))
    },
    "rsplit": { interpreter, text, arguments in
      let values = try arguments.bind("rsplit", ["sep", "maxsplit"])
      return try interpreter.splitFromRight(
        text, at: values[0], limit: interpreter.integer(values[1], "maxsplit", default: -1))
    },
    "splitlines": { interpreter, text, arguments in
      let keepsEnds = try arguments.bind("splitlines", ["keepends"])[0]?.isTrue ?? false
      try interpreter.charge(text.utf8.count / 16)
      return try interpreter.strings(PythonText.lines(text, keepingEnds: keepsEnds))
    },
    "partition": { interpreter, text, arguments in
      let separator = try interpreter.string(try arguments.bind("partition", ["sep"], required: 1)[0], "sep")
      guard !separator.isEmpty else { throw interpreter.failure("A separator is empty.") }
      let offsets = try interpreter.offsets(of: separator, in: text, limit: 1)
      guard !offsets.isEmpty else { return try interpreter.tuple([.string(text), .string(""), .string("")]) }
      let pieces = interpreter.pieces(of: text, between: offsets, width: separator.utf8.count)
      return try interpreter.tuple([.string(pieces[0]), .string(separator), .string(pieces[1])])
    },
    "rpartition": { interpreter, text, arguments in
      let separator = try interpreter.string(try arguments.bind("rpartition", ["sep"], required: 1)[0], "sep")
      guard !separator.isEmpty else { throw interpreter.failure("A separator is empty.") }
      guard let offset = try interpreter.lastOffset(of: separator, in: text) else {
        return try interpreter.tuple([.string(""), .string(""), .string(text)])
      }
      let pieces = interpreter.pieces(of: text, between: [offset], width: separator.utf8.count)
      return try interpreter.tuple([.string(pieces[0]), .string(separator), .string(pieces[1])])
    },
    "join": { interpreter, text, arguments in
      let values = try arguments.bind("join", ["iterable"], required: 1)
      let parts = try interpreter.elements(of: values[0] ?? .none).map { try interpreter.string($0, "an element") }
      return .string(try interpreter.joined(parts, separator: text))
    },
    "format": { .string(try $0.braced($1, $2)) },
    "center": { try $0.padded($1, "center", $2, .center) },
    "ljust": { try $0.padded($1, "ljust", $2, .left) },
    "rjust": { try $0.padded($1, "rjust", $2, .right) },
    "zfill": { interpreter, text, arguments in
      let width = try interpreter.integer(try arguments.bind("zfill", ["width"], required: 1)[0], "width")
      try interpreter.chargeText(bytes: max(0, width))
      var format = FormatSpecification()
      format.fill = "0"
      format.width = width
      let hasSign = text.utf8.first.map { $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "+") } ?? false
      return .string(format.padded(text, prefixCount: hasSign ? 1 : 0, default: .afterSign))
    },
    "expandtabs": { interpreter, text, arguments in
      let size = try interpreter.integer(try arguments.bind("expandtabs", ["tabsize"])[0], "tabsize", default: 8)
      var out = ""
      var column = 0
      for scalar in text.unicodeScalars {
        if scalar == "\t" {
          let count = size > 0 ? size - column % size : 0
          try interpreter.chargeText(bytes: count)
          try interpreter.append(String(repeating: " ", count: count), to: &out)
          column += count
        } else {
          out.unicodeScalars.append(scalar)
          column = scalar == "\n" || scalar == "\r" ? 0 : column + 1
        }
      }
      return .string(out)
    },
  ]
}

extension Jinja.Interpreter {
  /// A method without arguments whose result is about as long as its text.
  fileprivate func plain(
    _ name: String, _ arguments: Arguments, _ transform: @escaping (Jinja.Interpreter, String) -> String
  ) throws -> (String) throws -> String {
    _ = try arguments.bind(name, [])
    return { [self] text in
      try charge(text.utf8.count / 16)
      return transform(self, text)
    }
  }

  /// Texts joined.
  func joined(_ parts: [String], separator: String) throws -> String {
    let gaps = max(0, parts.count - 1)
    let (separators, overflow) = gaps.multipliedReportingOverflow(by: separator.utf8.count)
    try chargeText(bytes: overflow ? .max : parts.reduce(min(separators, .max / 2)) { $0 + $1.utf8.count })
    return parts.joined(separator: separator)
  }

  fileprivate func padded(
    _ text: String, _ name: String, _ arguments: Arguments, _ alignment: Jinja.FormatSpecification.Alignment
  ) throws -> Value {
    let values = try arguments.bind(name, ["width", "fillchar"], required: 1)
    var format = Jinja.FormatSpecification()
    format.width = try integer(values[0], "width")
    try chargeText(bytes: min(max(0, format.width), .max / 8) * 4)
    if let fill = values[1] {
      let scalars = try string(fill, "fillchar").unicodeScalars
      guard let only = scalars.first, scalars.count == 1 else { throw failure("'fillchar' must be one character.") }
      format.fill = only
    }
    format.alignment = alignment
    // Python centres with the odd space on the left where the width is odd.
    if alignment == .center {
      let missing = format.width - text.unicodeScalars.count
      guard missing > 0 else { return .string(text) }
      let left = missing / 2 + (missing & format.width & 1)
      let right = missing - left
      return .string(
        String(repeating: String(format.fill), count: left) + text
          + String(repeating: String(format.fill), count: right))
    }
    return .string(format.padded(text, default: alignment))
  }
}
