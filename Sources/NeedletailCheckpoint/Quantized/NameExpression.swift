/// A regular expression for names: characters, `.`, `[a-z]`, `\d`, `\w`, groups, `|`, `*`, `+`, `?`, `^`, `$`.
///
/// Matching follows all alternatives at once (Thompson 1968), so that no expression takes more time than its length times
/// the name's. What it does not know, such as looking ahead, is an error.
struct NameExpression: Hashable, Sendable {
  private indirect enum Part {
    case nothing
    case byte(Set<UInt8>)
    case start
    case end
    case sequence(Part, Part)
    case either(Part, Part)
    case repeated(Part, atLeastOnce: Bool)
  }
  private enum Instruction: Hashable, Sendable {
    case byte(Set<UInt8>)
    case split(Int, Int)
    case start
    case end
    case match
  }

  private var program: [Instruction] = []
  static let maximumBytes = 2000

  init(_ text: String) throws(CheckpointError) {
    guard text.utf8.count <= Self.maximumBytes else {
      throw CheckpointError("", "the expression \(quoted(text)) is longer than \(Self.maximumBytes) bytes")
    }
    var parser = Parser(text)
    let part = try parser.alternatives(depth: 0)
    guard parser.rest.isEmpty else { throw parser.fault("has a ')' without a '('") }
    emit(part)
    program.append(.match)
  }

  private mutating func emit(_ part: Part) {
    switch part {
    case .nothing: break
    case .byte(let set): program.append(.byte(set))
    case .start: program.append(.start)
    case .end: program.append(.end)
    case .sequence(let a, let b):
      emit(a)
      emit(b)
    case .either(let a, let b):
      let split = program.count
      program.append(.match)
      emit(a)
      let jump = program.count
      program.append(.match)
      program[split] = .split(split + 1, program.count)
      emit(b)
      program[jump] = .split(program.count, program.count)
    case .repeated(let inner, let atLeastOnce):
      let split = program.count
      if !atLeastOnce { program.append(.match) }
      let first = program.count
      emit(inner)
      program.append(.split(first, program.count + 1))
      if !atLeastOnce { program[split] = .split(first, program.count) }
    }
  }

  /// Whether some beginning of the name matches.
  func matchesBeginning(of name: String) -> Bool {
    let bytes = Array(name.utf8)
    var states: Set<Int> = []
    func follow(_ state: Int, _ position: Int, _ states: inout Set<Int>) -> Bool {
      var open = [state]
      while let state = open.popLast() {
        guard states.insert(state).inserted else { continue }
        switch program[state] {
        case .match: return true
        case .split(let a, let b): open += [a, b]
        case .start: if position == 0 { open.append(state + 1) }
        case .end: if position == bytes.count { open.append(state + 1) }
        case .byte: break
        }
      }
      return false
    }
    if follow(0, 0, &states) { return true }
    for (position, byte) in bytes.enumerated() {
      var next: Set<Int> = []
      for case let state in states {
        guard case .byte(let set) = program[state], set.contains(byte) else { continue }
        if follow(state + 1, position + 1, &next) { return true }
      }
      states = next
    }
    return false
  }

  private struct Parser {
    let text: String
    var rest: ArraySlice<UInt8>

    init(_ text: String) {
      self.text = text
      rest = Array(text.utf8)[...]
    }

    func fault(_ what: String) -> CheckpointError {
      CheckpointError("", "the expression \(quoted(text)) \(what)")
    }

    private mutating func take(_ character: Character) -> Bool {
      guard let byte = character.asciiValue, rest.first == byte else { return false }
      rest.removeFirst()
      return true
    }

    mutating func alternatives(depth: Int) throws(CheckpointError) -> Part {
      guard depth < 50 else { throw fault("has too many groups inside each other") }
      var result = try sequence(depth: depth)
      while take("|") { result = .either(result, try sequence(depth: depth)) }
      return result
    }

    private mutating func sequence(depth: Int) throws(CheckpointError) -> Part {
      var result = Part.nothing
      while let next = rest.first, next != UInt8(ascii: "|"), next != UInt8(ascii: ")") {
        var part = try one(depth: depth)
        while true {
          if take("*") {
            part = .repeated(part, atLeastOnce: false)
          } else if take("+") {
            part = .repeated(part, atLeastOnce: true)
          } else if take("?") {
            part = .either(part, .nothing)
          } else {
            break
          }
        }
        result = .sequence(result, part)
      }
      return result
    }

    private mutating func one(depth: Int) throws(CheckpointError) -> Part {
      if take("(") {
        if take("?"), !take(":") { throw fault("looks ahead or names a group, which is not known") }
        let inner = try alternatives(depth: depth + 1)
        guard take(")") else { throw fault("has a '(' without a ')'") }
        return inner
      }
      if take(".") { return .byte(Set(0...255)) }
      if take("^") { return .start }
      if take("$") { return .end }
      if take("[") { return .byte(try set()) }
      if take("\\") { return try escaped() }
      if take("*") || take("+") || take("?") || take("{") {
        throw fault("repeats what is not there, or in a way not known")
      }
      return .byte([rest.removeFirst()])
    }

    private mutating func escaped() throws(CheckpointError) -> Part {
      guard let byte = rest.popFirst() else { throw fault("ends in a backslash") }
      let digits = Set(UInt8(ascii: "0")...UInt8(ascii: "9"))
      switch byte {
      case UInt8(ascii: "d"): return .byte(digits)
      case UInt8(ascii: "w"): return .byte(digits.union(letters).union([UInt8(ascii: "_")]))
      case let byte where digits.contains(byte) || letters.contains(byte):
        throw fault("has \\\(Character(UnicodeScalar(byte))), which is not known")
      default: return .byte([byte])
      }
    }

    private var letters: Set<UInt8> {
      Set(UInt8(ascii: "a")...UInt8(ascii: "z")).union(UInt8(ascii: "A")...UInt8(ascii: "Z"))
    }

    private mutating func set() throws(CheckpointError) -> Set<UInt8> {
      let isInverted = take("^")
      var result: Set<UInt8> = []
      var isFirst = true
      while isFirst || rest.first != UInt8(ascii: "]") {
        isFirst = false
        guard var low = rest.popFirst() else { throw fault("has a '[' without a ']'") }
        if low == UInt8(ascii: "\\") {
          guard case .byte(let escaped) = try escaped() else { continue }
          guard escaped.count == 1, let only = escaped.first else {
            result.formUnion(escaped)
            continue
          }
          low = only
        }
        guard rest.count >= 2, rest.first == UInt8(ascii: "-"), rest[rest.startIndex + 1] != UInt8(ascii: "]") else {
          result.insert(low)
          continue
        }
        rest.removeFirst()
        let high = rest.removeFirst()
        guard low <= high else { throw fault("has a range from a later to an earlier character") }
        result.formUnion(low...high)
      }
      rest.removeFirst()
      return isInverted ? Set(0...255).subtracting(result) : result
    }
  }
}
