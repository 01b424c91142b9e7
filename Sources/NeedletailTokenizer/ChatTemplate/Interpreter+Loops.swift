extension Jinja {
  /// `loop`: the state of a `for` that runs. Elements are taken one ahead only where the template asks for that.
  final class Loop: Object {
    private var cursor: Cursor?
    private var ahead: [Value] = []
    private var aheadStart = 0
    private var isExhausted = false
    private var position = -1
    private var length: Int?
    private var current: Value?
    private var previous: Value?
    private var lastChanged: Value?
    private let recursion: Int
    /// Renders the body over other elements, where the loop is recursive.
    var recurse: ((Value) throws -> Value)?

    init(depth: Int, recursion: Int, _ cursor: @escaping Cursor) {
      self.cursor = cursor
      self.recursion = recursion
      super.init(depth: depth)
    }

    override var typeName: String { "LoopContext" }

    /// Drops what reaches back to the loop's surroundings.
    func end() {
      cursor = nil
      recurse = nil
    }

    func next() throws -> Value? {
      guard try fill(1) else { return nil }
      previous = current
      current = ahead[aheadStart]
      aheadStart += 1
      if aheadStart == ahead.count {
        ahead.removeAll(keepingCapacity: true)
        aheadStart = 0
      }
      position += 1
      return current
    }

    /// Takes elements until `count` are ahead; false where there are fewer.
    private func fill(_ count: Int) throws -> Bool {
      while ahead.count - aheadStart < count {
        guard !isExhausted, let value = try cursor?() else {
          isExhausted = true
          return false
        }
        ahead.append(value)
      }
      return true
    }

    private func count() throws -> Int {
      if let length { return length }
      _ = try fill(.max)
      let count = position + 1 + ahead.count - aheadStart
      length = count
      return count
    }

    override func attribute(_ name: String) throws -> Value? {
      switch name {
      case "index": return .int(position + 1)
      case "index0": return .int(position)
      case "revindex": return .int(try count() - position)
      case "revindex0": return .int(try count() - position - 1)
      case "first": return .bool(position == 0)
      case "last": return .bool(try !fill(1))
      case "length": return .int(try count())
      case "depth": return .int(recursion + 1)
      case "depth0": return .int(recursion)
      case "previtem": return position == 0 ? .undefined("There is no previous item.") : previous
      case "nextitem": return try fill(1) ? ahead[aheadStart] : .undefined("There is no next item.")
      case "cycle", "changed": return .object(function(name))
      default: return nil
      }
    }

    private func function(_ name: String) -> Function {
      Function(name, depth: depth + 1) { [self] interpreter, arguments in
        if name == "cycle" {
          guard !arguments.positional.isEmpty else { throw interpreter.failure("'cycle' lacks its arguments.") }
          return arguments.positional[max(0, position) % arguments.positional.count]
        }
        let values = try interpreter.tuple(arguments.positional)
        if let lastChanged, try interpreter.areEqual(lastChanged, values) { return .bool(false) }
        lastChanged = values
        return .bool(true)
      }
    }
  }
}

extension Jinja.Interpreter {
  /// Runs a `for` over a value.
  func loop(over iterable: Value, _ syntax: Jinja.LoopSyntax, depth: Int, in scope: Scope) throws -> Flow {
    let elements = try filtered(cursor(over: iterable), syntax, in: scope)
    try checkDepth(iterable.depth + 1)
    let loop = Jinja.Loop(depth: iterable.depth + 1, recursion: depth, elements)
    defer { loop.end() }
    if syntax.isRecursive {
      loop.recurse = { [self] value in
        let (text, _) = try captured { try self.loop(over: value, syntax, depth: depth + 1, in: scope) }
        return .string(text)
      }
    }
    var ranToEnd = false
    while let element = try loop.next() {
      try charge(1)
      let inner = Scope(parent: scope)
      inner.set(Jinja.Parser.Special.loop, .object(loop))
      try assign(element, to: syntax.target, in: inner)
      let flow = try execute(syntax.body, in: inner)
      if flow == .break { break }
      // As in Jinja, `else` also runs where every iteration was left early.
      if flow == .normal { ranToEnd = true }
    }
    return ranToEnd || syntax.otherwise.isEmpty ? .normal : try execute(syntax.otherwise, in: Scope(parent: scope))
  }

  private func filtered(
    _ cursor: @escaping Jinja.Cursor, _ syntax: Jinja.LoopSyntax, in scope: Scope
  ) -> Jinja.Cursor {
    guard let condition = syntax.condition else { return cursor }
    return { [self] in
      while let element = try cursor() {
        let inner = Scope(parent: scope)
        try assign(element, to: syntax.target, in: inner)
        if try evaluate(condition, in: inner).isTrue { return element }
      }
      return nil
    }
  }

  /// The elements of a value one by one.
  func cursor(over value: Value) throws -> Jinja.Cursor {
    switch value {
    case .undefined: return { nil }
    case .string(let text), .markup(let text):
      var rest = text.unicodeScalars.makeIterator()
      return { [self] in
        try charge(1)
        return rest.next().map { .string(String($0)) }
      }
    case .list(let list), .tuple(let list): return cursor(over: list.elements)
    case .view(let view): return cursor(over: view.elements)
    case .dict(let dict): return cursor(over: dict.entries.map(\.key))
    case .range(let range):
      var position = 0
      return { [self] in
        try charge(1)
        guard position < range.count else { return nil }
        position += 1
        return .int(range[position - 1])
      }
    case .object(let object):
      guard let generator = object as? Jinja.Generator else { break }
      return { [self] in
        try charge(1)
        return try nested { try generator.next() }
      }
    default: break
    }
    throw failure("A value of type '\(value.typeName)' cannot be iterated over.")
  }

  private func cursor(over elements: [Value]) -> Jinja.Cursor {
    var position = 0
    return { [self] in
      try charge(1)
      guard position < elements.count else { return nil }
      position += 1
      return elements[position - 1]
    }
  }

  /// The elements of a value, at most `limit` of them.
  func elements(of value: Value, limit: Int = .max) throws -> [Value] {
    switch value {
    case .list(let list), .tuple(let list): return list.elements
    case .view(let view): return view.elements
    default: break
    }
    let next = try cursor(over: value)
    var elements: [Value] = []
    while elements.count < limit, let element = try next() { elements.append(element) }
    return elements
  }
}
