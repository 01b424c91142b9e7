/// The part of a tokenizer that turns a pre-tokenized piece of text into ids.
protocol TokenModel: Sendable {
  /// Appends the ids of a piece. The same piece always has the same ids.
  func encode(_ piece: UnsafeBufferPointer<UInt8>, _ scratch: inout EncodingScratch, into ids: inout [Int32])

  /// Whether a text may be cut at a place without a change to its ids, so that words can be looked up one by one.
  var cutsBeforeSpaceSymbol: Bool { get }
}

/// Memory that models use again from piece to piece.
struct EncodingScratch {
  var merging = BytePairMerging()
  var path: [UnigramModel.Node] = []
  var text: [UInt8] = []
}

/// What encoding keeps from call to call.
struct EncodingWorkspace {
  var cache = WordCache()
  var scratch = EncodingScratch()
}
