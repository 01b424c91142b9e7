import NeedletailGraph
import NeedletailKernels
import NeedletailTesting
import Testing

/// A request's attention has the same bits whatever chunks its prompt came in, however long the blocks are and whoever
/// else is in the step.
@Suite struct AttentionIndependenceTests {
  private static let length = 140
  private typealias Sequence = AttentionCase.Sequence

  private static let problems: [AttentionCase] = {
    let shape = Reference.AttentionShape(heads: 6, kvHeads: 2, headDim: 40, valueDim: 24)
    let plain = AttentionCase([Sequence(7, queries: length, context: length)], shape)
    var window = plain
    window.options.window = 50
    window.options.softcap = 10
    window.cache = .bfloat16
    var sinks = plain
    sinks.hasSinks = true
    (sinks.q, sinks.cache, sinks.out) = (.bfloat16, .bfloat16, .bfloat16)
    var half = plain
    half.options.alibiSlopes = (0..<6).map { 1 / Float($0 + 2) }
    (half.q, half.cache) = (.float16, .float16)
    return [plain, window, sinks, half]
  }()

  // For each instruction set, the result of sequence 7, all its tokens, from steps that compute it in these chunks.
  private func outputs(
    _ problem: AttentionCase, chunks: [Int], others: [AttentionCase.Sequence] = [], threads: Int = 1
  ) -> [InstructionSet: [UInt8]] {
    var result: [InstructionSet: [UInt8]] = [:]
    var context = 0
    let row = problem.shape.heads * problem.shape.valueDim * problem.out.byteCount
    let before = others.reduce(0) { $0 + $1.queries }
    for chunk in chunks {
      context += chunk
      var step = problem
      step.sequences = others + [Sequence(7, queries: chunk, context: context)] + others
      let operands = step.operands()
      for set in InstructionSet.allCases where set.isAvailable {
        let run = CPUKernelRun(step, operands, on: set, threads: threads)
        result[set, default: []] += (run.outputs["out"] ?? [])[before * row..<(before + chunk) * row]
      }
    }
    return result
  }

  @Test(arguments: problems.indices) func bitsStay(_ index: Int) {
    let problem = Self.problems[index]
    let whole = outputs(problem, chunks: [Self.length])
    #expect(!whole.isEmpty)
    let ones = [Self.length - 35] + Array(repeating: 1, count: 35)
    for chunks in [ones, Array(repeating: 7, count: Self.length / 7), [64, 64, 12], [130, 10]] {
      #expect(outputs(problem, chunks: chunks) == whole, "chunks of \(chunks): \(problem)")
    }
    for blockSize in [1, 7, 64, 256] {
      var other = problem
      other.blockSize = blockSize
      #expect(outputs(other, chunks: [70, 1, 69]) == whole, "blocks of \(blockSize): \(problem)")
    }
    let others = [Sequence(1, queries: 1, context: 90), Sequence(2, queries: 33, context: 40)]
    for threads in [1, 2, 3] {
      let among = outputs(problem, chunks: [100, 1, 39], others: others, threads: threads)
      #expect(among == whole, "among others, \(threads) threads: \(problem)")
    }
  }
}
