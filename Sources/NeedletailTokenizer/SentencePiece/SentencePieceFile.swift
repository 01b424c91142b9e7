/// The contents of a SentencePiece `tokenizer.model`, as far as encoding and decoding need them.
struct SentencePieceFile {
  enum Kind: Int {
    case normal = 1, unknown, control, userDefined, unused, byte
  }

  struct Piece {
    var text = ""
    var score: Float = 0
    var kind = Kind.normal
  }

  enum ModelType: Int {
    case unigram = 1, bytePair, word, character
  }

  private(set) var pieces: [Piece] = []
  private(set) var modelType = ModelType.unigram
  private(set) var hasByteFallback = false
  private(set) var spaceIsSuffix = false
  private(set) var unknownSurface = " \u{2047} "
  private(set) var beginningPiece = "<s>"
  private(set) var endPiece = "</s>"
  private(set) var characterMap: [UInt8] = []
  private(set) var addsDummyPrefix = true
  private(set) var removesExtraSpaces = true
  private(set) var escapesSpaces = true

  init(_ bytes: [UInt8]) throws {
    var reader = ProtobufReader(bytes[...])
    while let (field, value) = try reader.next() {
      switch (field, value) {
      case (1, .bytes(let message)): pieces.append(try Self.piece(message, number: pieces.count))
      case (2, .bytes(let message)): try readTrainer(message)
      case (3, .bytes(let message)): try readNormalizer(message)
      default: break
      }
      guard pieces.count < Vocabulary.maximumID else { throw TokenizerError("the SentencePiece model is too large") }
    }
    guard !pieces.isEmpty else { throw TokenizerError("the SentencePiece model has no pieces") }
  }

  private static func piece(_ message: ArraySlice<UInt8>, number: Int) throws -> Piece {
    var piece = Piece()
    var reader = ProtobufReader(message)
    while let (field, value) = try reader.next() {
      switch field {
      case 1:
        guard let text = value.string else {
          throw TokenizerError("piece \(number) of the SentencePiece model is not valid UTF-8")
        }
        piece.text = text
      case 2:
        guard let score = value.float, score.isFinite else {
          throw TokenizerError("piece \(number) of the SentencePiece model has no finite score")
        }
        piece.score = score
      case 3:
        guard let kind = value.int.flatMap({ Kind(rawValue: $0) }) else {
          throw TokenizerError("piece \(number) of the SentencePiece model is of an unknown type")
        }
        piece.kind = kind
      default: break
      }
    }
    guard !piece.text.isEmpty else { throw TokenizerError("piece \(number) of the SentencePiece model is empty") }
    return piece
  }

  private mutating func readTrainer(_ message: ArraySlice<UInt8>) throws {
    var reader = ProtobufReader(message)
    while let (field, value) = try reader.next() {
      switch field {
      case 3:
        guard let type = value.int.flatMap({ ModelType(rawValue: $0) }) else {
          throw TokenizerError("the SentencePiece model is of an unknown type")
        }
        modelType = type
      case 24: spaceIsSuffix = value.bool ?? spaceIsSuffix
      case 35: hasByteFallback = value.bool ?? hasByteFallback
      case 44: unknownSurface = value.string ?? unknownSurface
      case 46: beginningPiece = value.string ?? beginningPiece
      case 47: endPiece = value.string ?? endPiece
      default: break
      }
    }
  }

  private mutating func readNormalizer(_ message: ArraySlice<UInt8>) throws {
    var reader = ProtobufReader(message)
    while let (field, value) = try reader.next() {
      switch field {
      case 2: characterMap = value.bytes.map { Array($0) } ?? characterMap
      case 3: addsDummyPrefix = value.bool ?? addsDummyPrefix
      case 4: removesExtraSpaces = value.bool ?? removesExtraSpaces
      case 5: escapesSpaces = value.bool ?? escapesSpaces
      default: break
      }
    }
  }
}
