/// The named values of an operation in a printed graph: `{eps=1e-05, shape="[tokens, 4, 16]"}`.
public struct Attributes: Hashable, Sendable {
  private var values: [(name: String, value: String)] = []

  /// No attributes.
  public init() {}

  /// The value of a name; setting nil changes nothing.
  public subscript(name: String) -> String? {
    get { values.first { $0.name == name }?.value }
    set { if let newValue { values.append((name, newValue)) } }
  }

  mutating func set<Value: Equatable>(_ name: String, _ value: Value, unless usual: Value? = nil) {
    if value != usual { self[name] = "\(value)" }
  }

  func string(_ name: String) throws(GraphError) -> String {
    guard let value = self[name] else { throw GraphError("\(name) is missing") }
    return value
  }

  func int(_ name: String, default usual: Int? = nil) throws(GraphError) -> Int {
    if let usual, self[name] == nil { return usual }
    guard let value = Int(try string(name)) else { throw GraphError("\(name) is no integer") }
    return value
  }

  func float(_ name: String, default usual: Float? = nil) throws(GraphError) -> Float {
    if let usual, self[name] == nil { return usual }
    guard let value = Float(try string(name)) else { throw GraphError("\(name) is no number") }
    return value
  }

  func bool(_ name: String) -> Bool { self[name] == "true" }

  /// Attributes are equal when they print equal.
  public static func == (a: Attributes, b: Attributes) -> Bool { a.text == b.text }
  /// Hashes the printed form.
  public func hash(into hasher: inout Hasher) { hasher.combine(text) }
}

extension Attributes {
  /// " {a=1, b=\"two words\"}", or nothing.
  public var text: String {
    guard !values.isEmpty else { return "" }
    let items = values.map { name, value in
      let isPlain = value.utf8.allSatisfy { byte in
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x5F, 0x2E, 0x2D, 0x2B: true
        default: false
        }
      }
      return isPlain && !value.isEmpty ? "\(name)=\(value)" : "\(name)=\"\(value)\""
    }
    return " {\(items.joined(separator: ", "))}"
  }

  /// Reads what `text` prints, without the braces.
  init(items text: Substring) throws(GraphError) {
    var rest = text
    while !rest.isEmpty {
      guard let equals = rest.firstIndex(of: "=") else { throw GraphError("attribute \(rest) has no value") }
      let name = String(rest[..<equals])
      rest = rest[rest.index(after: equals)...]
      if rest.first == "\"" {
        rest = rest.dropFirst()
        guard let end = rest.firstIndex(of: "\"") else { throw GraphError("attribute \(name) does not end") }
        self[name] = String(rest[..<end])
        rest = rest[rest.index(after: end)...]
      } else {
        let end = rest.firstIndex(of: ",") ?? rest.endIndex
        self[name] = String(rest[..<end])
        rest = rest[end...]
      }
      rest = rest.drop { $0 == "," || $0 == " " }
    }
  }
}
