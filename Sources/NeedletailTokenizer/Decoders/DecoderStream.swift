/// Runs the stages of a decoder over tokens as they come.
///
/// What a stage must see more of before it can be certain waits in its state; `finish` lets it go. Decoding a whole
/// sequence is this too, so both give the same text.
struct DecoderStream: Sendable {
  private let stages: [DecoderStage]
  private var states: [State]
  /// The first stage that makes one text out of tokens, if any.
  private let fusing: Int?
  /// Whether the stages behind it can work on parts of that text.
  private let takesParts: Bool

  private struct State: Sendable {
    var bytes: [UInt8] = []
    var count = 0
    var isHolding = false
  }

  private static let replacementCharacter: [UInt8] = [0xEF, 0xBF, 0xBD]

  init(stages: [DecoderStage]) {
    self.stages = stages
    states = [State](repeating: State(), count: stages.count)
    fusing = stages.firstIndex(where: \.isFusing)
    takesParts = stages.dropFirst((fusing ?? 0) + 1).allSatisfy {
      switch $0 {
      case .strip(_, _, let stop): stop == 0
      case .fuse: true
      default: false
      }
    }
  }

  /// Takes a token's text and appends what is certain by now.
  mutating func append(_ token: [UInt8], to output: inout [UInt8]) { feed(token, 0, &output) }

  /// Appends what is left.
  mutating func finish(_ output: inout [UInt8]) {
    for index in stages.indices { flush(index, &output) }
  }

  private mutating func feed(_ token: [UInt8], _ index: Int, _ output: inout [UInt8]) {
    guard index < stages.count else {
      output += token
      return
    }
    switch stages[index] {
    case .byteLevel:
      states[index].bytes += token.withUnsafeBufferPointer { ByteLevelAlphabet.decode($0) } ?? token
      passComplete(index, &output)
    case .byteFallback:
      if let byte = ByteFallback.byte(of: token) {
        states[index].bytes.append(byte)
      } else {
        flush(index, &output)
        feed(token, index + 1, &output)
      }
    case .fuse:
      if index != fusing || takesParts { feed(token, index + 1, &output) } else { states[index].bytes += token }
    case .strip(let character, let start, let stop):
      if let fusing, index > fusing, takesParts {
        feed(strippedPart(token, character, start, index), index + 1, &output)
      } else {
        feed(ByteText.stripping(character, start: start, stop: stop, from: token), index + 1, &output)
      }
    case .replace(let replacement): feed(replacement.apply(to: token), index + 1, &output)
    case .metaspace(let symbol, let dropsFirst):
      let content: [UInt8] = states[index].count == 0 && dropsFirst ? [] : [0x20]
      states[index].count = 1
      feed(ByteText.replacing(symbol, in: token, with: content), index + 1, &output)
    case .wordEnd(let suffix):
      if states[index].isHolding {
        feed(ByteText.replacing(suffix, in: states[index].bytes, with: [0x20]), index + 1, &output)
      }
      states[index] = State(bytes: token, count: 0, isHolding: true)
    case .joinWithSpaces:
      feed(states[index].count > 0 ? [0x20] + token : token, index + 1, &output)
      states[index].count = 1
    case .sentencePiece(let dropsFirst, let dropsAll):
      feed(piece: token, dropsFirst: dropsFirst, dropsAll: dropsAll, index, &output)
    }
  }

  private mutating func flush(_ index: Int, _ output: inout [UInt8]) {
    let bytes = states[index].bytes
    switch stages[index] {
    case .byteFallback:
      guard !bytes.isEmpty else { return }
      states[index].bytes = []
      if String(validating: bytes, as: UTF8.self) != nil {
        feed(bytes, index + 1, &output)
      } else {
        for _ in bytes { feed(Self.replacementCharacter, index + 1, &output) }
      }
    case .byteLevel:
      states[index].bytes = []
      if index != fusing || takesParts {
        if !bytes.isEmpty { feed(UTF8Repair.repaired(bytes), index + 1, &output) }
      } else {
        feed(UTF8Repair.repaired(bytes), index + 1, &output)
      }
    case .fuse:
      guard index == fusing, !takesParts else { return }
      states[index].bytes = []
      feed(bytes, index + 1, &output)
    case .wordEnd(let suffix):
      guard states[index].isHolding else { return }
      states[index] = State()
      feed(ByteText.replacing(suffix, in: bytes, with: []), index + 1, &output)
    case .sentencePiece:
      states[index].bytes = []
      for _ in bytes { output += Self.replacementCharacter }
    default: break
    }
  }

  /// Lets whole characters of a byte-level text go, where what follows can work on parts.
  private mutating func passComplete(_ index: Int, _ output: inout [UInt8]) {
    guard index != fusing || takesParts else { return }
    let length = ByteText.completeLength(states[index].bytes)
    guard length > 0 else { return }
    let complete = Array(states[index].bytes[..<length])
    states[index].bytes.removeFirst(length)
    feed(UTF8Repair.repaired(complete), index + 1, &output)
  }

  /// Strips the beginning of a text that comes in parts; the state counts what is stripped, -1 once that is over.
  private mutating func strippedPart(
    _ part: [UInt8], _ character: [UInt8], _ limit: Int, _ index: Int
  ) -> [UInt8] {
    guard states[index].count >= 0 else { return part }
    var rest = part[...]
    while states[index].count < limit, rest.starts(with: character) {
      rest = rest.dropFirst(character.count)
      states[index].count += 1
    }
    if !rest.isEmpty || states[index].count >= limit { states[index].count = -1 }
    return Array(rest)
  }

  /// SentencePiece's own decoding: the space before the first word is dropped, bytes that spell no character become
  /// U+FFFD one by one. The state counts the text and the dropped spaces.
  private mutating func feed(
    piece: [UInt8], dropsFirst: Bool, dropsAll: Bool, _ index: Int, _ output: inout [UInt8]
  ) {
    if let byte = ByteFallback.byte(of: piece) {
      states[index].bytes.append(byte)
      while !states[index].bytes.isEmpty, !ByteText.isIncomplete(states[index].bytes) {
        let bytes = states[index].bytes
        let (scalar, length) = bytes.withUnsafeBufferPointer { UTF8Scalar.decode($0, at: 0) }
        output += scalar == 0xFFFD && length == 1 ? Self.replacementCharacter : Array(bytes[..<length])
        states[index].bytes.removeFirst(length)
        states[index].count = 1
      }
      return
    }
    if !states[index].bytes.isEmpty { states[index].count = 1 }
    flush(index, &output)
    var rest = piece[...]
    if states[index].count == 0, dropsFirst, rest.starts(with: SpaceSymbol.bytes) {
      rest = rest.dropFirst(SpaceSymbol.bytes.count)
      if !dropsAll { states[index].count = 1 }
    }
    guard !rest.isEmpty else { return }
    states[index].count = 1
    output += ByteText.replacing(SpaceSymbol.bytes, in: Array(rest), with: [0x20])
  }
}
