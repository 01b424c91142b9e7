import CNeedletailKernels
import NeedletailGraph
import NeedletailKernels

/// Where the inputs of a step lie in the block that one copy brings to the GPU.
///
/// A step has the layout of its own counts, a graph that of its bucket: what is copied is little more than what there
/// is. Block tables are the largest part and stand last, so that unused rows at the end are not copied.
struct StepLayout: Hashable, Sendable {
  private static let alignment = 128

  let tokenIDs, positions, contextLengths, queryStarts, scoredRows, slots: Int
  /// `nt_sampling_row` for each scored row.
  let sampling: Int
  let blockTables: Int
  /// Entries of a sequence in the block tables.
  let tableStride: Int
  /// Bytes of all.
  let byteCount: Int

  /// The layout of steps of up to these counts.
  init(_ counts: StepCounts, _ limits: PlanLimits) {
    var end = 0
    func add(_ bytes: Int) -> Int {
      defer { end = (end + bytes + Self.alignment - 1) / Self.alignment * Self.alignment }
      return end
    }
    tokenIDs = add(counts.tokens * 4)
    positions = add(counts.tokens * 4)
    contextLengths = add(counts.sequences * 4)
    queryStarts = add((counts.sequences + 1) * 4)
    scoredRows = add(counts.scoredRows * 4)
    slots = add(counts.tokens * 8)
    sampling = add(counts.scoredRows * MemoryLayout<nt_sampling_row>.stride)
    tableStride = limits.blocksPerSequence
    blockTables = add(counts.sequences * tableStride * 4)
    byteCount = end
  }

  /// Bytes from the start to an input.
  func offset(of input: StepInput) -> Int {
    switch input {
    case .tokenIDs: tokenIDs
    case .positions: positions
    case .slots: slots
    case .queryStarts: queryStarts
    case .contextLengths: contextLengths
    case .blockTables: blockTables
    case .scoredRows: scoredRows
    }
  }

  /// Writes a step's inputs; sequences and rows up to `padded` are padding: a context of no tokens, a token 0 that is
  /// not written to the cache. Returns how many bytes are to be copied.
  func fill(_ target: UnsafeMutableRawPointer, with step: PlanStep, padded: StepCounts) -> Int {
    let counts = step.counts
    put(step.tokenIDs, at: tokenIDs, target, padding: padded.tokens - counts.tokens) { _ in 0 }
    put(step.positions, at: positions, target, padding: padded.tokens - counts.tokens) { _ in 0 }
    put(step.slots, at: slots, target, padding: padded.tokens - counts.tokens) { _ in -1 }
    put(step.contextLengths, at: contextLengths, target, padding: padded.sequences - counts.sequences) { _ in 0 }
    // Each padded sequence has the token of its own number.
    put(step.queryStarts, at: queryStarts, target, padding: padded.sequences - counts.sequences) { Int32($0) }
    put(step.scoredRows, at: scoredRows, target, padding: padded.scoredRows - counts.scoredRows) { Int32($0) }
    let tables = (target + blockTables).assumingMemoryBound(to: Int32.self)
    let used = min(step.blockTableStride, tableStride)
    step.blockTables.withUnsafeBufferPointer { source in
      guard let source = source.baseAddress, used > 0 else { return }
      for sequence in 0..<counts.sequences {
        (tables + sequence * tableStride).update(from: source + sequence * step.blockTableStride, count: used)
      }
    }
    return blockTables + (max(counts.sequences - 1, 0) * tableStride + used) * 4
  }

  private func put<Element>(
    _ values: [Element], at offset: Int, _ target: UnsafeMutableRawPointer, padding: Int, _ pad: (Int) -> Element
  ) {
    let typed = (target + offset).assumingMemoryBound(to: Element.self)
    values.withUnsafeBufferPointer { source in
      if let source = source.baseAddress { typed.update(from: source, count: values.count) }
    }
    guard padding > 0 else { return }
    for index in values.count..<values.count + padding { typed[index] = pad(index) }
  }
}

/// Where what a step draws lies: tokens, their log-probabilities, the likeliest tokens and theirs.
struct SampleLayout: Hashable, Sendable {
  /// The most likely tokens that can be listed.
  static let topLimit = 20

  let rows, maximumTop: Int
  /// The tokens come first: the next step reads them there, whatever this step's layout.
  let tokens = 0
  var logProbabilities: Int { rows * 4 }
  var topTokens: Int { rows * 8 }
  var topLogProbabilities: Int { rows * 8 + rows * maximumTop * 4 }
  var byteCount: Int { rows * 8 + rows * maximumTop * 8 }
}
