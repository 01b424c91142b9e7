extension Jinja {
  /// Filters that choose, change or group elements.
  static let selectingFilters: [String: FilterFunction] = [
    "map": { try $0.mapped($1, $2) },
    "select": { try $0.selected($1, $2, wanted: true, byAttribute: false) },
    "reject": { try $0.selected($1, $2, wanted: false, byAttribute: false) },
    "selectattr": { try $0.selected($1, $2, wanted: true, byAttribute: true) },
    "rejectattr": { try $0.selected($1, $2, wanted: false, byAttribute: true) },
    "attr": { interpreter, value, arguments in
      let name = try interpreter.text(of: try arguments.bind("attr", ["name"], required: 1)[0] ?? .none)
      if case .dict(let dict) = value, dictMethods[name] == nil, !forbiddenDictMethods.contains(name) {
        return .undefined("'dict object' has no attribute '\(name)', and \(dict.entries.count) item(s) do not count.")
      }
      return try interpreter.attribute(name, of: value)
    },
    "batch": { interpreter, value, arguments in
      let values = try arguments.bind("batch", ["linecount", "fill_with"], required: 1)
      let size = try interpreter.integer(values[0], "linecount")
      let next = try interpreter.cursor(over: value)
      return try interpreter.generator(over: value, arguments) {
        var batch: [Value] = []
        while size <= 0 || batch.count < size, let element = try next() { batch.append(element) }
        guard !batch.isEmpty else { return nil }
        if let fill = values[1], !values[1].isNothing, batch.count < size {
          try interpreter.charge(size - batch.count)
          batch += repeatElement(fill, count: size - batch.count)
        }
        return try interpreter.list(batch)
      }
    },
    "slice": { interpreter, value, arguments in
      let values = try arguments.bind("slice", ["slices", "fill_with"], required: 1)
      let count = try interpreter.integer(values[0], "slices")
      let elements = try interpreter.elements(of: value)
      guard count != 0 else { throw interpreter.failure("A sequence is cut into 0 slices.") }
      var number = 0
      return try interpreter.generator(over: value, arguments) {
        guard number < count else { return nil }
        let (size, longer) = elements.count.quotientAndRemainder(dividingBy: count)
        let start = number * size + min(number, longer)
        var slice = Array(elements[start..<start + size + (number < longer ? 1 : 0)])
        if let fill = values[1], !values[1].isNothing, number >= longer { slice.append(fill) }
        number += 1
        return try interpreter.list(slice)
      }
    },
    "groupby": { interpreter, value, arguments in
      let values = try arguments.bind("groupby", ["attribute", "default", "case_sensitive"], required: 1)
      let ignoresCase = values[2]?.isTrue != true
      let getter = try interpreter.getter(values[0], default: values[1].isNothing ? nil : values[1])
      let key = { (element: Value) in
        let key = try getter(element)
        return ignoresCase ? interpreter.ignoringCase(key) : key
      }
      var groups: [(key: Value, elements: [Value])] = []
      for element in try interpreter.sorted(interpreter.elements(of: value), by: key) {
        let elementKey = try key(element)
        if let last = groups.last, try interpreter.areEqual(last.key, elementKey) {
          groups[groups.count - 1].elements.append(element)
        } else {
          groups.append((elementKey, [element]))
        }
      }
      return try interpreter.list(
        groups.map { group in
          let name = ignoresCase ? try getter(group.elements[0]) : group.key
          let pair = List([name, try interpreter.list(group.elements)], fields: ["grouper", "list"])
          return .tuple(try interpreter.checked(pair))
        })
    },
  ]
}

extension Jinja.Interpreter {
  fileprivate func mapped(_ value: Value, _ arguments: Arguments) throws -> Value {
    guard value.isTrue else { return try generator(over: value) { nil } }
    var rest = arguments
    if rest.positional.isEmpty, let attribute = rest.take("attribute") {
      let getter = try getter(attribute, default: rest.take("default"))
      if let surplus = rest.named.first { throw failure("'map' has no parameter named '\(surplus.name)'.") }
      return try lazily(value, arguments) { try getter($0) }
    }
    guard !rest.positional.isEmpty else { throw failure("'map' lacks the name of a filter.") }
    let name = try string(rest.positional.removeFirst(), "the name of a filter")
    guard let filter = Jinja.filters[name] else { throw failure("There is no filter named '\(name)'.") }
    return try lazily(value, arguments) { [self, rest] in try self.filter(name, filter, $0, rest) }
  }

  private func lazily(
    _ value: Value, _ arguments: Arguments, _ transform: @escaping (Value) throws -> Value
  ) throws -> Value {
    let next = try cursor(over: value)
    return try generator(over: value, arguments) { try next().map(transform) }
  }

  fileprivate func selected(
    _ value: Value, _ arguments: Arguments, wanted: Bool, byAttribute: Bool
  ) throws -> Value {
    guard value.isTrue else { return try generator(over: value) { nil } }
    var rest = arguments
    var getter: (Value) throws -> Value = { $0 }
    if byAttribute {
      guard !rest.positional.isEmpty else { throw failure("The name of an attribute is missing.") }
      getter = try self.getter(rest.positional.removeFirst())
    }
    var test: (Value) throws -> Bool = { $0.isTrue }
    if !rest.positional.isEmpty {
      let name = try string(rest.positional.removeFirst(), "the name of a test")
      guard let function = Jinja.tests[name] else { throw failure("There is no test named '\(name)'.") }
      test = { [self, rest] in try function(self, $0.unmarked, rest) }
    }
    let next = try cursor(over: value)
    return try generator(over: value, arguments) { [getter, test] in
      while let element = try next() { if try test(getter(element)) == wanted { return element } }
      return nil
    }
  }
}
