/// Runs a pattern's program over a text, with a budget of steps for the whole text.
struct PatternMatcher {
  private let program: PatternProgram
  private let text: UnsafeBufferPointer<UInt8>
  private var stack: [Frame] = []
  private var fuel: Int

  /// What to try when the current way fails.
  private enum Frame {
    case branch(instruction: Int, position: Int)
    case alternatives(table: Int, mask: UInt64, position: Int)
    /// A greedy run that may give back characters down to `lowest`.
    case greedy(instruction: Int, lowest: Int, position: Int)
    case lazy(instruction: Int, set: Int, left: Int, position: Int)
  }

  private static let maximumFrames = 1 << 20

  init(program: PatternProgram, text: UnsafeBufferPointer<UInt8>) {
    self.program = program
    self.text = text
    fuel = 1_000_000 + min(text.count, 1 << 40) * 2000
  }

  /// Whether the budget is spent; nothing matches from then on.
  var isExhausted: Bool { fuel <= 0 }

  /// The first position, from one on, where a match may begin.
  func skip(from start: Int) -> Int? {
    guard let first = program.firstBytes else { return start }
    var position = start
    while position < text.count {
      if first.contains(text[position]) { return position }
      position += 1
    }
    return nil
  }

  /// The position after the character at one.
  func after(_ position: Int) -> Int {
    var next = position + 1
    while next < text.count, text[next] & 0xC0 == 0x80 { next += 1 }
    return next
  }

  private func before(_ position: Int) -> Int {
    var previous = position - 1
    while previous > 0, text[previous] & 0xC0 == 0x80 { previous -= 1 }
    return previous
  }

  /// The end of the match that begins at a position, or nil.
  mutating func match(at start: Int) -> Int? {
    stack.removeAll(keepingCapacity: true)
    return run(0, start)
  }

  private mutating func run(_ first: Int, _ start: Int) -> Int? {
    let base = stack.count
    var instruction = first
    var position = start
    while true {
      fuel -= 1
      guard fuel > 0, stack.count < Self.maximumFrames else {
        fuel = 0
        return nil
      }
      if step(&instruction, &position) {
        if instruction < 0 {
          stack.removeLast(stack.count - base)
          return position
        }
      } else if !backtrack(base, &instruction, &position) {
        return nil
      }
    }
  }

  /// Does one instruction; false where it fails, a negative instruction where the program accepts.
  @inline(__always)
  private mutating func step(_ instruction: inout Int, _ position: inout Int) -> Bool {
    switch program.instructions[instruction] {
    case .byte(let byte):
      guard position < text.count, text[position] == byte else { return false }
      position += 1
      instruction += 1
    case .set(let set):
      guard let next = advance(over: program.sets[Int(set)], position) else { return false }
      position = next
      instruction += 1
    case .run(let set, let minimum, let maximum, let greed):
      return run(Int(set), Int(minimum), Int(maximum), greed, &instruction, &position)
    case .alternatives(let table):
      let mask =
        position < text.count
        ? program.alternatives[Int(table)].masks[Int(text[position])] : program.alternatives[Int(table)].endMask
      return choose(Int(table), mask, &instruction, &position)
    case .split(let first, let second):
      stack.append(.branch(instruction: Int(second), position: position))
      instruction = Int(first)
    case .jump(let target): instruction = Int(target)
    case .look(let isNegated, let next):
      let found = run(instruction + 1, position) != nil
      guard found != isNegated, fuel > 0 else { return false }
      instruction = Int(next)
    case .lookBehind(let set, let isNegated):
      let found = position > 0 && advance(over: program.sets[Int(set)], before(position)) == position
      guard found != isNegated else { return false }
      instruction += 1
    case .atomic(let next):
      guard let end = run(instruction + 1, position) else { return false }
      position = end
      instruction = Int(next)
    case .assertion(let assertion):
      guard holds(assertion, position) else { return false }
      instruction += 1
    case .accept: instruction = -1
    }
    return true
  }

  private mutating func choose(
    _ table: Int, _ mask: UInt64, _ instruction: inout Int, _ position: inout Int
  ) -> Bool {
    guard mask != 0 else { return false }
    let rest = mask & (mask - 1)
    if rest != 0 { stack.append(.alternatives(table: table, mask: rest, position: position)) }
    instruction = Int(program.alternatives[table].targets[mask.trailingZeroBitCount])
    return true
  }

