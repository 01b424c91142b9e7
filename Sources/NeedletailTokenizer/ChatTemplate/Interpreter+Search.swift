#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

extension Jinja.Interpreter {
  /// The offsets in UTF-8 of a text's parts that equal another text, from the left, without overlap.
  func offsets(of part: String, in text: String, limit: Int = .max) throws -> [Int] {
    try charge(text.utf8.count / 64)
    var part = part
    var text = text
    let (offsets, candidates) = part.withUTF8 { part in
      text.withUTF8 { text in Self.offsets(of: part, in: text, limit: limit) }
    }
    try charge(offsets.count / 4 + candidates / 16 + candidates * (part.utf8.count / 64))
    return offsets
  }

  /// The offsets, and how many places had to be looked at closely: the work, which hostile texts can make quadratic.
  private static func offsets(
    of part: UnsafeBufferPointer<UInt8>, in text: UnsafeBufferPointer<UInt8>, limit: Int
  ) -> (offsets: [Int], candidates: Int) {
    var offsets: [Int] = []
    var candidates = 0
    guard let wanted = part.baseAddress, let start = text.baseAddress, part.count > 0 else { return (offsets, 0) }
    var position = 0
    while offsets.count < limit, position + part.count <= text.count,
      let found = memchr(start + position, Int32(part[0]), text.count - position - part.count + 1)
    {
      candidates += 1
      let offset = UnsafeRawPointer(found) - UnsafeRawPointer(start)
      if memcmp(start + offset, wanted, part.count) == 0 {
        offsets.append(offset)
        position = offset + part.count
      } else {
        position = offset + 1
      }
    }
    return (offsets, candidates)
  }

  /// The offset of the last such part.
  func lastOffset(of part: String, in text: String) throws -> Int? {
    try lastOffsets(of: part, in: text, limit: 1).first
  }

  /// The offsets from the right, the rightmost first, without overlap.
  func lastOffsets(of part: String, in text: String, limit: Int) throws -> [Int] {
    let bytes = Array(text.utf8)
    let wanted = Array(part.utf8)
    try charge(bytes.count / 16)
    var offsets: [Int] = []
    guard !wanted.isEmpty else { return offsets }
    var end = bytes.count
    while offsets.count < limit, end >= wanted.count {
      if bytes[end - wanted.count] == wanted[0], bytes[(end - wanted.count)..<end].elementsEqual(wanted) {
        end -= wanted.count
        offsets.append(end)
      } else {
        try charge(wanted.count / 64)
        end -= 1
      }
    }
    return offsets
  }

  /// A text without the parts at the given offsets, in pieces.
  func pieces(of text: String, between offsets: [Int], width: Int) -> [String] {
    var pieces: [String] = []
    var start = text.utf8.startIndex
    var position = 0
    for offset in offsets {
      let end = text.utf8.index(start, offsetBy: offset - position)
      pieces.append(String(text[start..<end]))
      start = text.utf8.index(end, offsetBy: width)
      position = offset + width
    }
    pieces.append(String(text[start...]))
    return pieces
  }

  /// Python's `text.replace(old, new, limit)`; a negative limit is none.
  func replacing(_ old: String, with new: String, in text: String, limit: Int) throws -> String {
    let limit = limit < 0 ? Int.max : limit
    if old.isEmpty {
      let scalars = text.unicodeScalars
      let count = min(limit, scalars.count + 1)
      let (added, overflow) = count.multipliedReportingOverflow(by: new.utf8.count)
      try chargeText(bytes: overflow ? .max : min(added, .max / 2) + text.utf8.count)
      var out = ""
      var left = count
      for scalar in scalars {
        if left > 0 { out += new }
        left -= 1
        out.unicodeScalars.append(scalar)
      }
      if left > 0 { out += new }
      return out
    }
    let offsets = try offsets(of: old, in: text, limit: limit)
    guard !offsets.isEmpty else { return text }
    let (added, overflow) = offsets.count.multipliedReportingOverflow(by: new.utf8.count)
    try chargeText(bytes: overflow ? .max : min(added, .max / 2) + text.utf8.count)
    return pieces(of: text, between: offsets, width: old.utf8.count).joined(separator: new)
  }

