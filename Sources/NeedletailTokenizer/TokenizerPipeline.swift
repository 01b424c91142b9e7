import Synchronization

/// Everything that a tokenizer does, fixed once it is read.
final class TokenizerPipeline: Sendable {
  let vocabulary: Vocabulary
  let added: AddedTokens
  let normalizer: Normalizer?
  /// What normalizes text that follows an added token, where that differs.
  let laterNormalizer: Normalizer?
  let preTokenizers: [PreTokenizer]
  /// Whether the model takes raw bytes.
  let takesRawBytes: Bool
  let model: any TokenModel
  let postProcessor: PostProcessor
  let decoderStages: [DecoderStage]
  /// Texts that decoding gives instead of the vocabulary's own.
  let surfaces: [Int32: [UInt8]]
  let special: Set<Int32>
  let beginning: Int32?
  let end: Int32?

  /// Workspaces with their caches of words; a call takes one and gives it back.
  private let workspaces = Mutex<[EncodingWorkspace]>([])
  private static let keptWorkspaces = 8

  init(
    vocabulary: Vocabulary, added: AddedTokens, normalizer: Normalizer?, laterNormalizer: Normalizer? = nil,
    preTokenizers: [PreTokenizer], model: any TokenModel, postProcessor: PostProcessor,
    decoderStages: [DecoderStage], surfaces: [Int32: [UInt8]] = [:], special: Set<Int32>, beginning: Int32?,
    end: Int32?
  ) {
    self.vocabulary = vocabulary
    self.added = added
    self.normalizer = normalizer
    self.laterNormalizer = laterNormalizer
    self.preTokenizers = preTokenizers
    takesRawBytes = preTokenizers.contains(where: \.isByteLevel)
    self.model = model
    self.postProcessor = postProcessor
    self.decoderStages = decoderStages
    self.surfaces = surfaces
    self.special = special
    self.beginning = beginning
    self.end = end
  }

  var idCount: Int { max(vocabulary.idCount, added.idCount) }

  func id(of token: String) -> Int32? {
    added.tokens.last { $0.content.utf8.elementsEqual(token.utf8) }?.id ?? vocabulary.id(of: token)
  }

  func text(of id: Int32) -> [UInt8]? { added.token(of: id).map { Array($0.content.utf8) } ?? vocabulary.text(of: id) }

  func encode(_ text: String, parseSpecialTokens: Bool) -> [Int32] {
    var workspace = workspaces.withLock { $0.popLast() } ?? EncodingWorkspace()
    defer { workspaces.withLock { if $0.count < Self.keptWorkspaces { $0.append(workspace) } } }
    var ids: [Int32] = []
    let bytes = Array(text.utf8)
    let sections = bytes.withUnsafeBufferPointer {
      added.sections(of: $0, inNormalizedText: false, parseSpecialTokens: parseSpecialTokens)
    }
    for section in sections {
      switch section {
      case .token(let id): ids.append(id)
      case .text(let range):
        let isWhole = range.count == bytes.count
        encode(
          normalized: normalize(isWhole ? bytes : Array(bytes[range]), isAtStart: range.lowerBound == 0),
          isAtStart: range.lowerBound == 0, parseSpecialTokens, &workspace, &ids)
      }
    }
    return ids
  }

  private func normalize(_ bytes: [UInt8], isAtStart: Bool) -> [UInt8] {
    let normalizer = isAtStart ? normalizer : laterNormalizer ?? normalizer
    return normalizer?.normalize(bytes) ?? bytes
  }

  private func encode(
    normalized bytes: [UInt8], isAtStart: Bool, _ parseSpecialTokens: Bool, _ workspace: inout EncodingWorkspace,
    _ ids: inout [Int32]
  ) {
    let sections = bytes.withUnsafeBufferPointer {
      added.sections(of: $0, inNormalizedText: true, parseSpecialTokens: parseSpecialTokens)
    }
    for section in sections {
      switch section {
      case .token(let id): ids.append(id)
      case .text(let range):
        let isWhole = range.count == bytes.count
        var text = PreTokenizedText(
          isWhole ? bytes : Array(bytes[range]), isAtStart: isAtStart && range.lowerBound == 0)
        for (index, preTokenizer) in preTokenizers.enumerated() {
          preTokenizer.apply(to: &text, isLast: index == preTokenizers.count - 1)
        }
        encode(text, model, &workspace, &ids)
      }
    }
  }

  private func encode(
    _ text: PreTokenizedText, _ model: some TokenModel, _ workspace: inout EncodingWorkspace, _ ids: inout [Int32]
  ) {
    ids.reserveCapacity(ids.count + text.bytes.count / 4)
    text.bytes.withUnsafeBufferPointer { bytes in
      for piece in text.pieces {
        let piece = UnsafeBufferPointer(rebasing: bytes[piece])
        if text.isByteLevel {
          let raw = ByteLevelAlphabet.decode(piece) ?? Array(piece)
          raw.withUnsafeBufferPointer { encode(word: $0, model, &workspace, &ids) }
        } else if model.cutsBeforeSpaceSymbol {
          var start = 0
          while start < piece.count {
            let end = SpaceSymbol.wordEnd(from: start, in: piece)
            encode(word: UnsafeBufferPointer(rebasing: piece[start..<end]), model, &workspace, &ids)
            start = end
          }
        } else {
          encode(word: piece, model, &workspace, &ids)
        }
      }
    }
  }

  @inline(__always)
  private func encode(
    word: UnsafeBufferPointer<UInt8>, _ model: some TokenModel, _ workspace: inout EncodingWorkspace,
    _ ids: inout [Int32]
  ) {
    workspace.cache.append(word, to: &ids) { model.encode(word, &workspace.scratch, into: &$0) }
  }
}
