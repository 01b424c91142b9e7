import CNeedletailKernels
import NeedletailGraph

/// Sampling of some rows, each with options of its own.
public struct SampleCase: KernelCase {
  /// Logits of a row.
  public var vocabulary: Int
  /// How each row is sampled.
  public var rows: [Reference.Sampling]
  /// How many likely tokens are listed.
  public var top: Int
  /// Logits are multiples of this, so that some are equal; 0: any numbers.
  public var grain: Float
  /// Standard deviation of the logits.
  public var deviation: Float
  /// Whether rows want nothing but their token.
  public var isBare = false
  /// Of the operands.
  public var seed: UInt64

  /// Sampling of some rows.
  public init(
    vocabulary: Int, _ rows: [Reference.Sampling], top: Int = 0, grain: Float = 0, deviation: Float = 3,
    seed: UInt64 = 1
  ) {
    self.vocabulary = vocabulary
    self.rows = rows
    self.top = top
    self.grain = grain
    self.deviation = deviation
    self.seed = seed
  }

  /// The kernel.
  public static let kernel = "sample"

  /// Shapes at which it breaks first.
  public static var edges: [SampleCase] {
    var edges: [SampleCase] = []
    for vocabulary in [1, 2, 15, 16, 17, 31, 33, 65, 1023, 1025, 4097, 32_003, 128_256] {
      let rows = Self.options(vocabulary: vocabulary, count: vocabulary < 10_000 ? 24 : 11, seed: UInt64(vocabulary))
      edges.append(SampleCase(vocabulary: vocabulary, rows, top: min(vocabulary, 5)))
      // Many equal logits: ties go to the lower id.
      let greedy = (0..<3).map { _ in Reference.Sampling() }
      edges.append(SampleCase(vocabulary: vocabulary, greedy, top: min(vocabulary, 7), grain: 2))
    }
    edges.append(SampleCase(vocabulary: 100, []))
    return edges
  }

  /// A problem of moderate size.
  public static func random(_ numbers: inout SeededNumbers) -> SampleCase {
    let vocabulary = numbers.next(in: 1...9000)
    return SampleCase(
      vocabulary: vocabulary, options(vocabulary: vocabulary, count: 6, seed: numbers.next()),
      top: numbers.next(in: 0...20), deviation: numbers.pick([0.5, 2, 6]), seed: numbers.next())
  }

  /// Rows that use every option, alone and together.
  public static func options(vocabulary: Int, count: Int, seed: UInt64) -> [Reference.Sampling] {
    var numbers = SeededNumbers(seed: seed)
    return (0..<count).map { index in
      var row = Reference.Sampling()
      row.seed = numbers.next()
      row.position = UInt64(index)
      row.temperature = index == 0 ? 0 : numbers.pick([0, 0.3, 0.7, 1, 1.5])
      // The first rows use one option each; the later ones several.
      func uses(_ option: Int) -> Bool { index < 10 ? index == option : numbers.next(in: 0...2) == 0 }
      if uses(2) { row.topK = numbers.pick([1, 2, 50, vocabulary, vocabulary + 5]) }
      if uses(3) { row.topP = numbers.pick([0.1, 0.5, 0.9, 0.999]) }
      if uses(4) { row.minP = numbers.pick([0.02, 0.3, 1]) }
      if uses(5) { row.repetitionPenalty = 1.3 }
      if uses(6) { row.presencePenalty = 0.7 }
      if uses(7) { row.frequencyPenalty = 0.4 }
      if row.repetitionPenalty != 1 || row.presencePenalty != 0 || row.frequencyPenalty != 0 {
        for _ in 0..<10 { row.history[numbers.next(in: 0...vocabulary - 1)] = numbers.next(in: 0...3) }
      }
      if uses(8) {
        for _ in 0..<3 { row.biases[numbers.next(in: 0...vocabulary - 1)] = numbers.pick([2, -3, -.infinity]) }
      }
      if uses(9) {
        row.allowed = Set((0..<vocabulary).filter { _ in numbers.next(in: 0...3) == 0 } + [vocabulary / 2])
      }
      return row
    }
  }

  private var words: Int { (vocabulary + 31) / 32 }

