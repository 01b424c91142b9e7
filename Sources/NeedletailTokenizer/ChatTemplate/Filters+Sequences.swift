extension Jinja {
  /// Filters of sequences.
  static let sequenceFilters: [String: FilterFunction] = [
    "length": { .int(try $0.length($1, $2)) },
    "count": { .int(try $0.length($1, $2)) },
    "first": { interpreter, value, arguments in
      _ = try arguments.bind("first", [])
      return try interpreter.cursor(over: value)() ?? .undefined("There is no first item: the sequence is empty.")
    },
    "last": { interpreter, value, arguments in
      _ = try arguments.bind("last", [])
      return try interpreter.reversed(value).last ?? .undefined("There is no last item: the sequence is empty.")
    },
    "list": { interpreter, value, arguments in
      _ = try arguments.bind("list", [])
      return try interpreter.list(interpreter.elements(of: value))
    },
    "reverse": { interpreter, value, arguments in
      _ = try arguments.bind("reverse", [])
      if case .string(let text) = value {
        try interpreter.charge(text.utf8.count / 16)
        return .string(String(String.UnicodeScalarView(text.unicodeScalars.reversed())))
      }
      if case .object = value { return try interpreter.list(interpreter.elements(of: value).reversed()) }
      var rest = try interpreter.reversed(value)
      return try interpreter.generator(over: value) { rest.popLast() }
    },
    "join": { interpreter, value, arguments in
      let values = try arguments.bind("join", ["d", "attribute"])
      let separator = try values[0].map { try interpreter.text(of: $0) } ?? ""
      let getter = try interpreter.getter(values[1])
      let parts = try interpreter.elements(of: value).map { try interpreter.text(of: getter($0)) }
      return .string(try interpreter.joined(parts, separator: separator))
    },
    "default": { try $0.defaulted($1, $2) },
    "d": { try $0.defaulted($1, $2) },
    "items": { interpreter, value, arguments in
      _ = try arguments.bind("items", [])
      switch value {
      case .undefined: return try interpreter.generator(over: value) { nil }
      case .dict(let dict):
        var rest = dict.entries.makeIterator()
        return try interpreter.generator(over: value) {
          try rest.next().map { try interpreter.tuple([$0.key, $0.value]) }
        }
      default: throw interpreter.failure("'items' needs a mapping, not '\(value.typeName)'.")
      }
    },
    "dictsort": { interpreter, value, arguments in
      let values = try arguments.bind("dictsort", ["case_sensitive", "by", "reverse"])
      if case .undefined(let problem) = value { throw interpreter.failure(problem) }
      guard case .dict(let dict) = value else {
        throw interpreter.failure("'dictsort' needs a mapping, not '\(value.typeName)'.")
      }
      let by = try values[1].map { try interpreter.string($0, "by") } ?? "key"
      guard by == "key" || by == "value" else { throw interpreter.failure("'dictsort' sorts by key or by value.") }
      let ignoresCase = values[0]?.isTrue != true
      let entries = try interpreter.sorted(dict.entries, isReversed: values[2]?.isTrue ?? false) { entry in
        let value = by == "key" ? entry.key : entry.value
        return ignoresCase ? interpreter.ignoringCase(value) : value
      }
      return try interpreter.list(entries.map { try interpreter.tuple([$0.key, $0.value]) })
    },
    "sort": { interpreter, value, arguments in
      let values = try arguments.bind("sort", ["reverse", "case_sensitive", "attribute"])
      let ignoresCase = values[1]?.isTrue != true
      let getters = try interpreter.getters(values[2])
      let elements = try interpreter.sorted(
        interpreter.elements(of: value), isReversed: values[0]?.isTrue ?? false
      ) { element in
        let keys = try getters.map { getter in
          let key = try getter(element)
          return ignoresCase ? interpreter.ignoringCase(key) : key
        }
        return keys.count == 1 ? keys[0] : try interpreter.list(keys)
      }
      return try interpreter.list(elements)
    },
    "unique": { interpreter, value, arguments in
      let values = try arguments.bind("unique", ["case_sensitive", "attribute"])
      let ignoresCase = values[0]?.isTrue != true
      let getter = try interpreter.getter(values[1])
      let next = try interpreter.cursor(over: value)
      var seen: Set<Key> = []
      return try interpreter.generator(over: value, arguments) {
        while let element = try next() {
          let key = try getter(element)
          let inserted = seen.insert(try interpreter.key(ignoresCase ? interpreter.ignoringCase(key) : key)).inserted
          if inserted { return element }
        }
        return nil
      }
    },
    "min": { try $0.extreme($1, "min", $2) { try $0.isLess($1, $2) } },
    "max": { try $0.extreme($1, "max", $2) { try $0.isLess($2, $1) } },
    "sum": { interpreter, value, arguments in
      let values = try arguments.bind("sum", ["attribute", "start"])
      let getter = try interpreter.getter(values[0])
      var sum = values[1] ?? .int(0)
      if case .string = sum { throw interpreter.failure("'sum' cannot add strings.") }
      for element in try interpreter.elements(of: value) { sum = try interpreter.compute(sum, .add, getter(element)) }
      return sum
    },
  ]
}

