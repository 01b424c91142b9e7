import NeedletailGraph
import NeedletailKernels
import NeedletailTesting

extension GPUCheck {
  /// Our own products of any number of rows.
  static let matmul: [GPUCheck] = [
    GPUCheck.kernel("kernel/matmul") {
      LargeProductCase.cases(random: 24)
    } plan: {
      plan($0, $1)
    },
    GPUCheck.kernel("kernel/matmul, of up to 8192 rows") {
      LargeProductCase.cases(random: 8, seed: 2)
    } plan: {
      plan($0, $1, maximumRows: 8192)
    },
    GPUCheck.kernel("kernel/matmul, deterministic") {
      LargeProductCase.cases(random: 8, seed: 3)
    } plan: {
      plan($0, $1, isDeterministic: true)
    },
    GPUCheck.repeats("repeat/matmul", runs: 200) {
      var residual = ProductCase(rows: 300, n: 1024, k: 4096, out: .float32)
      residual.hasResidual = true
      // The model of the kernel takes parts of k for the last two, in clusters or through the second-level cache.
      let cases = [residual, ProductCase(rows: 128, n: 512, k: 2048), ProductCase(rows: 250, n: 1536, k: 4096)]
      return cases.map(LargeProductCase.init)
    } plan: {
      plan($0, $1)
    },
    sameRows,
  ]

  private static func plan(
    _ large: LargeProductCase, _ traits: GPUTraits, maximumRows: Int? = nil, isDeterministic: Bool = false
  ) -> KernelPlan? {
    let product = large.product
    let room = maximumRows ?? [64, 128, 256, 512].first { $0 >= product.rows } ?? product.rows
    var problem = ProductProblem(
      rows: .tokens, maximumRows: room, n: product.n, k: product.k, x: product.x, weight: product.weight,
      out: product.out)
    problem.gate = product.gate
    problem.hasBias = product.hasBias
    problem.hasResidual = product.hasResidual
    problem.isDeterministic = isDeterministic
    let chosen = problem.largeLaunch(on: traits, x: operand("x"), weight: operand("w"), librariesAllowed: false)
    guard case .kernel(let launch) = chosen else { return nil }
    return KernelPlan(
      launches: [launch], counts: StepCounts(tokens: product.rows, sequences: 1, scoredRows: product.rows))
  }

  /// In deterministic mode a row's bits are the same in every number of rows and every configuration.
  private static let sameRows = GPUCheck("same bits/matmul, deterministic") { gpu in
    var compared = 0
    for (n, k) in [(256, 512), (1000, 4096), (136, 72)] {
      for dtype in [DType.bfloat16, .float16, .float32] {
        let most = ProductCase(rows: 600, n: n, k: k, dtype)
        let operands = most.operands()
        func rows(_ count: Int, room: Int) throws -> [UInt8] {
          let problem = LargeProductCase(most.with(rows: count))
          let plan = plan(problem, gpu.traits, maximumRows: room, isDeterministic: true)
          return try firstRows(gpu, of: operands, problem.product, problem, plan)
        }
        let expected = try rows(600, room: 600)
        for (count, room) in [(1, 64), (64, 64), (65, 128), (129, 512), (200, 8192), (300, 300), (599, 4096)] {
          let found = try rows(count, room: room)
          try expect(
            found == Array(expected.prefix(found.count)) && found.count == count * n * dtype.byteCount,
            "\(most): \(count) rows of up to \(room) have other bits than among 600")
          compared += count
        }
      }
    }
    return "\(compared) rows have the bits that they have among 600"
  }
}
