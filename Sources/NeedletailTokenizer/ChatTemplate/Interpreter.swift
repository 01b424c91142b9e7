extension Jinja {
  /// Renders a template once.
  final class Interpreter {
    let limits: ChatTemplate.Limits
    let moment: ChatTemplate.Moment
    /// The names of the variables.
    private let names: [String]
    /// What the context gives for each name.
    private let context: [Value?]
    private(set) var root = Scope(parent: nil)
    private var stepsLeft: Int
    private var depth = 0
    private var objects: [Object] = []
    /// What is written so far by the innermost capture.
    var output = ""
    /// The line of the statement that runs.
    var line = 1

    init(names: [String], context: [Value?], limits: ChatTemplate.Limits, moment: ChatTemplate.Moment) {
      self.names = names
      self.context = context
      self.limits = limits
      self.moment = moment
      stepsLeft = limits.maximumSteps
    }

    /// Takes apart what the template made; see `Object.dismantle`.
    func finish() {
      for object in objects { object.dismantle() }
      objects = []
      root = Scope(parent: nil)
    }

    // MARK: Limits

    /// Counts work: one step is about a node of the tree, an element, or 64 bytes of text.
    func charge(_ steps: Int) throws {
      stepsLeft -= min(steps, stepsLeft + 1)
      guard stepsLeft >= 0 else {
        throw ChatTemplateError(.limit, "The template takes more than \(limits.maximumSteps) steps.")
      }
    }

    /// Counts a text that is about to be made.
    func chargeText(bytes: Int) throws {
      guard bytes <= limits.maximumOutputBytes else {
        throw ChatTemplateError(.limit, "A text is longer than \(limits.maximumOutputBytes) bytes.")
      }
      try charge(bytes / 64)
    }

    /// Runs a part that nests in another one; the weight says how much more stack than others it takes.
    @inline(__always)
    func nested<Result>(weight: Int = 1, _ part: () throws -> Result) throws -> Result {
      guard depth <= limits.maximumDepth - weight else {
        throw ChatTemplateError(.limit, "The template nests or recurses more than \(limits.maximumDepth) deep.")
      }
      depth += weight
      defer { depth -= weight }
      return try part()
    }

    func failure(_ message: String) -> ChatTemplateError { ChatTemplateError(.runtime, message) }

    // MARK: Values

    /// Keeps an object until the end.
    func keep<Kept: Object>(_ object: Kept) throws -> Kept {
      try checkDepth(object.depth)
      try charge(4)
      objects.append(object)
      return object
    }

    func checkDepth(_ depth: Int) throws {
      guard depth <= maximumValueDepth else {
        throw ChatTemplateError(.limit, "Values nest more than \(maximumValueDepth) deep.")
      }
    }

    func list(_ elements: [Value]) throws -> Value { .list(try checked(List(elements))) }

    func tuple(_ elements: [Value]) throws -> Value { .tuple(try checked(List(elements))) }

    func checked(_ list: List) throws -> List {
      try charge(list.elements.count)
      try checkDepth(list.depth)
      return list
    }

    /// A dictionary of pairs, whose keys must be hashable.
    func dict(_ pairs: [(key: Value, value: Value)]) throws -> Value {
      try charge(pairs.count)
      let dict = Dict(try pairs.map { (try key($0.key), $0.key, $0.value) })
      try checkDepth(dict.depth)
      return .dict(dict)
    }

    /// A lazy sequence that depends on the given values.
    func generator(over source: Value, _ arguments: Arguments = .init(), _ next: @escaping Cursor) throws -> Value {
      .object(try keep(Generator(depth: max(source.depth, arguments.depth) + 1, next)))
    }

    /// A value as the key of a dictionary.
    func key(_ value: Value) throws -> Key {
      switch value {
      case .undefined: return .undefined
      case .none: return .none
      case .bool(let value): return .int(value ? 1 : 0)
      case .int(let value): return .int(value)
      case .double(let value): return Int(exactly: value).map { .int($0) } ?? .double(value)
      case .string(let text), .markup(let text): return .string(ExactText(text: text))
      case .tuple(let list):
        try charge(list.elements.count + 1)
        return .tuple(try list.elements.map(key))
      default: throw failure("A value of type '\(value.typeName)' cannot be a key.")
      }
    }

    // MARK: Variables

    /// What a variable holds: in the blocks around the place, else in the context.
    func variable(_ identifier: Int, in scope: Scope) -> Value {
      scope.value(of: identifier) ?? context[identifier] ?? .undefined("'\(names[identifier])' is undefined.")
    }

    // MARK: Output

    func write(_ text: String) throws {
      guard output.utf8.count + text.utf8.count <= limits.maximumOutputBytes else {
        throw ChatTemplateError(.limit, "The prompt is longer than \(limits.maximumOutputBytes) bytes.")
      }
      try charge(text.utf8.count / 64)
      output += text
    }

    /// What a part writes, instead of writing it; nil where the part ended with `break` or `continue`.
    func captured(_ part: () throws -> Flow) throws -> (text: String, flow: Flow) {
      let outer = output
      output = ""
      let flow = try part()
      let text = output
      output = outer
      return (text, flow)
    }
  }

  /// How a statement ends.
  enum Flow { case normal, `break`, `continue` }
}
