import NeedletailGraph
import NeedletailKernels
import NeedletailTesting

extension GPUCheck {
  /// Products with weights in codes of 4 and 8 bits.
  static let codedProducts: [GPUCheck] = [
    GPUCheck.kernel("kernel/coded_product") {
      CodedProductCase.cases(random: 24)
    } plan: {
      plan($0, $1)
    },
    GPUCheck.repeats("repeat/coded_product") {
      [
        CodedProductCase(ProductCase(rows: 33, n: 1024, k: 2048)),
        CodedProductCase(ProductCase(rows: 12, n: 512, k: 4096), .int8),
      ]
    } plan: {
      plan($0, $1)
    },
  ]

  private static func plan(_ problem: CodedProductCase, _ traits: GPUTraits) -> KernelPlan? {
    let plain = problem.product
    var product = ProductProblem(
      rows: .tokens, maximumRows: [8, 16, 32, 64].first { $0 >= plain.rows } ?? plain.rows, n: plain.n, k: plain.k,
      x: plain.x, weight: plain.weight, out: plain.out)
    product.norm = plain.norm?.kind
    product.gate = plain.gate
    product.hasBias = plain.hasBias
    product.hasResidual = plain.hasResidual
    product.gathersRows = plain.gathersRows
    guard let tiles = problem.tiles, let coded = CodedProductProblem(product, tiles: tiles) else { return nil }
    let stride = plain.k + (plain.hasDenseRows ? 0 : plain.gap)
    guard
      let launch = plain.rows <= 64
        ? coded.skinnyLaunch(on: traits, x: operand("x"), xStride: stride)
        : coded.largeLaunch(
          on: traits, x: operand("x"), codes: operand("w"), scales: operand("w_scales"), xStride: stride)
    else { return nil }
    return KernelPlan(
      launches: [launch], counts: StepCounts(tokens: plain.rows, sequences: 1, scoredRows: plain.rows))
  }
}
