import NeedletailGraph
import NeedletailKernels
import NeedletailTesting

extension GPUCheck {
  /// Products of few rows.
  static let fewRows: [GPUCheck] = [
    GPUCheck.kernel("kernel/product") {
      ProductCase.cases(random: 32)
    } plan: {
      plan($0, $1)
    },
    GPUCheck.repeats("repeat/product") {
      var normed = ProductCase(rows: 1, n: 6144, k: 4096)
      normed.x = .float32
      normed.norm = Norm(.rms, eps: 1e-5)
      return [normed, ProductCase(rows: 33, n: 1024, k: 2048), ProductCase(rows: 7, n: 512, k: 1024)]
    } plan: {
      plan($0, $1)
    },
    sameRows,
  ]

  private static func plan(_ product: ProductCase, _ traits: GPUTraits, maximumRows: Int? = nil) -> KernelPlan? {
    var problem = ProductProblem(
      rows: .tokens, maximumRows: maximumRows ?? [8, 16, 32, 64].first { $0 >= product.rows } ?? product.rows,
      n: product.n, k: product.k, x: product.x, weight: product.weight, out: product.out)
    problem.norm = product.norm?.kind
    problem.gate = product.gate
    problem.hasBias = product.hasBias
    problem.hasResidual = product.hasResidual
    problem.gathersRows = product.gathersRows
    guard let launch = problem.skinnyLaunch(on: traits, weight: operand("w"), x: operand("x")) else { return nil }
    return KernelPlan(
      launches: [launch], counts: StepCounts(tokens: product.rows, sequences: 1, scoredRows: product.rows))
  }

  /// A row's bits are the same in every number of rows and every configuration.
  private static let sameRows = GPUCheck("same bits/product") { gpu in
    var compared = 0
    for (n, k) in [(256, 512), (192, 4096), (1024, 136)] {
      for dtype in [DType.bfloat16, .float16] {
        let most = ProductCase(rows: 64, n: n, k: k, dtype)
        let operands = most.operands()
        func rows(_ count: Int, room: Int) throws -> [UInt8] {
          let problem = most.with(rows: count)
          return try firstRows(gpu, of: operands, problem, problem, plan(problem, gpu.traits, maximumRows: room))
        }
        let expected = try rows(64, room: 64)
        for (count, room) in [(1, 8), (1, 64), (3, 8), (8, 8), (9, 16), (16, 16), (17, 32), (31, 64), (33, 64)] {
          let found = try rows(count, room: room)
          try expect(
            found == Array(expected.prefix(found.count)) && found.count == count * n * 2,
            "\(most): \(count) rows of up to \(room) have other bits than among 64")
          compared += count
        }
      }
    }
    return "\(compared) rows have the bits that they have among 64"
  }

  /// What comes of a problem that has the first rows of a larger one, whose operands are given; nil: the GPU has no kernel
  /// for it.
  static func firstRows<Case: KernelCase>(
    _ gpu: GPU, of operands: Operands, _ product: ProductCase, _ problem: Case, _ plan: KernelPlan?
  ) throws -> [UInt8] {
    guard let plan else { throw CheckFailure(description: "no kernel for \(problem)") }
    var operands = operands
    operands.update("x") { $0.bytes.removeLast($0.bytes.count - product.rows * product.k * product.x.byteCount) }
    operands.update("out") { $0.bytes.removeLast($0.bytes.count - product.rows * product.n * product.out.byteCount) }
    gpu.loader.prepare(plan.launches)
    let memory = try gpu.memory()
    try memory.place(operands, scratch: plan.scratch)
    try gpu.run(problem, plan, memory)
    return try memory.outputs()["out"] ?? []
  }
}

extension ProductCase {
  /// The same with another number of rows.
  func with(rows: Int) -> ProductCase {
    var other = self
    other.rows = rows
    return other
  }
}
