extension Jinja {
  /// All filters.
  static let filters: [String: FilterFunction] = [textFilters, numberFilters, sequenceFilters, selectingFilters]
    .reduce(into: [:]) { $0.merge($1) { a, _ in a } }

  private static let textFilters: [String: FilterFunction] = [
    "capitalize": { .string(PythonText.capitalized(try $0.text($1, "capitalize", $2))) },
    "lower": { .string(PythonText.lowercased(try $0.text($1, "lower", $2))) },
    "upper": { .string(try $0.text($1, "upper", $2).uppercased()) },
    "title": { .string($0.titledWords(try $0.text($1, "title", $2))) },
    "string": { .string(try $0.text($1, "string", $2)) },
    "safe": { .markup(try $0.text($1, "safe", $2)) },
    "escape": { .markup(try $0.escaped(try $0.text($1, "escape", $2))) },
    "e": { .markup(try $0.escaped(try $0.text($1, "e", $2))) },
    "forceescape": { .markup(try $0.escaped(try $0.text($1, "forceescape", $2))) },
    "trim": { .string(try $0.stripped(try $0.text(of: $1), try $2.bind("trim", ["chars"])[0])) },
    "wordcount": { interpreter, value, arguments in
      let text = try interpreter.text(value, "wordcount", arguments)
      return .int(text.unicodeScalars.split { !$0.isWord }.count)
    },
    "replace": { interpreter, value, arguments in
      let values = try arguments.bind("replace", ["old", "new", "count"], required: 2)
      return .string(
        try interpreter.replacing(
          interpreter.text(of: values[0] ?? .none), with: interpreter.text(of: values[1] ?? .none),
          in: interpreter.text(of: value),
          limit: values[2].isNothing ? -1 : interpreter.integer(values[2], "count")))
    },
    "indent": { try $0.indented($1, $2) },
    "format": { interpreter, value, arguments in
      let format = try interpreter.text(of: value)
      guard arguments.named.isEmpty || arguments.positional.isEmpty else {
        throw interpreter.failure("'format' takes positional or named arguments, not both.")
      }
      if arguments.named.isEmpty {
        return .string(try interpreter.printed(format, try interpreter.tuple(arguments.positional)))
      }
      let pairs = arguments.named.map { (key: Value.string($0.name), value: $0.value) }
      return .string(try interpreter.printed(format, try interpreter.dict(pairs)))
    },
    "tojson": { try $0.jsonText($1, $2) },
    "center": { interpreter, value, arguments in
      let width = try arguments.bind("center", ["width"])[0] ?? .int(80)
      let text = Value.string(try interpreter.text(of: value))
      return try interpreter.call(interpreter.attribute("center", of: text), Arguments(positional: [width]))
    },
    "truncate": { try $0.truncated($1, $2) },
    "urlencode": { interpreter, value, arguments in
      let text = try interpreter.text(value, "urlencode", arguments)
      try interpreter.chargeText(bytes: text.utf8.count * 3)
      let kept = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/".utf8)
      var out = ""
      for byte in text.utf8 {
        if kept.contains(byte) {
          out.unicodeScalars.append(Unicode.Scalar(byte))
        } else {
          out += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
        }
      }
      return .string(out)
    },
  ]
}

extension Jinja.Interpreter {
  /// The text of a filter's value, whose filter takes no arguments.
  fileprivate func text(_ value: Value, _ name: String, _ arguments: Arguments) throws -> String {
    _ = try arguments.bind(name, [])
    let text = try text(of: value)
    try charge(text.utf8.count / 16)
    return text
  }

  /// A text with what HTML takes for markup escaped.
  func escaped(_ text: String) throws -> String {
    var out = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": out += "&amp;"
      case "<": out += "&lt;"
      case ">": out += "&gt;"
      case "'": out += "&#39;"
      case "\"": out += "&#34;"
      default: out.unicodeScalars.append(scalar)
      }
    }
    try chargeText(bytes: out.utf8.count)
    return out
  }

  /// The filter `title`: words start after space, hyphens and opening brackets, unlike with the method.
  fileprivate func titledWords(_ text: String) -> String {
    var out = ""
    var startsWord = true
    for scalar in text.unicodeScalars {
      if scalar.isPythonSpace || "-({[<".unicodeScalars.contains(scalar) {
        out.unicodeScalars.append(scalar)
        startsWord = true
      } else {
        out += startsWord ? scalar.properties.uppercaseMapping : scalar.properties.lowercaseMapping
        startsWord = false
      }
    }
    return out
  }

  fileprivate func indented(_ value: Value, _ arguments: Arguments) throws -> Value {
    let values = try arguments.bind("indent", ["width", "first", "blank"])
    let text = try string(value, "the value of 'indent'")
    let indentsFirst = values[1]?.isTrue ?? false
    let indentsBlank = values[2]?.isTrue ?? false
    var indentation: String
    if case .string(let given)? = values[0] {
      indentation = given
    } else {
      let width = try integer(values[0], "width", default: 4)
      try chargeText(bytes: max(0, width))
      indentation = String(repeating: " ", count: max(0, width))
    }
    try charge(text.utf8.count / 16)
    let lines = PythonText.lines(text + "\n")
    let (added, overflow) = lines.count.multipliedReportingOverflow(by: indentation.utf8.count)
    try chargeText(bytes: overflow ? .max : min(added, .max / 2) + text.utf8.count)
    var out = ""
    for (position, line) in lines.enumerated() {
      if position > 0 { out += "\n" }
      // The first line has its own rule; others are indented unless they are blank.
      if position == 0 ? indentsFirst : indentsBlank || !line.isEmpty { out += indentation }
      out += line
    }
    return .string(out)
  }

  fileprivate func truncated(_ value: Value, _ arguments: Arguments) throws -> Value {
    let values = try arguments.bind("truncate", ["length", "killwords", "end", "leeway"])
    let scalars = Array(try string(value, "the value of 'truncate'").unicodeScalars)
    try charge(scalars.count / 16)
    let length = try integer(values[0], "length", default: 255)
    let end = try values[2].map { try string($0, "end") } ?? "..."
    let leeway = try integer(values[3].isNothing ? nil : values[3], "leeway", default: 5)
    let kept = length - end.unicodeScalars.count
    guard kept >= 0, leeway >= 0 else { throw failure("'truncate' is given a length below that of its end.") }
    if scalars.count <= length + min(leeway, .max - length) { return value }
    var cut = scalars[..<min(kept, scalars.count)]
    if values[1]?.isTrue != true, let space = cut.lastIndex(of: " ") { cut = cut[..<space] }
    return .string(String(String.UnicodeScalarView(cut)) + end)
  }
}
