import NeedletailKernels
import NeedletailTesting
import Testing

/// Every kernel against its plain reference, in every instruction set of this machine.
@Suite struct KernelTests {
  private func check<Case: KernelCase>(_ problems: [Case]) {
    for (index, problem) in problems.enumerated() {
      let operands = problem.operands()
      let expected = problem.expected(operands)
      for instructionSet in InstructionSet.allCases where instructionSet.isAvailable {
        let run = CPUKernelRun(
          problem, operands, on: instructionSet, threads: 1 + index % 3, shift: index % 2, expected: expected)
        for complaint in run.complaints { Issue.record("\(complaint)") }
      }
    }
  }

  @Test func matmul() { check(MatmulCase.cases(random: 20)) }
  @Test func headLinear() { check(HeadLinearCase.cases(random: 20)) }
  @Test func norm() { check(NormCase.cases(random: 30)) }
  @Test func gatedActivation() { check(GatedActivationCase.cases(random: 20)) }
  @Test func unary() { check(UnaryCase.cases(random: 20)) }
  @Test func positionScale() { check(PositionScaleCase.cases(random: 20)) }
  @Test func binary() { check(BinaryCase.cases(random: 20)) }
  @Test func gatherRows() { check(GatherRowsCase.cases(random: 20)) }
  @Test func ropeTable() { check(RopeTableCase.cases(random: 20)) }
  @Test func ropeCacheWrite() { check(RopeCacheWriteCase.cases(random: 20)) }
  @Test func attention() { check(AttentionCase.cases(random: 30)) }
  @Test func sample() { check(SampleCase.cases(random: 20)) }

  @Test func everyMachineRunsThePlainKernels() {
    #expect(InstructionSet.plain.isAvailable)
    #expect(InstructionSet.best.isAvailable)
  }
}
