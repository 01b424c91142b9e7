extension Jinja {
  /// A value as Python would hold it.
  enum Value {
    /// What does not exist, with the sentence that using it throws.
    case undefined(String)
    case none
    case bool(Bool)
    case int(Int)
    case double(Double)
    case string(String)
    /// A text that `safe` or `escape` gave: what is added to it is escaped.
    case markup(String)
    case list(List)
    case tuple(List)
    case dict(Dict)
    case range(IntegerRange)
    case view(View)
    case object(Object)
  }

  /// The elements of a list or tuple; never changed, as in the immutable sandbox.
  final class List {
    let elements: [Value]
    /// How deep values nest, itself included.
    let depth: Int
    /// The names of a named tuple's elements.
    let fields: [String]

    init(_ elements: [Value], fields: [String] = []) {
      self.elements = elements
      self.fields = fields
      depth = 1 + (elements.lazy.map(\.depth).max() ?? 0)
    }
  }

  /// A dictionary in the order of insertion; never changed.
  final class Dict {
    let entries: [(key: Value, value: Value)]
    let depth: Int
    private let keys: [Key]
    private let index: [Key: Int]
    private static let indexThreshold = 8

    /// Makes a dictionary; the last of equal keys stays, at the place of the first.
    init(_ pairs: [(key: Key, original: Value, value: Value)]) {
      var entries: [(key: Value, value: Value)] = []
      var keys: [Key] = []
      var index: [Key: Int] = [:]
      var depth = 0
      entries.reserveCapacity(pairs.count)
      for pair in pairs {
        depth = max(depth, pair.value.depth, pair.original.depth)
        let known = pairs.count > Self.indexThreshold ? index[pair.key] : keys.firstIndex(of: pair.key)
        if let known {
          entries[known].value = pair.value
          continue
        }
        if pairs.count > Self.indexThreshold { index[pair.key] = entries.count }
        entries.append((pair.original, pair.value))
        keys.append(pair.key)
      }
      self.entries = entries
      self.keys = keys
      self.index = index
      self.depth = depth + 1
    }

    subscript(key: Key) -> Value? {
      let position = index.isEmpty ? keys.firstIndex(of: key) : index[key]
      return position.map { entries[$0].value }
    }
  }

  /// What a dictionary can have as a key; keys that Python holds for equal are equal.
  enum Key: Hashable {
    case undefined
    case none
    case int(Int)
    case double(Double)
    case string(ExactText)
    case tuple([Key])
  }

  /// A text compared by its code points: String's own equality holds canonically equivalent texts for one.
  struct ExactText: Hashable {
    let text: String

    static func == (a: ExactText, b: ExactText) -> Bool { a.text.isIdenticalText(to: b.text) }
    func hash(into hasher: inout Hasher) {
      var text = text
      text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }
  }

  /// `range(start, stop, step)`
  struct IntegerRange {
    let start: Int
    let stop: Int
    let step: Int
    let count: Int

    /// Nil where the step is 0 or the range has more than `maximumCount` elements.
    init?(start: Int, stop: Int, step: Int) {
      guard step != 0 else { return nil }
      let span = step > 0 ? Double(stop) - Double(start) : Double(start) - Double(stop)
      let count = span <= 0 ? 0 : (span / Double(step.magnitude)).rounded(.up)
      guard count <= Double(Self.maximumCount) else { return nil }
      self.init(start: start, stop: stop, step: step, count: Int(count))
    }

    private init(start: Int, stop: Int, step: Int, count: Int) {
      self.start = start
      self.stop = stop
      self.step = step
      self.count = count
    }

    /// Jinja's sandbox makes no larger ranges.
    static let maximumCount = 100_000

    subscript(position: Int) -> Int { start &+ position &* step }
  }

  /// `dict.keys()`, `dict.values()` or `dict.items()`
  final class View {
    let kind: String
    let elements: [Value]
    let depth: Int

    init(kind: String, _ elements: [Value], depth: Int) {
      self.kind = kind
      self.elements = elements
      self.depth = depth
    }
  }
}

extension Jinja.Value {
  /// How deep values nest in this one; 0 for what holds no others.
  var depth: Int {
    switch self {
    case .undefined, .none, .bool, .int, .double, .string, .markup, .range: 0
    case .list(let list), .tuple(let list): list.depth
    case .dict(let dict): dict.depth
    case .view(let view): view.depth
    case .object(let object): object.depth
    }
  }

  /// Whether the value exists.
  var isDefined: Bool { if case .undefined = self { false } else { true } }

  /// Python's truth.
  var isTrue: Bool {
    switch self {
    case .undefined, .none: false
    case .bool(let value): value
    case .int(let value): value != 0
    case .double(let value): value != 0
    case .string(let value), .markup(let value): !value.utf8.isEmpty
    case .list(let list), .tuple(let list): !list.elements.isEmpty
    case .dict(let dict): !dict.entries.isEmpty
    case .range(let range): range.count > 0
    case .view(let view): !view.elements.isEmpty
    case .object: true
    }
  }

  /// The value, as a plain string where it is a text marked as safe.
  var unmarked: Jinja.Value { if case .markup(let text) = self { .string(text) } else { self } }

  /// The value as an integer where Python takes it for one: booleans count.
  var integer: Int? {
    switch self {
    case .int(let value): value
    case .bool(let value): value ? 1 : 0
    default: nil
    }
  }

  /// The value as a number: integers and booleans count.
  var number: Double? { if case .double(let value) = self { value } else { integer.map(Double.init) } }

  /// The name of the value's type in Python.
  var typeName: String {
    switch self {
    case .undefined: "Undefined"
    case .none: "NoneType"
    case .bool: "bool"
    case .int: "int"
    case .double: "float"
    case .string: "str"
    case .markup: "Markup"
    case .list: "list"
    case .tuple: "tuple"
    case .dict: "dict"
    case .range: "range"
    case .view(let view): view.kind
    case .object(let object): object.typeName
    }
  }
}

extension String {
  /// Whether two texts are the same code points.
  func isIdenticalText(to other: String) -> Bool {
    guard utf8.count == other.utf8.count else { return false }
    return utf8.elementsEqual(other.utf8)
  }

  /// Whether a text stands before another in the order of code points, which is the order of UTF-8's bytes.
  func precedesAsCodePoints(_ other: String) -> Bool { utf8.lexicographicallyPrecedes(other.utf8) }
}
