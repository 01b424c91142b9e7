import NeedletailCLI
import Testing

struct NumberTests {
  @Test func fixedDigits() {
    #expect(Show.fixed(3.14159, 2) == "3.14")
    #expect(Show.fixed(-0.001, 2) == "0.00")
    #expect(Show.fixed(0.999, 2) == "1.00")
    #expect(Show.fixed(.nan, 2) == "nan")
    #expect(Show.fixed(12, 0) == "12")
  }

  @Test func groupsAndUnits() {
    #expect(Show.grouped(1_234_567) == "1,234,567")
    #expect(Show.grouped(-999) == "-999")
    #expect(Show.bytes(1536) == "1.50 KiB")
    #expect(Show.bytes(100) == "100 B")
    #expect(Show.amount(4.8e10, "B/s") == "48.0 GB/s")
    #expect(Show.time(seconds: 0.0123) == "12.3 ms")
  }

  @Test func tablesAlign() {
    var table = TextTable(["name", ">count"])
    table.add(["a", "1"])
    table.add(["bcdef", "1234"])
    #expect(table.text == "name   count\na          1\nbcdef   1234")
  }

  @Test func percentilesInterpolate() {
    let statistics = Statistics([4, 1, 3, 2])
    #expect(statistics.median == 2.5)
    #expect(statistics.percentile(1) == 4)
    #expect(statistics.percentile(0) == 1)
    #expect(Statistics([]).median.isNaN)
  }

  @Test func valuesOfOptions() {
    #expect(ByteCount(argument: "512M")?.value == 512 << 20)
    #expect(ByteCount(argument: "2GiB")?.value == 2 << 30)
    #expect(ByteCount(argument: "99999999999999T") == nil)
    #expect(ByteCount(argument: "-1") == nil)
    #expect(NumberList(argument: "1, 2,3")?.values == [1, 2, 3])
    #expect(NumberList(argument: "1,,2") == nil)
    #expect(TokenBias(argument: "7=-inf")?.bias == -.infinity)
    #expect(TokenBias(argument: "7") == nil)
  }
}

struct ScoringWindowTests {
  @Test(arguments: [(1000, 64, 32), (65, 64, 64), (2, 64, 32), (64, 64, 1), (333, 10, 7)])
  func everyTokenIsScoredOnceWithTheLongestContext(count: Int, context: Int, stride: Int) {
    let windows = ScoringWindow.plan(count: count, context: context, stride: stride)
    var scored: [Int] = []
    for window in windows {
      #expect(window.tokens.count <= context && window.tokens.lowerBound % stride == 0)
      #expect(
        window.scored.lowerBound > window.tokens.lowerBound && window.scored.upperBound == window.tokens.upperBound)
      scored += Array(window.scored)
    }
    // With windows side by side nothing stands before the first token of each.
    let expected = stride < context ? Array(1..<count) : (1..<count).filter { $0 % stride != 0 }
    #expect(scored == expected)
  }

  @Test func aTextOfOneTokenHasNoWindow() {
    #expect(ScoringWindow.plan(count: 1, context: 8, stride: 4).isEmpty)
  }
}

struct LogLikelihoodTests {
  @Test(arguments: [1, 15, 16, 17, 320, 8192])
  func agreesWithDoublePrecision(count: Int) {
    let logits = (0..<count).map { Float(($0 &* 7919) % 1000) / 37 - 12 }
    let maximum = Double(logits.max() ?? 0)
    var sum = 0.0
    for value in logits { sum += exponentialByHalves(Double(value) - maximum) }
    for target in [0, count / 2, count - 1] {
      let found = logits.withUnsafeBufferPointer { LogLikelihood.negative(of: target, in: $0) }
      let product = exponentialByHalves(-found) * sum
      let expected = exponentialByHalves(Double(logits[target]) - maximum)
      #expect(abs(product - expected) <= 1e-5 * expected)
    }
  }

  @Test func numbersThatAreNoneAreNoticed() {
    for bad in [Float.nan, .infinity] {
      var logits = [Float](repeating: 1, count: 40)
      logits[33] = bad
      #expect(!logits.withUnsafeBufferPointer { LogLikelihood.negative(of: 0, in: $0) }.isFinite)
    }
  }

  // exp by its series on a small argument, squared again and again.
  private func exponentialByHalves(_ x: Double) -> Double {
    var term = 1.0
    var sum = 1.0
    for n in 1..<20 {
      term *= x / 1024 / Double(n)
      sum += term
    }
    for _ in 0..<10 { sum *= sum }
    return sum
  }
}

struct WorkloadTests {
  private func dataset(_ text: String, limit: Int? = nil) throws -> Workload {
    try .dataset("file", bytes: Array(text.utf8), outputLength: 9, limit: limit) { $0.utf8.map { Int32($0) } }
  }

  @Test func readsLinesOfPromptsAndIDs() throws {
    let workload = try dataset(
      "{\"task_id\":0,\"prompt\":\"ab\",\"output_tokens\":5}\n{\"task_id\":1,\"input_ids\":[7,8,9]}\n")
    #expect(workload.requests.map(\.prompt) == [[97, 98], [7, 8, 9]])
    #expect(workload.requests.map(\.outputTokens) == [5, 9])
    #expect(workload.longest == 12)
  }

  @Test func readsConversations() throws {
    let turns = "[{\"from\":\"human\",\"value\":\"abc\"},{\"from\":\"gpt\",\"value\":\"wxyz\"}]"
    let workload = try dataset("[{\"id\":\"1\",\"conversations\":\(turns)},{\"id\":\"2\",\"conversations\":[]}]")
    #expect(workload.requests == [Workload.Request(prompt: [97, 98, 99], outputTokens: 4)])
  }

  @Test(arguments: ["", "{}", "[{}]", "{\"prompt\":\"a\",\"output_tokens\":0}", "{\"input_ids\":[-1]}", "nonsense"])
  func whatIsNoDatasetIsASentence(_ text: String) {
    #expect(throws: UsageError.self) { try dataset(text) }
  }

  @Test func randomPromptsDependOnTheSeedOnly() {
    func random(_ seed: UInt64) -> Workload {
      .random(count: 3, inputLength: 5, outputLength: 2, vocabularySize: 11, seed: seed)
    }
    #expect(random(1).requests == random(1).requests)
    #expect(random(1).requests != random(2).requests)
    #expect(random(1).requests.allSatisfy { $0.prompt.count == 5 && $0.prompt.allSatisfy { (0..<11).contains($0) } })
  }
}

struct ScopeNameTests {
  @Test func layersAreTakenOutOfNames() {
    #expect(ScopeName.withoutLayer("model.layers.3.mlp") == "model.layers.*.mlp")
    #expect(ScopeName.layer("model.layers.12.mlp") == 12)
    #expect(ScopeName.layer("model.norm") == nil)
  }
}
