import NeedletailJSON

extension Jinja {
  /// How `tojson` writes: the arguments of Python's `json.dumps`.
  struct JSONFormat {
    var escapesNonASCII = false
    /// The indentation of each level; nil writes one line.
    var indent: String?
    var itemSeparator = ", "
    var keySeparator = ": "
    var sortsKeys = false
  }
}

extension Jinja.Interpreter {
  /// A value of the template from JSON.
  func value(_ json: JSON, depth: Int = 0) throws -> Value {
    try checkDepth(depth)
    switch json {
    case .null: return .none
    case .bool(let value): return .bool(value)
    case .int(let value): return .int(value)
    case .double(let value): return .double(value)
    case .string(let text): return .string(text)
    case .array(let elements): return .list(.init(try elements.map { try value($0, depth: depth + 1) }))
    case .object(let object):
      return .dict(
        .init(
          try object.members.map { key, member in
            (.string(.init(text: key)), .string(key), try value(member, depth: depth + 1))
          }))
    }
  }

  /// The filter `tojson`, as transformers defines it.
  func jsonText(_ value: Value, _ arguments: Arguments) throws -> Value {
    let values = try arguments.bind("tojson", ["ensure_ascii", "indent", "separators", "sort_keys"])
    var format = Jinja.JSONFormat()
    format.escapesNonASCII = values[0]?.isTrue ?? false
    format.sortsKeys = values[3]?.isTrue ?? false
    if let indent = values[1], !values[1].isNothing {
      if case .string(let text) = indent {
        format.indent = text
      } else {
        format.indent = String(repeating: " ", count: min(max(0, try integer(indent, "indent")), 1000))
      }
      format.itemSeparator = ","
    }
    if let separators = values[2], !values[2].isNothing {
      let pair = try elements(of: separators, limit: 3)
      guard pair.count == 2, case .string(let item) = pair[0], case .string(let key) = pair[1] else {
        throw failure("'separators' must be two strings.")
      }
      format.itemSeparator = item
      format.keySeparator = key
    }
    var out = ""
    try writeJSON(value, format, level: 0, into: &out)
    return .string(out)
  }

  private func writeJSON(_ value: Value, _ format: Jinja.JSONFormat, level: Int, into out: inout String) throws {
    try charge(1)
    switch value {
    case .none: try append("null", to: &out)
    case .bool(let value): try append(value ? "true" : "false", to: &out)
    case .int(let value): try append(String(value), to: &out)
    case .double(let value): try append(jsonText(value), to: &out)
    case .string(let text), .markup(let text): try append(quoted(text, format), to: &out)
    case .list(let list), .tuple(let list):
      try append("[", to: &out)
      for (position, element) in list.elements.enumerated() {
        try startItem(position, format, level: level, into: &out)
        try writeJSON(element, format, level: level + 1, into: &out)
      }
      if !list.elements.isEmpty { try newLine(format, level: level, into: &out) }
      try append("]", to: &out)
    case .dict(let dict):
      try append("{", to: &out)
      let entries = format.sortsKeys ? try sorted(dict.entries) { $0.key } : dict.entries
      for (position, entry) in entries.enumerated() {
        try startItem(position, format, level: level, into: &out)
        try append(quoted(keyText(entry.key), format) + format.keySeparator, to: &out)
        try writeJSON(entry.value, format, level: level + 1, into: &out)
      }
      if !dict.entries.isEmpty { try newLine(format, level: level, into: &out) }
      try append("}", to: &out)
    default: throw failure("A value of type '\(value.typeName)' cannot be written as JSON.")
    }
  }

  private func startItem(_ position: Int, _ format: Jinja.JSONFormat, level: Int, into out: inout String) throws {
    if position > 0 { try append(format.itemSeparator, to: &out) }
    try newLine(format, level: level + 1, into: &out)
  }

  private func newLine(_ format: Jinja.JSONFormat, level: Int, into out: inout String) throws {
    guard let indent = format.indent else { return }
    try chargeText(bytes: indent.utf8.count * level)
    try append("\n" + String(repeating: indent, count: level), to: &out)
  }

  private func keyText(_ key: Value) throws -> String {
    switch key {
    case .string(let text), .markup(let text): return text
    case .none: return "null"
    case .bool(let value): return value ? "true" : "false"
    case .int(let value): return String(value)
    case .double(let value): return jsonText(value)
    default: throw failure("A value of type '\(key.typeName)' cannot be a key in JSON.")
    }
  }

  private func jsonText(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value < 0 ? "-Infinity" : "Infinity" }
    return JSON.pythonText(of: value)
  }

  private func quoted(_ text: String, _ format: Jinja.JSONFormat) -> String {
    var out = ""
    JSON.quote(text, into: &out)
    guard format.escapesNonASCII, out.utf8.contains(where: { $0 >= 0x7F }) else { return out }
    var ascii = ""
    for scalar in out.unicodeScalars {
      guard scalar.value >= 0x7F else {
        ascii.unicodeScalars.append(scalar)
        continue
      }
      for unit in String(scalar).utf16 {
        let digits = String(unit, radix: 16)
        ascii += "\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
      }
    }
    return ascii
  }

  /// Elements in the order of their keys; equal ones keep theirs.
  func sorted<Element>(
    _ elements: [Element], isReversed: Bool = false, by key: (Element) throws -> Value
  ) throws -> [Element] {
    let keyed = try elements.map { (key: try key($0), element: $0) }
    try charge(keyed.count)
    return try keyed.sorted { a, b in
      isReversed ? try isLess(b.key, a.key) : try isLess(a.key, b.key)
    }.map(\.element)
  }
}
