import NeedletailGraph
import NeedletailKernels
import NeedletailTesting
import Testing

/// A row's bits do not depend on the other rows of the step, on their number, or on the threads.
@Suite struct RowIndependenceTests {
  private static let sets = InstructionSet.allCases.filter(\.isAvailable)
  private static let types: [(x: DType, weight: DType)] = [
    (.float32, .float32), (.float32, .bfloat16), (.bfloat16, .bfloat16), (.float16, .float16),
  ]

  private func rows(_ bytes: [UInt8]?, _ count: Int) -> [[UInt8]] {
    guard let bytes, count > 0 else { return [] }
    let size = bytes.count / count
    return (0..<count).map { Array(bytes[$0 * size..<($0 + 1) * size]) }
  }

  // The same problem with the first `count` rows of x, or with one row only.
  private func operands(_ problem: MatmulCase, _ whole: Operands, rows: Range<Int>) -> Operands {
    var part = whole
    part.update("x") { operand in
      let size = problem.k * problem.x.byteCount
      operand.bytes = Array(operand.bytes[rows.lowerBound * size..<rows.upperBound * size])
    }
    part.update("out") { $0.bytes = Array($0.bytes.prefix(rows.count * problem.n * problem.out.byteCount)) }
    return part
  }

  @Test(arguments: sets) func matmulRowsStandAlone(_ set: InstructionSet) {
    for (x, weight) in Self.types {
      let most = 130
      let problem = MatmulCase(rows: most, n: 70, k: 531, x: x, weight: weight)
      let whole = problem.operands()
      let expected = rows(CPUKernelRun(problem, whole, on: set, threads: 2).outputs["out"], most)
      for count in [1, 2, 3, 4, 5, 8, 9, 16, 31, 64, 65] {
        for first in [0, most - count] {
          var part = problem
          part.rows = count
          let run = CPUKernelRun(part, operands(problem, whole, rows: first..<first + count), on: set)
          let same = rows(run.outputs["out"], count) == Array(expected[first..<first + count])
          #expect(same, "\(count) rows from \(first) of \(problem)")
        }
      }
    }
  }

  @Test(arguments: sets) func resultsDoNotDependOnThreads(_ set: InstructionSet) {
    func check<Case: KernelCase>(_ problem: Case) {
      let operands = problem.operands()
      let one = CPUKernelRun(problem, operands, on: set).outputs
      for threads in [2, 3, 5] {
        let many = CPUKernelRun(problem, operands, on: set, threads: threads).outputs
        #expect(one == many, "\(problem) on \(threads) threads")
      }
    }
    check(MatmulCase(rows: 1, n: 1000, k: 333, x: .bfloat16, weight: .bfloat16))
    check(MatmulCase(rows: 77, n: 200, k: 333, weight: .bfloat16))
    check(NormCase(rows: 7, width: 1000))
    check(GatedActivationCase(rows: 3, width: 4097, .silu))
    check(UnaryCase(rows: 3, width: 4097, .gelu))
    check(BinaryCase(rows: 3, width: 4097, .divide))
    for problem in AttentionCase.edges.suffix(4) { check(problem) }
    for problem in SampleCase.edges.prefix(16) { check(problem) }
  }

  @Test func drawsAreTheSameInEveryInstructionSet() {
    for problem in SampleCase.cases(random: 6, seed: 3) {
      let operands = problem.operands()
      let tokens = Self.sets.map { CPUKernelRun(problem, operands, on: $0).outputs["tokens"] }
      #expect(tokens.allSatisfy { $0 == tokens[0] }, "\(problem)")
    }
  }
}
