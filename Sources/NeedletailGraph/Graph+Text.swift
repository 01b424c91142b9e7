extension Graph {
  /// The graph as text, a node a line:
  ///
  ///     %3 = embed(%2, %0) : real[tokens, 256]  # model.embed_tokens
  ///     output logits = %3
  public var text: String {
    var lines = nodes.map { node in
      let results = node.results.map { "%\($0.index)" }.joined(separator: ", ")
      let inputs = node.inputs.map { "%\($0.index)" }.joined(separator: ", ")
      let types = node.results.map { self[$0].description }.joined(separator: ", ")
      let scope = node.scope.isEmpty ? "" : "  # \(node.scope)"
      return "\(results) = \(node.op.mnemonic)(\(inputs))\(node.op.attributes.text) : \(types)\(scope)"
    }
    lines += outputs.map { "output \($0.name) = %\($0.value.index)" }
    return lines.joined(separator: "\n") + "\n"
  }

  /// Reads a graph from the text that `text` prints; blank lines are passed over. The graph is verified.
  public init(text: String) throws(GraphError) {
    self.init()
    var values: [String: Value] = [:]
    for line in text.split(separator: "\n") {
      let parts = line.split(separator: "#", maxSplits: 1)
      guard let code = parts.first?.trimmed, !code.isEmpty else { continue }
      do throws(GraphError) {
        try read(line: code, scope: parts.count > 1 ? String(parts[1].trimmed) : "", values: &values)
      } catch { throw GraphError("\"\(code)\": \(error.description)") }
    }
    try verify()
  }

  private mutating func read(line: Substring, scope: String, values: inout [String: Value]) throws(GraphError) {
    guard let equals = line.range(of: " = ") else { throw GraphError("no ' = '") }
    let left = line[..<equals.lowerBound]
    let right = line[equals.upperBound...]
    func value(_ name: Substring) throws(GraphError) -> Value {
      guard let value = values[String(name.trimmed)] else { throw GraphError("\(name) is not defined") }
      return value
    }
    if left.hasPrefix("output ") {
      outputs.append(Output(String(left.dropFirst(7).trimmed), try value(right)))
      return
    }
    guard let open = right.firstIndex(of: "("), let close = right.firstIndex(of: ")"), open < close,
      let colon = right.range(of: " : ", from: close)
    else { throw GraphError("not of the form %r = op(%a) {attributes} : type") }
    var inputs: [Value] = []
    for name in right[right.index(after: open)..<close].split(separator: ",") { inputs.append(try value(name)) }
    let braces = right[right.index(after: close)..<colon.lowerBound].trimmed
    guard braces.isEmpty || (braces.first == "{" && braces.last == "}" && braces.count > 1) else {
      throw GraphError("\(braces) does not stand in braces")
    }
    let attributes = try Attributes(items: braces.isEmpty ? "" : braces.dropFirst().dropLast())
    let op = try Op(mnemonic: String(right[..<open]), attributes: attributes)
    var results: [Value] = []
    let types = Self.splitTypes(right[colon.upperBound...])
    let names = left.split(separator: ",")
    guard types.count == names.count else { throw GraphError("\(names.count) results, \(types.count) types") }
    for (name, type) in zip(names, types) {
      guard let type = TensorType(type) else { throw GraphError("\(type) is no type") }
      let result = newValue(type)
      guard values.updateValue(result, forKey: String(name.trimmed)) == nil else {
        throw GraphError("\(name.trimmed) is defined already")
      }
      results.append(result)
    }
    nodes.append(Node(op, inputs, results, scope: scope))
  }

  // "a[1, 2], state, b[3]": commas outside of brackets separate.
  private static func splitTypes(_ text: Substring) -> [String] {
    var types: [String] = []
    var current = ""
    var depth = 0
    for character in text {
      if character == "[" { depth += 1 }
      if character == "]" { depth -= 1 }
      if character == ",", depth == 0 {
        types.append(String(current[...].trimmed))
        current = ""
      } else {
        current.append(character)
      }
    }
    types.append(String(current[...].trimmed))
    return types
  }
}

extension Substring {
  /// Without spaces at its ends.
  var trimmed: Substring {
    var result = drop { $0 == " " }
    while result.last == " " { result.removeLast() }
    return result
  }

  func range(of text: String, from start: Index? = nil) -> Range<Index>? {
    var index = start ?? startIndex
    while index < endIndex {
      if self[index...].hasPrefix(text) { return index..<self.index(index, offsetBy: text.count) }
      index = self.index(after: index)
    }
    return nil
  }
}
