import Testing

@testable import NeedletailCheckpoint

/// A valid file, changed at random thousands of times: every change is read or refused, none traps.
struct SafetensorsMutationTests {
  /// SplitMix64, so that a failure comes back with its seed.
  struct Generator: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      return DummyWeights.mix64(state)
    }
  }

  static func mutate(_ bytes: [UInt8], _ generator: inout Generator) -> [UInt8] {
    var bytes = bytes
    let digits = Array("0123456789-.eE[]{},:\"\\\u{0}".utf8)
    for _ in 0..<Int.random(in: 1...4, using: &generator) where !bytes.isEmpty {
      let position = Int.random(in: 0..<bytes.count, using: &generator)
      switch Int.random(in: 0..<7, using: &generator) {
      case 0: bytes[position] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
      case 1: bytes[position] = .random(in: 0 ... .max, using: &generator)
      case 2: bytes[position] = digits.randomElement(using: &generator) ?? 0
      case 3: bytes.insert(digits.randomElement(using: &generator) ?? 0, at: position)
      case 4: bytes.remove(at: position)
      case 5: bytes.removeSubrange(position...)
      default:
        let end = min(bytes.count, position + Int.random(in: 1...24, using: &generator))
        bytes.insert(contentsOf: bytes[position..<end], at: position)
      }
    }
    return bytes
  }

  /// Reads everything a header allows; what was accepted must hold.
  static func touch(_ bytes: [UInt8]) -> Bool {
    bytes.withUnsafeBytes { buffer in
      guard let header = try? SafetensorsHeader(buffer, path: "file") else { return false }
      var covered = 0
      for entry in header.entries {
        #expect(entry.range.lowerBound >= 8 && entry.range.upperBound <= buffer.count)
        #expect(elementCount(entry.shape).flatMap { entry.dtype.bytes(of: $0) } == entry.range.count)
        covered += entry.range.count
      }
      #expect(covered <= buffer.count - 8)
      return true
    }
  }

  @Test(arguments: 0..<8) func neverTraps(_ seed: UInt64) {
    var generator = Generator(state: seed)
    var accepted = 0
    for round in 0..<4000 {
      // Half of the headers get their right length, or few changes would come further than that.
      let bytes =
        round % 2 == 0
        ? Self.mutate(SafetensorsFileTests.valid, &generator)
        : safetensors(
          String(decoding: Self.mutate(Array(SafetensorsFileTests.header.utf8), &generator), as: UTF8.self),
          data: Array(0..<22))
      if Self.touch(bytes) { accepted += 1 }
    }
    // Changes of the data and of names are harmless: some must pass, or the test tests nothing. So must some fail.
    #expect(accepted > 50 && accepted < 3900, "\(accepted) accepted")
  }

  /// Every single byte of a file replaced by every value.
  @Test func everyByteFlipped() {
    for position in SafetensorsFileTests.valid.indices {
      for value in UInt8.min...UInt8.max {
        var bytes = SafetensorsFileTests.valid
        bytes[position] = value
        _ = Self.touch(bytes)
      }
    }
    #expect(Self.touch(SafetensorsFileTests.valid))
  }

  @Test func everyLengthCut() {
    for count in 0..<SafetensorsFileTests.valid.count {
      #expect(!Self.touch(Array(SafetensorsFileTests.valid.prefix(count))), "the first \(count) bytes")
    }
  }

  /// The same for the two JSON files a model directory has that decide what is opened.
  @Test(arguments: 0..<4) func indexAndGenerationConfigNeverTrap(_ seed: UInt64) throws {
    let directory = TemporaryDirectory()
    try writeTensors(directory("a.safetensors"), [("x", [1], [1])])
    let index = Array("{\"metadata\":{},\"weight_map\":{\"x\":\"a.safetensors\"}}".utf8)
    let generation = Array("{\"eos_token_id\":[0,5],\"temperature\":0.7,\"top_k\":20,\"top_p\":1e0}".utf8)
    directory.write("config.json", "{}")
    var generator = Generator(state: seed)
    var outcomes = [0, 0, 0, 0]
    for _ in 0..<500 {
      directory.write("model.safetensors.index.json", Self.mutate(index, &generator))
      directory.write("generation_config.json", Self.mutate(generation, &generator))
      outcomes[(try? Checkpoint(directory: directory.path)) == nil ? 0 : 1] += 1
      outcomes[(try? ModelDirectory(directory.path)) == nil ? 2 : 3] += 1
    }
    #expect(outcomes.allSatisfy { $0 > 0 })
  }
}
