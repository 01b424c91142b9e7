extension Jinja.Interpreter {
  /// `value.name`: an attribute or method, else the item of this name.
  func attribute(_ name: String, of value: Value) throws -> Value {
    if let attribute = try ownAttribute(name, of: value) { return attribute }
    if case .dict(let dict) = value, let item = dict[.string(.init(text: name))] { return item }
    return .undefined("'\(described(value))' has no attribute '\(name)'.")
  }

  /// `value[item]`: an item, else the attribute of this name.
  func item(_ item: Value, of value: Value) throws -> Value {
    switch value {
    case .undefined(let problem): throw failure(problem)
    case .dict(let dict):
      switch item {
      case .list, .dict, .view, .object, .range: break
      default: if let value = dict[try key(item)] { return value }
      }
    case .list(let list), .tuple(let list):
      if let position = position(item, count: list.elements.count) { return list.elements[position] }
    case .range(let range):
      if let position = position(item, count: range.count) { return .int(range[position]) }
    case .string(let text), .markup(let text):
      try charge(text.utf8.count / 64)
      let scalars = text.unicodeScalars
      if let position = position(item, count: item.integer == nil ? 0 : scalars.count) {
        let character = String(scalars[scalars.index(scalars.startIndex, offsetBy: position)])
        if case .markup = value { return .markup(character) } else { return .string(character) }
      }
    default: break
    }
    guard case .string(let name) = item.unmarked else {
      return .undefined("\(described(value)) has no element \(try representation(of: item)).")
    }
    return try ownAttribute(name, of: value) ?? .undefined("'\(described(value))' has no attribute '\(name)'.")
  }

  private func position(_ item: Value, count: Int) -> Int? {
    guard let index = item.integer else { return nil }
    let position = index < 0 ? index &+ count : index
    return 0..<count ~= position ? position : nil
  }

  private func described(_ value: Value) -> String {
    if case .none = value { "None" } else { "\(value.typeName) object" }
  }

  /// An attribute or a bound method, nil where the value's type has none of this name.
  private func ownAttribute(_ name: String, of value: Value) throws -> Value? {
    switch value {
    case .undefined(let problem): throw failure(problem)
    case .object(let object): return try object.attribute(name)
    case .string(let text):
      guard let method = Jinja.stringMethods[name] else { return nil }
      return bound(name, to: value) { try method($0, text, $1) }
    case .markup(let text):
      guard let method = Jinja.stringMethods[name] else { return nil }
      return bound(name, to: value) { interpreter, arguments in
        try Self.marked(method(interpreter, text, arguments))
      }
    case .list(let list), .tuple(let list):
      if let field = list.fields.firstIndex(of: name) { return list.elements[field] }
      if case .list = value, Jinja.forbiddenListMethods.contains(name) { return forbidden(name, of: value) }
      guard let method = Jinja.listMethods[name] else { return nil }
      return bound(name, to: value) { try method($0, list, $1) }
    case .dict(let dict):
      if Jinja.forbiddenDictMethods.contains(name) { return forbidden(name, of: value) }
      guard let method = Jinja.dictMethods[name] else { return nil }
      return bound(name, to: value) { try method($0, dict, $1) }
    default: return nil
    }
  }

  /// A result of a method of a text marked as safe: its texts are marked too.
  private static func marked(_ value: Value) -> Value {
    switch value {
    case .string(let text): .markup(text)
    case .list(let list): .list(Jinja.List(list.elements.map(marked)))
    case .tuple(let list): .tuple(Jinja.List(list.elements.map(marked)))
    default: value
    }
  }

  private func bound(
    _ name: String, to value: Value,
    _ body: @escaping (Jinja.Interpreter, Arguments) throws -> Value
  ) -> Value {
    .object(Jinja.Function(name, depth: value.depth + 1, body))
  }

  private func forbidden(_ name: String, of value: Value) -> Value {
    .undefined("The method '\(name)' of a \(value.typeName) changes it, which a template must not do.")
  }

  // MARK: Slices

  /// `value[start:stop:step]`
  func slice(_ value: Value, _ start: Value?, _ stop: Value?, _ step: Value?) throws -> Value {
    switch value {
    case .markup(let text):
      let sliced = try slice(.string(text), start, stop, step)
      return .markup(try self.text(of: sliced))
    case .string(let text):
      let scalars = Array(text.unicodeScalars)
      try charge(scalars.count / 16)
      var out = String.UnicodeScalarView()
      for position in try positions(scalars.count, start, stop, step) { out.append(scalars[position]) }
      return .string(String(out))
    case .list(let list):
      return try self.list(positions(list.elements.count, start, stop, step).map { list.elements[$0] })
    case .tuple(let list):
      return try tuple(positions(list.elements.count, start, stop, step).map { list.elements[$0] })
    case .range(let range):
      let (first, end, stride) = try bounds(range.count, start, stop, step)
      let sliced = Jinja.IntegerRange(
        start: range[first], stop: range[end], step: range.step &* stride)
      guard let sliced else { throw failure("A slice of a range is too large.") }
      return .range(sliced)
    case .undefined(let problem): throw failure(problem)
    default: throw failure("A value of type '\(value.typeName)' cannot be sliced.")
    }
  }

  private func positions(_ count: Int, _ start: Value?, _ stop: Value?, _ step: Value?) throws -> StrideTo<Int> {
    let (first, end, stride) = try bounds(count, start, stop, step)
    return Swift.stride(from: first, to: end, by: stride)
  }

  /// Where a slice of `count` elements starts and ends, as Python's `slice.indices`.
  private func bounds(
    _ count: Int, _ start: Value?, _ stop: Value?, _ step: Value?
  ) throws -> (first: Int, end: Int, step: Int) {
    let stride = max(try bound(step) ?? 1, -Int.max)
    guard stride != 0 else { throw failure("The step of a slice is 0.") }
    let lowest = stride > 0 ? 0 : -1
    let highest = stride > 0 ? count : count - 1
    func clamped(_ bound: Int) -> Int { min(max(bound < 0 ? bound &+ count : bound, lowest), highest) }
    let first = try bound(start).map(clamped) ?? (stride > 0 ? lowest : highest)
    let end = try bound(stop).map(clamped) ?? (stride > 0 ? highest : lowest)
    // A step beyond the elements takes the first one only; a smaller one of the same effect cannot overflow.
    return (first, end, max(min(stride, count + 1), -count - 1))
  }

  private func bound(_ value: Value?) throws -> Int? {
    guard let value, !Optional(value).isNothing else { return nil }
    if case .undefined(let problem) = value { throw failure(problem) }
    guard let integer = value.integer else { throw failure("The bounds of a slice must be integers.") }
    return integer
  }
}
