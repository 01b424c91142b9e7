extension Jinja {
  /// Yields the elements of a value one by one, nil at the end.
  typealias Cursor = () throws -> Value?

  /// A value with an identity.
  class Object {
    /// How deep values nest in this one, as far as known when it was made.
    final let depth: Int

    init(depth: Int = 1) { self.depth = depth }

    var typeName: String { "object" }
    /// How the value prints.
    var text: String { "<\(typeName) object>" }
    /// An attribute, nil where it has none of this name.
    func attribute(_ name: String) throws -> Value? { nil }
    /// Drops what the object holds. Templates can make long chains and cycles of objects, which must neither leak nor
    /// be freed recursively; so the interpreter keeps all until the end and takes them apart.
    func dismantle() {}
  }

  /// `namespace()`: the only value that changes.
  final class Namespace: Object {
    var attributes: [(name: ExactText, value: Value)] = []

    override var typeName: String { "Namespace" }

    override func attribute(_ name: String) -> Value? {
      attributes.first { $0.name.text.isIdenticalText(to: name) }?.value
    }

    func set(_ name: String, _ value: Value) {
      if let position = attributes.firstIndex(where: { $0.name.text.isIdenticalText(to: name) }) {
        attributes[position].value = value
      } else {
        attributes.append((ExactText(text: name), value))
      }
    }

    override func dismantle() { attributes = [] }
  }

  /// What a lazy filter gives: its elements can be taken once.
  final class Generator: Object {
    private var advance: Cursor?

    init(depth: Int, _ advance: @escaping Cursor) {
      self.advance = advance
      super.init(depth: depth)
    }

    override var typeName: String { "generator" }

    func next() throws -> Value? {
      guard let value = try advance?() else {
        advance = nil
        return nil
      }
      return value
    }

    override func dismantle() { advance = nil }
  }

  /// A function or a method of a value.
  final class Function: Object {
    let name: String
    private let body: (Interpreter, Arguments) throws -> Value

    init(_ name: String, depth: Int = 1, _ body: @escaping (Interpreter, Arguments) throws -> Value) {
      self.name = name
      self.body = body
      super.init(depth: depth)
    }

    override var typeName: String { "builtin_function_or_method" }
    override var text: String { "<built-in method \(name)>" }

    func call(_ interpreter: Interpreter, _ arguments: Arguments) throws -> Value {
      try body(interpreter, arguments)
    }
  }

  /// A macro, or the body of a call block, with the variables around it.
  final class Macro: Object {
    let syntax: MacroSyntax
    var scope: Scope?

    init(_ syntax: MacroSyntax, scope: Scope) {
      self.syntax = syntax
      self.scope = scope
    }

    override var typeName: String { "Macro" }
    override var text: String { "<Macro \(PythonText.quoted(syntax.name))>" }
    override func attribute(_ name: String) -> Value? {
      switch name {
      case "name": .string(syntax.name)
      case "arguments": .tuple(List(syntax.parameters.map { .string($0.name) }))
      case "caller": .bool(syntax.uses.contains(.caller))
      case "catch_varargs": .bool(syntax.uses.contains(.positional))
      case "catch_kwargs": .bool(syntax.uses.contains(.named))
      default: nil
      }
    }

    override func dismantle() { scope = nil }
  }

  /// `cycler(...)`
  final class Cycler: Object {
    var values: [Value]
    var position = 0

    init(_ values: [Value], depth: Int) {
      self.values = values
      super.init(depth: depth)
    }

    override var typeName: String { "Cycler" }
    override func attribute(_ name: String) -> Value? {
      switch name {
      case "current": return values[position]
      case "next":
        return .object(
          Function("next") { [self] _, _ in
            let value = values[position]
            position = (position + 1) % values.count
            return value
          })
      case "reset":
        return .object(
          Function("reset") { [self] _, _ in
            position = 0
            return .none
          })
      default: return nil
      }
    }
  }

  /// The variables of a block, and the block around it.
  final class Scope {
    private var entries: [(identifier: Int, value: Value)] = []
    let parent: Scope?

    init(parent: Scope?) { self.parent = parent }

    func value(of identifier: Int) -> Value? {
      var scope: Scope? = self
      while let current = scope {
        for entry in current.entries where entry.identifier == identifier { return entry.value }
        scope = current.parent
      }
      return nil
    }

    func set(_ identifier: Int, _ value: Value) {
      for position in entries.indices where entries[position].identifier == identifier {
        entries[position].value = value
        return
      }
      entries.append((identifier, value))
    }
  }
}
