import NeedletailGraph
import Testing

@testable import NeedletailCheckpoint

struct DummyWeightsTests {
  private func fill<Element>(
    _: Element.Type, _ dtype: DType, _ name: String, _ range: Range<Int>, seed: UInt64 = 1
  ) -> [Element] {
    [Element](unsafeUninitializedCapacity: range.count) { buffer, filled in
      DummyWeights(seed: seed).fill(
        UnsafeMutableRawBufferPointer(buffer), as: dtype, tensor: name, from: range.lowerBound)
      filled = range.count
    }
  }

  /// The documented function, computed by an independent program from its text; kept so that no device may drift.
  @Test func knownValues() {
    let weights = DummyWeights(seed: 42)
    #expect(DummyWeights.tensorKey(seed: 42, name: "model.norm.weight") == 0xBAE9_7668_3B69_29E7)
    let values = [0, 1, 2, 1_000_000, 1 << 32, 5 << 32 + 3].map {
      weights.value(tensor: "model.norm.weight", at: $0).bitPattern
    }
    #expect(values == [0xBB8D_DF38, 0xBD07_84ED, 0xBC22_B2B5, 0xBC94_0D8B, 0xBA13_06EE, 0xBB2A_24C9])
  }

  @Test(arguments: ["a", "model.layers.0.mlp.gate.weight", ""]) func uniformAndNeverZero(_ name: String) {
    let count = 1 << 20
    let floats = fill(Float.self, .float32, name, 0..<count)
    #expect(floats.allSatisfy { $0 != 0 && abs($0) <= 0.035 })
    let mean = floats.reduce(0) { $0 + Double($1) } / Double(count)
    let square = floats.reduce(0) { $0 + Double($1) * Double($1) } / Double(count)
    // The mean of a million has a deviation of 2e-5; the variance of the distribution is 0.035^2 / 3.
    #expect(abs(mean) < 1.2e-4 && abs(square * 3 / (0.035 * 0.035) - 1) < 0.01)
    var histogram = [Int](repeating: 0, count: 70)
    for value in floats { histogram[min(69, Int((Double(value) + 0.035) * 1000))] += 1 }
    #expect(histogram.allSatisfy { abs($0 - count / 70) < 800 })
    // Neighbours, and elements a row apart, are not correlated.
    for distance in [1, 2, 64, 2048] {
      let products = zip(floats, floats.dropFirst(distance)).reduce(0) { $0 + Double($1.0 * $1.1) }
      #expect(abs(products / Double(count) / square) < 0.006, "at distance \(distance)")
    }
    #expect(fill(UInt16.self, .bfloat16, name, 0..<count).allSatisfy { $0 & 0x7FFF != 0 })
    #expect(fill(UInt16.self, .float16, name, 0..<count).allSatisfy { $0 & 0x7FFF != 0 })
  }

  /// The smallest magnitude there is, in each type; a million samples may not meet it.
  @Test func smallestIsNotZero() {
    let smallest = 16 * DummyWeights.scale
    #expect(FloatBits.float16(smallest) == 1 && FloatBits.bfloat16(smallest) != 0)
    #expect(Float(8_388_623) * DummyWeights.scale <= 0.035)
    #expect(Float(8_388_623) * DummyWeights.scale > 0.03499999)
  }

  @Test func everySliceIsTheSame() {
    let whole = fill(Float.self, .float32, "w", 0..<5000)
    for range in [0..<1, 1..<8, 31..<33, 4000..<5000, 4999..<5000, 17..<17] {
      #expect(fill(Float.self, .float32, "w", range) == Array(whole[range]))
    }
    #expect(fill(UInt16.self, .bfloat16, "w", 100..<200) == whole[100..<200].map(FloatBits.bfloat16))
    #expect(fill(UInt16.self, .float16, "w", 100..<200) == whole[100..<200].map(FloatBits.float16))
    #expect(whole == (0..<5000).map { DummyWeights(seed: 1).value(tensor: "w", at: $0) })
  }

  /// Across the place where the 32-bit counter starts again with another key.
  @Test func beyondFourGigaElements() {
    let edge = 1 << 32
    let values = fill(Float.self, .float32, "w", edge - 100..<edge + 100)
    #expect(values == (edge - 100..<edge + 100).map { DummyWeights(seed: 1).value(tensor: "w", at: $0) })
    #expect(Array(values[100...]) != fill(Float.self, .float32, "w", 0..<100))
  }

  /// No tensor is a shifted copy of another, of another seed, or of itself.
  @Test func streamsDiffer() {
    let window = 1 << 16
    var seen: Set<UInt64> = []
    var repeats = 0
    for (seed, name) in [(1, "a"), (1, "b"), (2, "a"), (1, "a.0"), (1, "a.1")] as [(UInt64, String)] {
      let values = fill(Float.self, .float32, name, 0..<window, seed: seed)
      // Two neighbours together have 48 bits: 300,000 pairs meet by chance with a probability of 2e-4.
      for (first, second) in zip(values, values.dropFirst()) {
        if !seen.insert(UInt64(first.bitPattern) << 32 | UInt64(second.bitPattern)).inserted { repeats += 1 }
      }
    }
    #expect(repeats == 0)
  }
}
