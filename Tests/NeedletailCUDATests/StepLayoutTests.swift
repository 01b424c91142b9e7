import NeedletailGraph
import NeedletailKernels
import Testing

@testable import NeedletailCUDA

@Suite struct StepLayoutTests {
  let limits = PlanLimits(tokens: 512, sequences: 40, scoredRows: 64, sequenceLength: 1000, blockSize: 64)

  private func decodeStep(_ sequences: Int) -> PlanStep {
    PlanStep(
      counts: StepCounts(tokens: sequences, sequences: sequences, scoredRows: sequences, decodes: sequences),
      tokenIDs: (0..<sequences).map { Int32($0 + 7) }, positions: (0..<sequences).map { Int32($0 * 3) },
      slots: (0..<sequences).map { Int64($0 * 64 + 5) }, queryStarts: (0...sequences).map(Int32.init),
      contextLengths: (0..<sequences).map { Int32($0 * 3 + 1) },
      blockTables: (0..<sequences * 2).map { Int32($0 + 100) }, blockTableStride: 2,
      scoredRows: (0..<sequences).map(Int32.init))
  }

  @Test func partsDoNotOverlap() {
    for counts in [
      StepCounts(tokens: 1, sequences: 1, scoredRows: 1), StepCounts(tokens: 33, sequences: 31, scoredRows: 7),
      limits.maximumCounts,
    ] {
      let layout = StepLayout(counts, limits)
      let parts = [
        (layout.tokenIDs, counts.tokens * 4), (layout.positions, counts.tokens * 4), (layout.slots, counts.tokens * 8),
        (layout.queryStarts, counts.sequences * 4 + 4), (layout.contextLengths, counts.sequences * 4),
        (layout.scoredRows, counts.scoredRows * 4), (layout.sampling, counts.scoredRows * 88),
        (layout.blockTables, counts.sequences * 16 * 4),
      ].sorted { $0.0 < $1.0 }
      for (part, next) in zip(parts, parts.dropFirst()) { #expect(part.0 + part.1 <= next.0) }
      #expect(parts.allSatisfy { $0.0 % 128 == 0 } && layout.byteCount >= layout.blockTables + parts[7].1)
    }
  }

  @Test func paddingReadsNothingAndWritesNothing() throws {
    let step = decodeStep(3)
    let padded = StepCounts(tokens: 4, sequences: 4, scoredRows: 4, decodes: 4)
    let layout = StepLayout(padded, limits)
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: layout.byteCount, alignment: 128)
    defer { memory.deallocate() }
    memory.initializeMemory(as: UInt8.self, repeating: 0xAB)
    let start = try #require(memory.baseAddress)
    let copied = layout.fill(start, with: step, padded: padded)
    func values<Element>(_ offset: Int, _ count: Int, _: Element.Type) -> [Element] {
      let typed = (start + offset).assumingMemoryBound(to: Element.self)
      return (0..<count).map { typed[$0] }
    }
    #expect(values(layout.tokenIDs, 4, Int32.self) == [7, 8, 9, 0])
    #expect(values(layout.slots, 4, Int64.self) == [5, 69, 133, -1])
    #expect(values(layout.contextLengths, 4, Int32.self) == [1, 4, 7, 0])
    #expect(values(layout.queryStarts, 5, Int32.self) == [0, 1, 2, 3, 4])
    #expect(values(layout.scoredRows, 4, Int32.self) == [0, 1, 2, 3])
    let stride = limits.blocksPerSequence
    #expect(values(layout.blockTables + stride * 4, 2, Int32.self) == [102, 103])
    // Nothing behind the last block is copied.
    #expect(copied == layout.blockTables + (2 * stride + 2) * 4)
  }

  @Test func bucketsHoldEveryNumberOfSequences() {
    let buckets = DecodeBuckets(maximum: 200)
    #expect(buckets.sizes.prefix(13) == [1, 2, 4, 8, 12, 16, 24, 32, 40, 48, 56, 64, 80])
    #expect(buckets.sizes.last == 200)
    for sequences in 1...200 {
      let bucket = buckets.bucket(for: sequences) ?? 0
      #expect(bucket >= sequences && buckets.sizes.filter { $0 < bucket }.allSatisfy { $0 < sequences })
    }
    #expect(buckets.bucket(for: 201) == nil)
    #expect(DecodeBuckets(maximum: 1).sizes == [1] && DecodeBuckets(maximum: 3).sizes == [1, 2, 3])
  }

  @Test func resultsOfRowsFollowEachOther() {
    let layout = SampleLayout(rows: 5, maximumTop: 3)
    #expect(layout.tokens == 0 && layout.logProbabilities == 20 && layout.topTokens == 40)
    #expect(layout.topLogProbabilities == 100 && layout.byteCount == 160)
  }
}