extension Jinja.Interpreter {
  fileprivate func length(_ value: Value, _ arguments: Arguments) throws -> Int {
    _ = try arguments.bind("length", [])
    switch value {
    case .undefined: return 0
    case .string(let text):
      try charge(text.utf8.count / 64)
      return text.unicodeScalars.count
    case .list(let list), .tuple(let list): return list.elements.count
    case .dict(let dict): return dict.entries.count
    case .range(let range): return range.count
    case .view(let view): return view.elements.count
    case .object(let loop as Jinja.Loop): return try loop.attribute("length")?.integer ?? 0
    default: throw failure("A value of type '\(value.typeName)' has no length.")
    }
  }

  /// The elements of a value that can be gone through backwards, which generators cannot; in their own order.
  fileprivate func reversed(_ value: Value) throws -> [Value] {
    if case .object = value { throw failure("A value of type '\(value.typeName)' cannot be reversed.") }
    return try elements(of: value)
  }

  fileprivate func defaulted(_ value: Value, _ arguments: Arguments) throws -> Value {
    let values = try arguments.bind("default", ["default_value", "boolean"])
    let isMissing = !value.isDefined || (values[1]?.isTrue == true && !value.isTrue)
    return isMissing ? values[0] ?? .string("") : value
  }

  func ignoringCase(_ value: Value) -> Value {
    if case .string(let text) = value.unmarked { .string(PythonText.lowercased(text)) } else { value }
  }

  fileprivate func extreme(
    _ value: Value, _ name: String, _ arguments: Arguments,
    _ isBetter: (Jinja.Interpreter, Value, Value) throws -> Bool
  ) throws -> Value {
    let values = try arguments.bind(name, ["case_sensitive", "attribute"])
    let getter = try getter(values[1])
    let ignoresCase = values[0]?.isTrue != true
    var best: (key: Value, element: Value)?
    for element in try elements(of: value) {
      let key = try getter(element)
      let compared = ignoresCase ? ignoringCase(key) : key
      if let known = best, try !isBetter(self, compared, known.key) { continue }
      best = (compared, element)
    }
    return best?.element ?? .undefined("There is no \(name): the sequence is empty.")
  }

  /// What takes an attribute such as "a.b.0" of an element; the element itself where none is given.
  func getter(_ attribute: Value?, default fallback: Value? = nil) throws -> (Value) throws -> Value {
    guard let attribute, !Optional(attribute).isNothing else { return { $0 } }
    var path: [Value] = [attribute]
    if case .string(let text) = attribute {
      path = pieces(of: text, between: try offsets(of: ".", in: text), width: 1).map { part in
        !part.isEmpty && part.utf8.allSatisfy { 0x30...0x39 ~= $0 }
          ? Int(part).map { .int($0) } ?? .string(part) : .string(part)
      }
    }
    return { [self] element in
      var value = element
      for part in path {
        value = try item(part, of: value)
        if let fallback, !value.isDefined { value = fallback }
      }
      return value
    }
  }

  /// As `getter`, for attributes separated by commas.
  fileprivate func getters(_ attributes: Value?) throws -> [(Value) throws -> Value] {
    guard case .string(let text)? = attributes else { return [try getter(attributes)] }
    return try pieces(of: text, between: try offsets(of: ",", in: text), width: 1).map { try getter(.string($0)) }
  }
}
