extension Jinja {
  /// The functions that a template can call without being given them.
  static let globals: [String: @Sendable (Interpreter, Arguments) throws -> Value] = [
    "range": { interpreter, arguments in
      let values = try arguments.bind("range", ["start", "stop", "step"], required: 1)
      var start = try interpreter.integer(values[0], "start")
      var stop = start
      if let given = values[1] { stop = try interpreter.integer(given, "stop") } else { start = 0 }
      let step = try interpreter.integer(values[2], "step", default: 1)
      guard step != 0 else { throw interpreter.failure("The step of 'range' is 0.") }
      guard let range = IntegerRange(start: start, stop: stop, step: step) else {
        throw ChatTemplateError(.limit, "A range has more than \(IntegerRange.maximumCount) elements.")
      }
      return .range(range)
    },
    "namespace": { interpreter, arguments in
      let namespace = try interpreter.keep(Namespace())
      for (key, value) in try interpreter.pairs("namespace", arguments) {
        namespace.set(try interpreter.string(key, "a name"), value)
      }
      return .object(namespace)
    },
    "dict": { interpreter, arguments in try interpreter.dict(interpreter.pairs("dict", arguments)) },
    "joiner": { interpreter, arguments in
      let separator = try arguments.bind("joiner", ["sep"])[0] ?? .string(", ")
      var isUsed = false
      return .object(
        Function("joiner", depth: separator.depth + 1) { _, _ in
          defer { isUsed = true }
          return isUsed ? separator : .string("")
        })
    },
    "cycler": { interpreter, arguments in
      guard !arguments.positional.isEmpty else { throw interpreter.failure("'cycler' lacks its items.") }
      return .object(try interpreter.keep(Cycler(arguments.positional, depth: arguments.depth + 1)))
    },
    "raise_exception": { interpreter, arguments in
      let message = try arguments.bind("raise_exception", ["message"], required: 1)[0] ?? .none
      throw ChatTemplateError(.raised, try interpreter.text(of: message))
    },
    "strftime_now": { interpreter, arguments in
      let format = try interpreter.string(try arguments.bind("strftime_now", ["format"], required: 1)[0], "format")
      guard format.utf8.count <= 1000 else { throw interpreter.failure("The format of a date is too long.") }
      return .string(interpreter.moment.formatted(format))
    },
  ]
}

extension Jinja.Interpreter {
  /// The pairs of `dict(...)`: of a mapping or of pairs, then the named arguments.
  fileprivate func pairs(_ function: String, _ arguments: Arguments) throws -> [(key: Value, value: Value)] {
    guard arguments.positional.count <= 1 else { throw failure("'\(function)' takes at most 1 argument.") }
    var pairs: [(key: Value, value: Value)] = []
    switch arguments.positional.first {
    case nil: break
    case .dict(let dict)?: pairs = dict.entries
    case let value?:
      for element in try elements(of: value) {
        let pair = try elements(of: element, limit: 3)
        guard pair.count == 2 else { throw failure("'\(function)' needs pairs.") }
        pairs.append((pair[0], pair[1]))
      }
    }
    return pairs + arguments.named.map { (.string($0.name), $0.value) }
  }
}