  @inline(__always)
  private func advance(over set: borrowing ScalarSet, _ position: Int) -> Int? {
    guard position < text.count else { return nil }
    let byte = text[position]
    if byte < 0x80 { return set.containsASCII(byte) ? position + 1 : nil }
    let (scalar, length) = UTF8Scalar.decode(text, at: position)
    return set.contains(scalar) ? position + length : nil
  }

  private mutating func run(
    _ set: Int, _ minimum: Int, _ maximum: Int, _ greed: PatternNode.Greed, _ instruction: inout Int,
    _ position: inout Int
  ) -> Bool {
    var count = 0
    var lowest = position
    let wanted = greed == .lazy ? minimum : maximum
    while count < wanted, let next = advance(over: program.sets[set], position) {
      position = next
      count += 1
      if count == minimum { lowest = position }
    }
    fuel -= count
    guard count >= minimum else { return false }
    instruction += 1
    switch greed {
    case .greedy where position > lowest:
      stack.append(.greedy(instruction: instruction, lowest: lowest, position: position))
    case .lazy where maximum > minimum:
      stack.append(.lazy(instruction: instruction, set: set, left: maximum - minimum, position: position))
    default: break
    }
    return true
  }

  private mutating func backtrack(_ base: Int, _ instruction: inout Int, _ position: inout Int) -> Bool {
    while stack.count > base, let frame = stack.popLast() {
      switch frame {
      case .branch(let target, let saved):
        (instruction, position) = (target, saved)
        return true
      case .alternatives(let table, let mask, let saved):
        position = saved
        return choose(table, mask, &instruction, &position)
      case .greedy(let target, let lowest, let saved):
        position = before(saved)
        if position > lowest { stack.append(.greedy(instruction: target, lowest: lowest, position: position)) }
        instruction = target
        return true
      case .lazy(let target, let set, let left, let saved):
        guard let next = advance(over: program.sets[set], saved) else { continue }
        if left > 1 { stack.append(.lazy(instruction: target, set: set, left: left - 1, position: next)) }
        (instruction, position) = (target, next)
        return true
      }
    }
    return false
  }

  private func holds(_ assertion: PatternNode.Assertion, _ position: Int) -> Bool {
    switch assertion {
    case .textStart: return position == 0
    case .textEnd: return position == text.count
    case .lineStart: return position == 0 || text[position - 1] == 0x0A && position < text.count
    case .lineEnd: return position == text.count || text[position] == 0x0A
    case .textEndOrLastLineFeed:
      return position == text.count || position == text.count - 1 && text[position] == 0x0A
    case .wordBoundary: return isWord(before: position) != isWord(at: position)
    case .noWordBoundary: return isWord(before: position) == isWord(at: position)
    }
  }

  private static let word = ScalarSet(.wordOrFraction)
  private func isWord(at position: Int) -> Bool { advance(over: Self.word, position) != nil }
  private func isWord(before position: Int) -> Bool { position > 0 && isWord(at: before(position)) }
}

/// Reads single characters out of UTF-8.
enum UTF8Scalar {
  /// The scalar at a position and its length in bytes; bytes that are no UTF-8 are U+FFFD, one byte long.
  @inline(__always)
  static func decode(_ text: UnsafeBufferPointer<UInt8>, at position: Int) -> (scalar: UInt32, length: Int) {
    let first = UInt32(text[position])
    if first < 0x80 { return (first, 1) }
    func tail(_ offset: Int) -> UInt32? {
      guard position + offset < text.count, text[position + offset] & 0xC0 == 0x80 else { return nil }
      return UInt32(text[position + offset] & 0x3F)
    }
    switch first {
    case 0xC2..<0xE0: if let a = tail(1) { return ((first & 0x1F) << 6 | a, 2) }
    case 0xE0..<0xF0:
      if let a = tail(1), let b = tail(2) {
        let value = (first & 0x0F) << 12 | a << 6 | b
        if value >= 0x800, !(0xD800..<0xE000).contains(value) { return (value, 3) }
      }
    case 0xF0..<0xF5:
      if let a = tail(1), let b = tail(2), let c = tail(3) {
        let value = (first & 0x07) << 18 | a << 12 | b << 6 | c
        if value >= 0x10000, value <= 0x10FFFF { return (value, 4) }
      }
    default: break
    }
    return (0xFFFD, 1)
  }
}
