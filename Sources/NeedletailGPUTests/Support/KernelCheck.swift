import Dispatch
import NeedletailCUDA
import NeedletailGraph
import NeedletailKernels
import NeedletailTesting
import Synchronization

extension GPUCheck {
  /// A kernel against its reference on many problems: outputs poisoned, inputs and surroundings guarded.
  ///
  /// - Parameters:
  ///   - name: the check's.
  ///   - cases: the problems.
  ///   - plan: how the GPU device would run one; nil where it never has such a problem.
  static func kernel<Case: KernelCase>(
    _ name: String, _ cases: @escaping @Sendable () -> [Case],
    plan: @escaping @Sendable (Case, GPUTraits) throws -> KernelPlan?
  ) -> GPUCheck {
    GPUCheck(
      name,
      functions: { traits in try cases().compactMap { try plan($0, traits) }.flatMap(\.launches).map(\.function) }
    ) { gpu in
      let traits = gpu.traits
      let all = cases()
      var problems = try all.compactMap { problem in try plan(problem, traits).map { (problem, $0) } }
      if gpu.separatesOperands { problems = few(problems) }
      try expect(!problems.isEmpty, "none of \(all.count) problems is one for this GPU")
      gpu.loader.prepare(problems.flatMap(\.1.launches))
      let prepared = PreparedCases(problems.map(\.0))
      var (complaints, wrong, nearness): ([String], Int, Nearness) = ([], 0, Nearness())
      for (index, (problem, plan)) in problems.enumerated() {
        let found = try run(gpu, problem, plan, prepared[index], &nearness)
        if !found.isEmpty {
          wrong += 1
          complaints += found.map { "\(problem): \($0)" }
        }
      }
      if wrong > 0 {
        let shown = complaints.prefix(8).map { "\n       \($0)" }.joined()
        throw CheckFailure(description: "\(wrong) of \(problems.count) problems are wrong\(shown)")
      }
      let functions = Set(problems.flatMap(\.1.launches).map(\.function)).count
      return "\(problems.count) problems, \(functions) function\(functions == 1 ? "" : "s"), "
        + "error at most \(short(nearness.error)) of \(short(nearness.bound)) allowed"
    }
  }

  /// Small problems of some functions: a memory checker takes long to load each.
  private static func few<Case: KernelCase>(_ problems: [(Case, KernelPlan)]) -> [(Case, KernelPlan)] {
    let most = 24
    var chosen: Set<Set<GPUFunction>> = []
    let small = problems.filter { $0.0.isSmall }
    var kinds: [Set<GPUFunction>] = []
    for (_, plan) in small {
      let kind = Set(plan.launches.map(\.function))
      if !kinds.contains(kind) { kinds.append(kind) }
    }
    for number in 0..<min(most, kinds.count) { chosen.insert(kinds[number * kinds.count / min(most, kinds.count)]) }
    return small.filter { chosen.contains(Set($0.1.launches.map(\.function))) }
  }

  private static func run<Case: KernelCase>(
    _ gpu: GPU, _ problem: Case, _ plan: KernelPlan, _ prepared: PreparedCases<Case>.Prepared,
    _ nearness: inout Nearness
  ) throws -> [String] {
    let memory = try gpu.memory()
    try memory.place(prepared.operands, scratch: plan.scratch, cacheBlocks: plan.cacheBlocks)
    let complaints: [String]
    let outputs: [String: [UInt8]]
    do {
      try gpu.run(problem, plan, memory)
      (outputs, complaints) = try memory.results()
    } catch let error as CUDAError {
      // A lost context ends all checks; its error must say which problem it was.
      throw CheckFailure(description: "\(problem): \(error)")
    }
    var all = complaints
    if !(try memory.countersAreZero()) { all.append("counters are left that are not zero") }
    for (name, values) in prepared.expected.sorted(by: { $0.key < $1.key }) {
      guard let operand = prepared.operands.list.first(where: { $0.name == name }), let bytes = outputs[name] else {
        continue
      }
      let bounds = problem.bounds(operand.dtype)
      all += CPUKernelRun.complaints(of: operand, bytes, values, bounds)
      let written = values.indices.filter { !values[$0].isNaN }
      let result = operand.dtype.decoded(bytes)
      nearness.add(Comparison(written.map { result[$0] }, written.map { values[$0] }), bounds)
    }
    return all
  }

  /// A kernel whose blocks communicate: the same bits in each of many runs.
  static func repeats<Case: KernelCase>(
    _ name: String, runs: Int = 1000, _ cases: @escaping @Sendable () -> [Case],
    plan: @escaping @Sendable (Case, GPUTraits) throws -> KernelPlan?
  ) -> GPUCheck {
    GPUCheck(
      name,
      functions: { traits in try cases().compactMap { try plan($0, traits) }.flatMap(\.launches).map(\.function) }
    ) { gpu in
      let traits = gpu.traits
      let problems = try cases().compactMap { problem in try plan(problem, traits).map { (problem, $0) } }
      try expect(!problems.isEmpty, "no problem is one for this GPU")
      gpu.loader.prepare(problems.flatMap(\.1.launches))
      let memory = try gpu.memory()
      for (problem, plan) in problems {
        try memory.place(problem.operands(), scratch: plan.scratch, cacheBlocks: plan.cacheBlocks)
        var first: [String: [UInt8]] = [:]
        for run in 0..<(gpu.separatesOperands ? 2 : runs) {
          // A whole cache takes longer to bring and to compare than all the rest; a row of it is written by copying.
          let limit = run % 100 == 0 ? Int.max : 1 << 20
          if run > 0 { try memory.poison(upTo: limit) }
          try gpu.run(problem, plan, memory)
          let outputs = try memory.outputs(upTo: limit)
          if run == 0 { first = outputs }
          for (name, bytes) in outputs where bytes != first[name] {
            throw CheckFailure(description: "\(problem): \(name) has other bits in run \(run + 1)")
          }
        }
        try expect(memory.countersAreZero(), "\(problem): counters are left that are not zero")
      }
      return "\(problems.count) problems, \(runs) runs each, all of the same bits"
    }
  }
}

/// Operands and expected results of problems, computed on all cores; references take far longer than kernels.
struct PreparedCases<Case: KernelCase> {
  struct Prepared: Sendable {
    var operands: Operands
    var expected: [String: [Float]]
  }
  private let prepared: [Prepared?]

  init(_ problems: [Case]) {
    let results = Mutex([Prepared?](repeating: nil, count: problems.count))
    DispatchQueue.concurrentPerform(iterations: problems.count) { index in
      let operands = problems[index].operands()
      let expected = problems[index].expected(operands)
      results.withLock { $0[index] = Prepared(operands: operands, expected: expected) }
    }
    prepared = results.withLock { $0 }
  }

  subscript(index: Int) -> Prepared {
    guard let result = prepared[index] else { preconditionFailure("problem \(index) was not prepared") }
    return result
  }
}

extension KernelCase {
  /// Whether a memory checker, which is a hundred times slower, gets done with it soon.
  var isSmall: Bool { operands().list.reduce(0) { $0 + $1.bytes.count } < 1 << 20 }
}

/// A number with three digits, "1.23e-05".
func short(_ value: Double) -> String {
  guard value.isFinite, value != 0 else { return "\(value)" }
  var (mantissa, exponent) = (value, 0)
  while abs(mantissa) >= 10 { (mantissa, exponent) = (mantissa / 10, exponent + 1) }
  while abs(mantissa) < 1 { (mantissa, exponent) = (mantissa * 10, exponent - 1) }
  return "\((mantissa * 100).rounded() / 100)e\(exponent)"
}
