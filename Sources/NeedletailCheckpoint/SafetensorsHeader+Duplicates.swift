import NeedletailJSON

extension SafetensorsHeader {
  /// A key that stands twice in one object of a valid JSON text, or nil.
  ///
  /// The parser keeps the last of equal keys, so there are fewer members in the value than colons in the text. Counting
  /// takes one pass without any memory; only a text that fails is looked at again for the key's name.
  static func repeatedKey(_ text: UnsafeBufferPointer<UInt8>, _ object: JSONObject) -> String? {
    guard colonCount(text) != memberCount(.object(object)) else { return nil }
    return firstRepeated(text) ?? "a key"
  }

  private static func memberCount(_ value: JSON) -> Int {
    switch value {
    case .object(let object): object.reduce(object.count) { $0 + memberCount($1.value) }
    case .array(let elements): elements.reduce(0) { $0 + memberCount($1) }
    default: 0
    }
  }

  private static func colonCount(_ text: UnsafeBufferPointer<UInt8>) -> Int {
    var count = 0
    var position = 0
    while position < text.count {
      switch text[position] {
      case UInt8(ascii: "\""): position = endOfString(text, position)
      case UInt8(ascii: ":"): count += 1
      default: break
      }
      position += 1
    }
    return count
  }

  /// The position of the closing quote of the string that starts at `start`.
  private static func endOfString(_ text: UnsafeBufferPointer<UInt8>, _ start: Int) -> Int {
    var position = start + 1
    while position < text.count, text[position] != UInt8(ascii: "\"") {
      position += text[position] == UInt8(ascii: "\\") ? 2 : 1
    }
    return position
  }

  private static func firstRepeated(_ text: UnsafeBufferPointer<UInt8>) -> String? {
    var scopes: [Set<NameKey>] = []
    var position = 0
    var lastString: Range<Int>?
    while position < text.count {
      switch text[position] {
      case UInt8(ascii: "{"): scopes.append([])
      case UInt8(ascii: "}"): _ = scopes.popLast()
      case UInt8(ascii: "\""):
        let end = endOfString(text, position)
        lastString = position..<min(end + 1, text.count)
        position = end
      case UInt8(ascii: ":"):
        guard let range = lastString, !scopes.isEmpty,
          let key = try? JSON.parse(UnsafeBufferPointer(rebasing: text[range])).string
        else { return nil }
        if !scopes[scopes.count - 1].insert(NameKey(key)).inserted { return key }
      default: break
      }
      position += 1
    }
    return nil
  }
}

/// A name compared by its bytes: two canonically equivalent spellings are two tensors.
struct NameKey: Hashable {
  let text: String
  init(_ text: String) { self.text = text }
  static func == (a: NameKey, b: NameKey) -> Bool { a.text.utf8.elementsEqual(b.text.utf8) }
  func hash(into hasher: inout Hasher) {
    var text = text
    text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
  }
}
