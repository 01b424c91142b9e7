import NeedletailJSON

extension Jinja.Interpreter {
  /// Python's `str` of a value.
  func text(of value: Value) throws -> String {
    switch value {
    case .string(let text), .markup(let text): return text
    case .undefined: return ""
    default: return try representation(of: value)
    }
  }

  /// Python's `repr` of a value.
  func representation(of value: Value) throws -> String {
    var out = ""
    try represent(value, into: &out, depth: 0)
    return out
  }

  /// Appends to a text that must not grow beyond the limit.
  func append(_ text: String, to out: inout String) throws {
    try charge(text.utf8.count / 64)
    guard out.utf8.count + text.utf8.count <= limits.maximumOutputBytes else {
      throw ChatTemplateError(.limit, "A text is longer than \(limits.maximumOutputBytes) bytes.")
    }
    out += text
  }

  private func represent(_ value: Value, into out: inout String, depth: Int) throws {
    try charge(1)
    // Namespaces can hold each other, or themselves.
    try checkDepth(depth)
    switch value {
    case .undefined: try append("Undefined", to: &out)
    case .none: try append("None", to: &out)
    case .bool(let value): try append(value ? "True" : "False", to: &out)
    case .int(let value): try append(String(value), to: &out)
    case .double(let value): try append(JSON.pythonText(of: value), to: &out)
    case .string(let text): try append(PythonText.quoted(text), to: &out)
    case .markup(let text): try append("Markup(" + PythonText.quoted(text) + ")", to: &out)
    case .list(let list): try represent(list.elements, "[", "]", into: &out, depth: depth)
    case .tuple(let list):
      try represent(list.elements, "(", list.elements.count == 1 ? ",)" : ")", into: &out, depth: depth)
    case .dict(let dict): try represent(dict.entries, into: &out, depth: depth)
    case .range(let range):
      let step = range.step == 1 ? "" : ", \(range.step)"
      try append("range(\(range.start), \(range.stop)\(step))", to: &out)
    case .view(let view):
      try append(view.kind, to: &out)
      try represent(view.elements, "([", "])", into: &out, depth: depth)
    case .object(let namespace as Jinja.Namespace):
      try append("<Namespace ", to: &out)
      let entries = namespace.attributes.map { (key: Value.string($0.name.text), value: $0.value) }
      try represent(entries, into: &out, depth: depth)
      try append(">", to: &out)
    case .object(let object): try append(object.text, to: &out)
    }
  }

  private func represent(
    _ elements: [Value], _ open: String, _ close: String, into out: inout String, depth: Int
  ) throws {
    try append(open, to: &out)
    for (position, element) in elements.enumerated() {
      if position > 0 { try append(", ", to: &out) }
      try represent(element, into: &out, depth: depth + 1)
    }
    try append(close, to: &out)
  }

  private func represent(_ entries: [(key: Value, value: Value)], into out: inout String, depth: Int) throws {
    try append("{", to: &out)
    for (position, entry) in entries.enumerated() {
      if position > 0 { try append(", ", to: &out) }
      try represent(entry.key, into: &out, depth: depth + 1)
      try append(": ", to: &out)
      try represent(entry.value, into: &out, depth: depth + 1)
    }
    try append("}", to: &out)
  }
}
