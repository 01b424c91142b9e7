extension Jinja {
  /// The arguments of a call.
  struct Arguments {
    var positional: [Value] = []
    var named: [(name: String, value: Value)] = []

    /// How deep values nest in the arguments.
    var depth: Int { max(positional.lazy.map(\.depth).max() ?? 0, named.lazy.map(\.value.depth).max() ?? 0) }

    /// The arguments with plain strings for texts marked as safe.
    var unmarked: Arguments {
      Arguments(positional: positional.map(\.unmarked), named: named.map { ($0.name, $0.value.unmarked) })
    }

    /// Takes a named argument out.
    mutating func take(_ name: String) -> Value? {
      guard let position = named.firstIndex(where: { $0.name.isIdenticalText(to: name) }) else { return nil }
      return named.remove(at: position).value
    }

    /// The arguments in the order of a function's parameters, nil for those not given.
    func bind(_ function: String, _ parameters: [String], required: Int = 0) throws -> [Value?] {
      guard positional.count <= parameters.count else {
        throw failure(
          "'\(function)' takes at most \(parameters.count) argument(s), but \(positional.count) are given.")
      }
      var values: [Value?] = positional
      values += Array(repeating: nil, count: parameters.count - positional.count)
      for (name, value) in named {
        guard let position = parameters.firstIndex(where: { $0.isIdenticalText(to: name) }) else {
          throw failure("'\(function)' has no parameter named '\(name)'.")
        }
        guard values[position] == nil else { throw failure("'\(function)' is given '\(name)' twice.") }
        values[position] = value
      }
      if let missing = values.prefix(required).firstIndex(where: { $0 == nil }) {
        throw failure("'\(function)' lacks its argument '\(parameters[missing])'.")
      }
      return values
    }

    private func failure(_ message: String) -> ChatTemplateError { ChatTemplateError(.runtime, message) }
  }
}

extension Optional where Wrapped == Jinja.Value {
  /// Whether nothing, or None, is given.
  var isNothing: Bool {
    switch self {
    case nil, .some(.none): true
    default: false
    }
  }
}
