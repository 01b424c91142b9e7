extension Jinja {
  /// Methods of strings that find something out.
  static let stringQueries: [String: StringMethod] = [
    "startswith": { .bool(try $0.matches($1, "startswith", $2) { $0.utf8.starts(with: $1.utf8) }) },
    "endswith": {
      .bool(
        try $0.matches($1, "endswith", $2) { text, end in
          text.utf8.count >= end.utf8.count && text.utf8.suffix(end.utf8.count).elementsEqual(end.utf8)
        })
    },
    "count": { interpreter, text, arguments in
      let part = try interpreter.string(try arguments.bind("count", ["sub"], required: 1)[0], "sub")
      if part.isEmpty { return .int(text.unicodeScalars.count + 1) }
      return .int(try interpreter.offsets(of: part, in: text).count)
    },
    "find": { .int(try $0.found($1, "find", $2, fromRight: false) ?? -1) },
    "rfind": { .int(try $0.found($1, "rfind", $2, fromRight: true) ?? -1) },
    "index": { .int(try $0.required(try $0.found($1, "index", $2, fromRight: false))) },
    "rindex": { .int(try $0.required(try $0.found($1, "rindex", $2, fromRight: true))) },
    "isalnum": { try $0.all($1, "isalnum", $2) { $0.isPythonAlphanumeric } },
    "isalpha": { try $0.all($1, "isalpha", $2) { $0.isPythonLetter } },
    "isascii": { .bool(try $0.all($1, "isascii", $2) { $0.isASCII }.isTrue || $1.isEmpty) },
    "isdecimal": { try $0.all($1, "isdecimal", $2) { $0.properties.numericType == .decimal } },
    "isdigit": {
      try $0.all($1, "isdigit", $2) {
        $0.properties.numericType == .decimal || $0.properties.numericType == .digit
      }
    },
    "isnumeric": { try $0.all($1, "isnumeric", $2) { $0.properties.numericType != nil } },
    "isprintable": { .bool(try $0.all($1, "isprintable", $2) { $0.isPythonPrintable }.isTrue || $1.isEmpty) },
    "isspace": { try $0.all($1, "isspace", $2) { $0.isPythonSpace } },
    "islower": { try $0.hasCase($1, "islower", $2) { $0.properties.isLowercase } },
    "isupper": { try $0.hasCase($1, "isupper", $2) { $0.properties.isUppercase } },
    "istitle": { interpreter, text, arguments in
      _ = try arguments.bind("istitle", [])
      try interpreter.charge(text.utf8.count / 16)
      var hasCase = false
      var previousIsCased = false
      for scalar in text.unicodeScalars {
        let isCapital = scalar.properties.isUppercase || scalar.properties.generalCategory == .titlecaseLetter
        if isCapital, previousIsCased { return .bool(false) }
        if scalar.properties.isLowercase, !previousIsCased { return .bool(false) }
        previousIsCased = isCapital || scalar.properties.isLowercase
        hasCase = hasCase || previousIsCased
      }
      return .bool(hasCase)
    },
  ]
}

extension Jinja.Interpreter {
  /// Whether a text matches a string or one of a tuple of them, within the given bounds.
  fileprivate func matches(
    _ text: String, _ name: String, _ arguments: Arguments, _ matches: (String, String) -> Bool
  ) throws -> Bool {
    let values = try arguments.bind(name, ["prefix", "start", "end"], required: 1)
    var text = text
    if !values[1].isNothing || !values[2].isNothing {
      text = try string(slice(.string(text), values[1], values[2], nil), "text")
    }
    guard case .tuple(let list)? = values[0] else { return matches(text, try string(values[0], "prefix")) }
    for candidate in list.elements where matches(text, try string(candidate, "prefix")) { return true }
    return false
  }

  /// The position of a part in code points.
  fileprivate func found(_ text: String, _ name: String, _ arguments: Arguments, fromRight: Bool) throws -> Int? {
    let values = try arguments.bind(name, ["sub", "start", "end"], required: 1)
    let part = try string(values[0], "sub")
    let count = text.unicodeScalars.count
    let given = try integer(values[1].isNothing ? nil : values[1], "start", default: 0)
    let start = given < 0 ? max(0, given &+ count) : given
    guard start <= count else { return nil }
    let searched = try string(slice(.string(text), .int(start), values[2], nil), "text")
    if part.isEmpty { return start + (fromRight ? searched.unicodeScalars.count : 0) }
    let offset =
      fromRight ? try lastOffset(of: part, in: searched) : try offsets(of: part, in: searched, limit: 1).first
    guard let offset else { return nil }
    let end = searched.utf8.index(searched.startIndex, offsetBy: offset)
    return start + searched.unicodeScalars[..<end].count
  }

  fileprivate func required(_ position: Int?) throws -> Int {
    guard let position else { throw failure("The substring is not found.") }
    return position
  }

  /// Whether a text is not empty and all its code points have a property.
  fileprivate func all(
    _ text: String, _ name: String, _ arguments: Arguments, _ property: (Unicode.Scalar) -> Bool
  ) throws -> Value {
    _ = try arguments.bind(name, [])
    try charge(text.utf8.count / 16)
    return .bool(!text.isEmpty && text.unicodeScalars.allSatisfy(property))
  }

  fileprivate func hasCase(
    _ text: String, _ name: String, _ arguments: Arguments, _ property: (Unicode.Scalar) -> Bool
  ) throws -> Value {
    _ = try arguments.bind(name, [])
    try charge(text.utf8.count / 16)
    return .bool(hasCase(text, property))
  }

  /// Whether a text has letters with case and all of them have the property.
  func hasCase(_ text: String, _ property: (Unicode.Scalar) -> Bool) -> Bool {
    var hasCase = false
    for scalar in text.unicodeScalars {
      if property(scalar) { hasCase = true } else if scalar.properties.isCased { return false }
    }
    return hasCase
  }
}