  /// What it reads and writes.
  public func operands() -> Operands {
    var numbers = SeededNumbers(seed: seed)
    var operands = Operands()
    var logits = numbers.floats(rows.count * vocabulary, deviation: deviation)
    if grain > 0 { logits = logits.map { ($0 / grain).rounded() * grain } }
    operands.add("logits", .float32, logits)
    var history: [nt_token_count] = []
    var biases: [nt_token_bias] = []
    var masks: [UInt32] = []
    let parameters = rows.map { row in
      var parameters = nt_sampling_row()
      parameters.seed = row.seed
      parameters.position = row.position
      parameters.temperature = row.temperature
      parameters.top_p = row.topP
      parameters.min_p = row.minP
      parameters.top_k = Int32(row.topK)
      parameters.repetition_penalty = row.repetitionPenalty
      parameters.presence_penalty = row.presencePenalty
      parameters.frequency_penalty = row.frequencyPenalty
      parameters.top_logprobs = isBare ? 0 : Int32(top)
      parameters.wants_logprob = isBare ? 0 : 1
      parameters.history_start = Int64(history.count)
      parameters.history_count = Int32(row.history.count)
      history += row.history.sorted { $0.key < $1.key }.map { nt_token_count(token: Int32($0), generated: Int32($1)) }
      parameters.bias_start = Int64(biases.count)
      parameters.bias_count = Int32(row.biases.count)
      biases += row.biases.sorted { $0.key < $1.key }.map { nt_token_bias(token: Int32($0), bias: $1) }
      parameters.mask_start = row.allowed == nil ? -1 : Int64(masks.count)
      if let allowed = row.allowed {
        var mask = [UInt32](repeating: 0, count: words)
        for token in allowed { mask[token / 32] |= 1 << UInt32(token % 32) }
        masks += mask
      }
      return parameters
    }
    operands.add(Self.raw("parameters", parameters))
    operands.add(Self.raw("history", history))
    operands.add(Self.raw("biases", biases))
    operands.add(Self.raw("masks", masks))
    operands.addOutput("tokens", .int32, count: rows.count)
    operands.addOutput("logprobs", .float32, count: rows.count)
    operands.addOutput("top_tokens", .int32, count: rows.count * top)
    operands.addOutput("top_logprobs", .float32, count: rows.count * top)
    return operands
  }

  private static func raw<Element>(_ name: String, _ elements: [Element]) -> Operand {
    Operand(name: name, dtype: .uint8, bytes: elements.withUnsafeBytes { Array($0) }, isOutput: false)
  }

  /// Its argument struct.
  public func arguments(_ address: (String) -> UnsafeMutableRawPointer?) -> nt_sample_arguments {
    func pointer<Element>(_ name: String, _ type: Element.Type) -> UnsafeMutablePointer<Element>? {
      address(name)?.assumingMemoryBound(to: type)
    }
    return nt_sample_arguments(
      logits: pointer("logits", Float.self), parameters: pointer("parameters", nt_sampling_row.self),
      history: pointer("history", nt_token_count.self), biases: pointer("biases", nt_token_bias.self),
      masks: pointer("masks", UInt32.self), tokens: pointer("tokens", Int32.self),
      logprobs: pointer("logprobs", Float.self), top_tokens: pointer("top_tokens", Int32.self),
      top_logprobs: pointer("top_logprobs", Float.self), rows: Int64(rows.count), vocabulary: Int64(vocabulary),
      logits_stride: Int64(vocabulary), max_top: Int32(top), reserved: 0)
  }

  /// What it writes.
  public func expected(_ operands: Operands) -> [String: [Float]] {
    guard let logits = operands["logits"] else { return [:] }
    var (tokens, logprobs, topTokens, topLogprobs): ([Float], [Float], [Float], [Float]) = ([], [], [], [])
    for (index, row) in rows.enumerated() {
      let values = Array(logits[index * vocabulary..<(index + 1) * vocabulary])
      let token = Reference.sample(values, row)
      let all = Reference.logProbabilities(values)
      tokens.append(Float(token))
      logprobs.append(Float(all[token]))
      let order = values.indices.sorted { values[$0] != values[$1] ? values[$0] > values[$1] : $0 < $1 }.prefix(top)
      // Places that the vocabulary does not fill.
      let rest = top - order.count
      topTokens += order.map(Float.init) + Array(repeating: -1, count: rest)
      topLogprobs += order.map { Float(all[$0]) } + Array(repeating: -.infinity, count: rest)
    }
    guard !isBare else { return ["tokens": tokens] }
    return ["tokens": tokens, "logprobs": logprobs, "top_tokens": topTokens, "top_logprobs": topLogprobs]
  }

  /// How far results may be off.
  public func bounds(_ dtype: DType) -> Comparison.Bounds {
    dtype == .int32 ? Comparison.Bounds(relativeError: 0, calcDiff: 1e-12, worst: 0) : .of(dtype, slack: 4)
  }

  /// For messages.
  public var description: String {
    "sampling of \(rows.count) rows of \(vocabulary), \(top) listed, grain \(grain), deviation \(deviation)"
      + "\(isBare ? ", tokens only" : ""), seed \(seed)"
  }
}
