import NeedletailGraph
import NeedletailKernels
import NeedletailTesting

extension GPUCheck {
  /// Products in fp8.
  static let float8: [GPUCheck] = [
    GPUCheck.kernel("kernel/fp8 product") {
      Float8ProductCase.cases(random: 32)
    } plan: {
      fewRows($0, $1)
    },
    GPUCheck.kernel("kernel/fp8 product of coded rows") {
      Float8ProductCase.cases(random: 32, seed: 2).map(\.coded)
    } plan: {
      fewRows($0, $1)
    },
    GPUCheck.kernel("kernel/fp8 matmul") {
      Float8ProductCase.cases(random: 32, seed: 3).map(\.coded)
    } plan: {
      manyRows($0, $1)
    },
    GPUCheck.repeats("repeat/fp8 product") {
      [
        Float8ProductCase(rows: 1, n: 6144, k: 4096), Float8ProductCase(rows: 16, n: 512, k: 2048),
        Float8ProductCase(rows: 64, n: 1024, k: 4096).coded,
      ]
    } plan: {
      fewRows($0, $1)
    },
    sameRows,
  ]

  private static func problem(_ float8: Float8ProductCase, maximumRows: Int) -> Float8Problem {
    let product = float8.product
    var problem = ProductProblem(
      rows: .tokens, maximumRows: maximumRows, n: product.n, k: product.k, x: product.x, weight: product.weight,
      out: product.out)
    problem.norm = product.norm?.kind
    problem.gate = product.gate
    problem.hasBias = product.hasBias
    problem.hasResidual = product.hasResidual
    problem.gathersRows = product.gathersRows
    return Float8Problem(problem, operand: float8.operand, scales: float8.scales)
  }

  private static func plan(_ launch: GPULaunch?, rows: Int) -> KernelPlan? {
    launch.map {
      KernelPlan(launches: [$0], counts: StepCounts(tokens: rows, sequences: 1, scoredRows: rows))
    }
  }

  private static func fewRows(_ float8: Float8ProductCase, _ traits: GPUTraits, maximumRows: Int? = nil) -> KernelPlan?
  {
    let room = maximumRows ?? [1, 2, 4, 8, 16, 32, 64].first { $0 >= float8.product.rows } ?? float8.product.rows
    let problem = problem(float8, maximumRows: room)
    return plan(
      problem.skinnyLaunch(on: traits, weight: operand("w"), x: operand("x")), rows: float8.product.rows)
  }

  private static func manyRows(_ float8: Float8ProductCase, _ traits: GPUTraits) -> KernelPlan? {
    guard !float8.product.gathersRows else { return nil }
    let room = [64, 128, 256].first { $0 >= float8.product.rows } ?? float8.product.rows
    let problem = problem(float8, maximumRows: room)
    return plan(problem.largeLaunch(on: traits, x: operand("x"), weight: operand("w")), rows: float8.product.rows)
  }

  /// A row's bits are the same in every number of rows and every configuration, and whoever codes it.
  private static let sameRows = GPUCheck("same bits/fp8 product") { gpu in
    var compared = 0
    for (n, k) in [(256, 512), (192, 4096), (1024, 1040)] {
      for scales in [Float8Problem.Scales.rows, .groups] where scales == .rows || k % 128 == 0 {
        let most = Float8ProductCase(rows: 64, n: n, k: k, scales: scales)
        func rows(_ count: Int, room: Int, isCoded: Bool) throws -> [UInt8] {
          var all = most
          all.product.rows = 64
          let problem = isCoded ? all.coded : all
          var part = problem
          part.product.rows = count
          return try firstRows(
            gpu, of: problem.operands(), part.product, part, fewRows(part, gpu.traits, maximumRows: room))
        }
        let expected = try rows(16, room: 16, isCoded: false)
        for (count, room) in [(1, 1), (1, 16), (2, 2), (3, 4), (8, 8), (16, 16), (17, 32), (33, 64), (64, 64)] {
          for isCoded in [false, true] where isCoded || room <= 16 {
            let found = try rows(count, room: room, isCoded: isCoded)
            let common = min(found.count, expected.count)
            try expect(
              found.prefix(common) == expected.prefix(common) && found.count == count * n * 2,
              "\(most): \(count) rows of up to \(room)\(isCoded ? ", coded ahead," : "") have other bits")
            compared += count
          }
        }
      }
    }
    return "\(compared) rows have the same bits"
  }
}