  /// Python's `text.split(separator, limit)`; without a separator at runs of space.
  func split(_ text: String, at separator: Value?, limit: Int) throws -> Value {
    let limit = limit < 0 ? Int.max : limit
    if separator.isNothing { return try strings(splitAtSpace(text, limit: limit)) }
    let separator = try string(separator, "sep")
    guard !separator.isEmpty else { throw failure("A separator is empty.") }
    let offsets = try offsets(of: separator, in: text, limit: limit)
    return try strings(pieces(of: text, between: offsets, width: separator.utf8.count))
  }

  /// Python's `text.rsplit(separator, limit)`.
  func splitFromRight(_ text: String, at separator: Value?, limit: Int) throws -> Value {
    guard limit >= 0 else { return try split(text, at: separator, limit: -1) }
    if separator.isNothing {
      let reversed = try splitAtSpace(String(String.UnicodeScalarView(text.unicodeScalars.reversed())), limit: limit)
      return try strings(reversed.reversed().map { String(String.UnicodeScalarView($0.unicodeScalars.reversed())) })
    }
    let separator = try string(separator, "sep")
    guard !separator.isEmpty else { throw failure("A separator is empty.") }
    let offsets = try lastOffsets(of: separator, in: text, limit: limit)
    return try strings(pieces(of: text, between: offsets.reversed(), width: separator.utf8.count))
  }

  private func splitAtSpace(_ text: String, limit: Int) throws -> [String] {
    try charge(text.utf8.count / 16)
    var words: [String] = []
    var rest = text.unicodeScalars[...]
    while true {
      rest = rest.drop { $0.isPythonSpace }
      guard !rest.isEmpty else { return words }
      if words.count == limit {
        while let last = rest.last, last.isPythonSpace { rest.removeLast() }
        return words + [String(rest)]
      }
      let word = rest.prefix { !$0.isPythonSpace }
      words.append(String(word))
      rest = rest[word.endIndex...]
    }
  }

  /// A list of texts.
  func strings(_ texts: [String]) throws -> Value { try list(texts.map { .string($0) }) }

  /// Python's `strip`, `lstrip` and `rstrip`: of space, or of the given characters.
  func stripped(_ text: String, _ characters: Value?, left: Bool = true, right: Bool = true) throws -> String {
    try charge(text.utf8.count / 64)
    var isStripped: (Unicode.Scalar) -> Bool = { $0.isPythonSpace }
    if let characters, !Optional(characters).isNothing {
      let set = Set(try string(characters, "chars").unicodeScalars)
      isStripped = { set.contains($0) }
    }
    var rest = text.unicodeScalars[...]
    if left { rest = rest.drop(while: isStripped) }
    if right { while let last = rest.last, isStripped(last) { rest.removeLast() } }
    return String(rest)
  }
}

extension Jinja.Interpreter {
  /// An argument that must be an integer.
  func integer(_ value: Value?, _ name: String) throws -> Int {
    if case .undefined(let problem)? = value { throw failure(problem) }
    guard let integer = value?.integer else {
      throw failure("'\(name)' must be an integer, not '\(value?.typeName ?? "nothing")'.")
    }
    return integer
  }

  /// An argument that must be an integer where it is given.
  func integer(_ value: Value?, _ name: String, default standard: Int) throws -> Int {
    try value.map { try integer($0, name) } ?? standard
  }

  /// An argument that must be a string.
  func string(_ value: Value?, _ name: String) throws -> String {
    if case .undefined(let problem)? = value { throw failure(problem) }
    guard case .string(let text)? = value?.unmarked else {
      throw failure("'\(name)' must be a string, not '\(value?.typeName ?? "nothing")'.")
    }
    return text
  }
}
