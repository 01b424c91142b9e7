extension JSON {
  /// How a value is printed.
  public struct Format: Sendable {
    /// Spaces of each level; nil prints one line.
    public var indent: Int?
    /// Between a key and its value, and between members on one line.
    public var keySeparator = ": "
    /// Between members.
    public var itemSeparator = ", "
    /// Members in the order of their keys instead of their own.
    public var sortsKeys = false
    /// Python's `json.dumps` by default: `{"a": 1, "b": [1, 2]}`.
    public init(indent: Int? = nil, sortsKeys: Bool = false) {
      self.indent = indent
      self.sortsKeys = sortsKeys
      if indent != nil { itemSeparator = "," }
    }
    /// One line without spaces.
    public static let compact: Format = {
      var format = Format()
      format.keySeparator = ":"
      format.itemSeparator = ","
      return format
    }()
  }

  /// The value as text; numbers that are not finite become null.
  public func text(_ format: Format = .init()) -> String {
    var out = ""
    write(to: &out, format, level: 0)
    return out
  }

  private func write(to out: inout String, _ format: Format, level: Int) {
    switch self {
    case .null: out += "null"
    case .bool(let value): out += value ? "true" : "false"
    case .int(let value): out += String(value)
    case .double(let value): out += value.isFinite ? Self.pythonText(of: value) : "null"
    case .string(let value): Self.quote(value, into: &out)
    case .array(let elements):
      Self.group(&out, "[", "]", elements, format, level) { element, out in
        element.write(to: &out, format, level: level + 1)
      }
    case .object(let object):
      let members =
        format.sortsKeys ? object.members.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) } : object.members
      Self.group(&out, "{", "}", members, format, level) { member, out in
        Self.quote(member.key, into: &out)
        out += format.keySeparator
        member.value.write(to: &out, format, level: level + 1)
      }
    }
  }

  private static func group<Element>(
    _ out: inout String, _ open: String, _ close: String, _ elements: [Element], _ format: Format, _ level: Int,
    _ write: (Element, inout String) -> Void
  ) {
    out += open
    for (position, element) in elements.enumerated() {
      if position > 0 { out += format.itemSeparator }
      if let indent = format.indent { out += "\n" + String(repeating: " ", count: indent * (level + 1)) }
      write(element, &out)
    }
    if let indent = format.indent, !elements.isEmpty { out += "\n" + String(repeating: " ", count: indent * level) }
    out += close
  }

  /// Appends a string in quotes, escaping what JSON asks for and nothing else.
  public static func quote(_ text: String, into out: inout String) {
    out += "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": out += "\\\""
      case "\\": out += "\\\\"
      case "\n": out += "\\n"
      case "\r": out += "\\r"
      case "\t": out += "\\t"
      case "\u{08}": out += "\\b"
      case "\u{0C}": out += "\\f"
      case "\u{00}"..."\u{1F}":
        let hex = String(scalar.value, radix: 16)
        out += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
      default: out.unicodeScalars.append(scalar)
      }
    }
    out += "\""
  }
}
