/// A pattern as instructions for the matcher.
struct PatternProgram: Sendable {
  enum Instruction: Sendable {
    case byte(UInt8)
    case set(Int32)
    /// One class repeated; a whole run is one instruction.
    case run(set: Int32, minimum: Int32, maximum: Int32, PatternNode.Greed)
    case alternatives(Int32)
    case split(first: Int32, second: Int32)
    case jump(Int32)
    /// The body follows and ends with `accept`; matching goes on at `next`.
    case look(isNegated: Bool, next: Int32)
    case lookBehind(set: Int32, isNegated: Bool)
    case atomic(next: Int32)
    case assertion(PatternNode.Assertion)
    case accept
  }

  /// Up to 64 alternatives and, for every first byte, the mask of those that may match.
  struct Alternatives: Sendable {
    var targets: [Int32] = []
    var masks = [UInt64](repeating: 0, count: 256)
    /// Those that may match at the end of the text.
    var endMask: UInt64 = 0
  }

  private static let maximumLength = 1 << 15

  private(set) var instructions: [Instruction] = []
  private(set) var sets: [ScalarSet] = []
  private(set) var alternatives: [Alternatives] = []
  /// The bytes with which any match begins, or nil where a match may be empty.
  let firstBytes: ByteSet?

  init(_ node: PatternNode) throws {
    firstBytes = node.isNullable ? nil : node.firstBytes
    try emit(node)
    try append(.accept)
  }

  private var here: Int32 { Int32(instructions.count) }

  private mutating func append(_ instruction: Instruction) throws {
    guard instructions.count < Self.maximumLength else {
      throw TokenizerError("the regular expression of a tokenizer cannot be used: it repeats too much")
    }
    instructions.append(instruction)
  }

  private mutating func add(_ predicate: ScalarPredicate) -> Int32 {
    sets.append(ScalarSet(predicate))
    return Int32(sets.count - 1)
  }

  private mutating func emit(_ node: PatternNode) throws {
    switch node {
    case .empty: break
    case .scalar(let scalar): for byte in Array(String(Character(scalar)).utf8) { try append(.byte(byte)) }
    case .set(let predicate): try append(.set(add(predicate)))
    case .sequence(let parts): for part in parts { try emit(part) }
    case .alternatives(let branches): try emit(alternatives: branches[...])
    case .repeated(let body, let minimum, let maximum, let greed):
      try emit(body, minimum: minimum, maximum: maximum, greed)
    case .look(let body, let isNegated):
      let start = here
      try append(.accept)
      try emit(body)
      try append(.accept)
      instructions[Int(start)] = .look(isNegated: isNegated, next: here)
    case .lookBehind(let predicate, let isNegated):
      try append(.lookBehind(set: add(predicate), isNegated: isNegated))
    case .atomic(let body): try emit(atomic: body)
    case .assertion(let assertion): try append(.assertion(assertion))
    }
  }

  private mutating func emit(atomic body: PatternNode) throws {
    let start = here
    try append(.accept)
    try emit(body)
    try append(.accept)
    instructions[Int(start)] = .atomic(next: here)
  }

  private mutating func emit(alternatives branches: ArraySlice<PatternNode>) throws {
    let index = alternatives.count
    alternatives.append(Alternatives())
    try append(.alternatives(Int32(index)))
    var table = Alternatives()
    var exits: [Int] = []
    for (bit, branch) in branches.prefix(64).enumerated() {
      let isLast = bit == 63 && branches.count > 64
      let node = isLast ? PatternNode.alternatives(Array(branches.dropFirst(63))) : branch
      table.targets.append(here)
      let mask = UInt64(1) << UInt64(bit)
      let first = node.isNullable ? ByteSet.all : node.firstBytes
      for byte in 0..<256 where first.contains(UInt8(byte)) { table.masks[byte] |= mask }
      if node.isNullable { table.endMask |= mask }
      try emit(node)
      exits.append(instructions.count)
      try append(.jump(0))
    }
    for exit in exits { instructions[exit] = .jump(here) }
    alternatives[index] = table
  }

  private mutating func emit(_ body: PatternNode, minimum: Int, maximum: Int?, _ greed: PatternNode.Greed) throws {
    let single: ScalarPredicate? =
      switch body {
      case .set(let predicate): predicate
      case .scalar(let scalar): .scalar(scalar.value)
      default: nil
      }
    if let single {
      let maximum = maximum.map { Int32($0) } ?? .max
      try append(.run(set: add(single), minimum: Int32(minimum), maximum: maximum, greed))
      return
    }
    if greed == .possessive {
      return try emit(atomic: .repeated(body, minimum: minimum, maximum: maximum, .greedy))
    }
    for _ in 0..<minimum { try emit(body) }
    if let maximum {
      // x{0,3} is (x(x(x)?)?)?: leaving any of them leaves all.
      var splits: [Int] = []
      for _ in minimum..<maximum {
        splits.append(instructions.count)
        try append(.accept)
        try emit(body)
      }
      for split in splits { instructions[split] = self.split(Int32(split) + 1, here, greed) }
    } else {
      let start = here
      try append(.accept)
      try emit(body)
      try append(.jump(start))
      instructions[Int(start)] = split(start + 1, here, greed)
    }
  }

  private func split(_ body: Int32, _ exit: Int32, _ greed: PatternNode.Greed) -> Instruction {
    greed == .lazy ? .split(first: exit, second: body) : .split(first: body, second: exit)
  }
}
