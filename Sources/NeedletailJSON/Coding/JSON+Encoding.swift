extension JSON {
  /// A value as JSON, through its `Encodable` conformance. Integers stay integers, keys keep the order they are encoded in;
  /// numbers that are not finite are written as the strings "inf", "-inf" and "nan", which `decoded` reads back.
  ///
  ///     let text = try JSON(encoding: plan).text(.compact)
  public init(encoding value: some Encodable) throws {
    let node = EncodedNode()
    try value.encode(to: NodeEncoder(node: node, codingPath: []))
    self = node.json
  }
}

/// A value that is being encoded: its parts arrive one by one, and may be encoded later than the whole.
private final class EncodedNode {
  enum Content {
    case value(JSON)
    case array([EncodedNode])
    case object([(String, EncodedNode)])
  }
  var content = Content.value(.null)

  var json: JSON {
    switch content {
    case .value(let value): value
    case .array(let nodes): .array(nodes.map(\.json))
    case .object(let members): .object(JSONObject(members.map { ($0.0, $0.1.json) }))
    }
  }

  func append() -> EncodedNode {
    let node = EncodedNode()
    if case .array(var nodes) = content {
      content = .value(.null)  // the array must not be shared while it grows
      nodes.append(node)
      content = .array(nodes)
    }
    return node
  }

  func member(_ key: String) -> EncodedNode {
    let node = EncodedNode()
    if case .object(var members) = content {
      content = .value(.null)
      members.append((key, node))
      content = .object(members)
    }
    return node
  }

  func set(_ value: some Encodable, _ path: [any CodingKey]) throws {
    switch value {
    case let value as Bool: content = .value(.bool(value))
    case let value as String: content = .value(.string(value))
    case let value as Double: set(value)
    case let value as Float: set(Double(value))
    case let value as any BinaryInteger:
      guard let value = Int(exactly: value) else {
        throw EncodingError.invalidValue(
          value, .init(codingPath: path, debugDescription: "\(value) is no 64-bit signed integer"))
      }
      content = .value(.int(value))
    default: try value.encode(to: NodeEncoder(node: self, codingPath: path))
    }
  }

  private func set(_ value: Double) {
    content = .value(value.isFinite ? .double(value) : .string(value.isNaN ? "nan" : value < 0 ? "-inf" : "inf"))
  }
}

private struct NodeEncoder: Encoder {
  let node: EncodedNode
  let codingPath: [any CodingKey]
  var userInfo: [CodingUserInfoKey: Any] { [:] }

  func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
    if case .object = node.content {} else { node.content = .object([]) }
    return KeyedEncodingContainer(KeyedNode(node: node, codingPath: codingPath))
  }
  func unkeyedContainer() -> any UnkeyedEncodingContainer {
    node.content = .array([])
    return UnkeyedNode(node: node, codingPath: codingPath)
  }
  func singleValueContainer() -> any SingleValueEncodingContainer { SingleNode(node: node, codingPath: codingPath) }
}

private struct KeyedNode<Key: CodingKey>: KeyedEncodingContainerProtocol {
  let node: EncodedNode
  let codingPath: [any CodingKey]

  mutating func encodeNil(forKey key: Key) { _ = node.member(key.stringValue) }
  mutating func encode(_ value: some Encodable, forKey key: Key) throws {
    try node.member(key.stringValue).set(value, codingPath + [key])
  }
  mutating func nestedContainer<Nested: CodingKey>(
    keyedBy type: Nested.Type, forKey key: Key
  ) -> KeyedEncodingContainer<Nested> {
    NodeEncoder(node: node.member(key.stringValue), codingPath: codingPath + [key]).container(keyedBy: type)
  }
  mutating func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
    NodeEncoder(node: node.member(key.stringValue), codingPath: codingPath + [key]).unkeyedContainer()
  }
  mutating func superEncoder() -> any Encoder { NodeEncoder(node: node.member("super"), codingPath: codingPath) }
  mutating func superEncoder(forKey key: Key) -> any Encoder {
    NodeEncoder(node: node.member(key.stringValue), codingPath: codingPath + [key])
  }
}

private struct UnkeyedNode: UnkeyedEncodingContainer {
  let node: EncodedNode
  let codingPath: [any CodingKey]
  var count: Int { if case .array(let nodes) = node.content { nodes.count } else { 0 } }

  mutating func encodeNil() { _ = node.append() }
  mutating func encode(_ value: some Encodable) throws { try node.append().set(value, codingPath) }
  mutating func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type) -> KeyedEncodingContainer<Nested> {
    NodeEncoder(node: node.append(), codingPath: codingPath).container(keyedBy: type)
  }
  mutating func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer {
    NodeEncoder(node: node.append(), codingPath: codingPath).unkeyedContainer()
  }
  mutating func superEncoder() -> any Encoder { NodeEncoder(node: node.append(), codingPath: codingPath) }
}

private struct SingleNode: SingleValueEncodingContainer {
  let node: EncodedNode
  let codingPath: [any CodingKey]

  mutating func encodeNil() { node.content = .value(.null) }
  mutating func encode(_ value: some Encodable) throws { try node.set(value, codingPath) }
}
