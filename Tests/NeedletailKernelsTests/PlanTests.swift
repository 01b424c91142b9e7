import Foundation
import NeedletailGraph
import NeedletailKernels
import Testing

/// A plan is data.
@Suite struct PlanTests {
  private func plan() throws -> Plan {
    var plan = Plan(
      target: Target(device: "cpu", architecture: "plain"),
      limits: PlanLimits(tokens: 8, sequences: 2, scoredRows: 2, sequenceLength: 100, blockSize: 16))
    let weight = Weight(
      parts: [
        .init("a", shape: [4, 6], rows: 1..<3), .init("b", shape: [6, 5], transposed: true, columns: 0..<6),
      ], split: .columns)
    plan.weights = [PlannedWeight(weight: weight, dtype: .bfloat16, layout: .panels, byteCount: 384)]
    plan.constants = [[0.1, 1e-30, -0.0, .greatestFiniteMagnitude]]
    plan.caches = [CacheLayer(kvHeads: 2, keyDim: 8, valueDim: 4, dtype: .bfloat16)]
    plan.inputs = [NamedType("x", TensorType(.float32, [.tokens, 6]))]
    plan.outputs = [NamedType("logits", TensorType(.float32, [.scoredRows, 7]))]
    let node = LoweredNode(
      op: .linear, scope: "layer",
      inputs: [
        .init(type: TensorType(.float32, [.tokens, 6]), reference: BufferReference(.input("x"))),
        .init(
          type: TensorType(.bfloat16, [7, 6]), reference: BufferReference(.weight(0)), weight: plan.weights[0]),
      ],
      results: [.init(type: TensorType(.float32, [.tokens, 7]), reference: BufferReference(.output("logits")))],
      limits: plan.limits, cache: nil, constant: { _ in BufferReference(.constant(0)) })
    let launches = try CPUCatalog(.plain).launches(for: node)
    for bound in [4, 8] {
      let placement = Placement(
        name: "%1", type: TensorType(.float32, [.tokens * 2, 6]), offset: 256, bytes: 512, firstLaunch: 0, lastLaunch: 0
      )
      plan.variants.append(
        PlanVariant(maximumTokens: bound, launches: launches, activationBytes: 768, placements: [placement]))
    }
    return plan
  }

  @Test func survivesEncoding() throws {
    let plan = try plan()
    let decoded = try JSONDecoder().decode(Plan.self, from: JSONEncoder().encode(plan))
    #expect(decoded == plan)
    #expect(decoded.constants[0][2].sign == .minus)
    var other = decoded
    other.variants[1].launches[0].arguments.bytes[50] ^= 1
    #expect(other != plan)
  }

  @Test func choosesTheSmallestVariantThatHoldsAStep() throws {
    let plan = try plan()
    #expect([1, 4, 5, 8].map { plan.variant(tokens: $0) } == [0, 0, 1, 1])
    #expect(plan.activationBytes == 768)
    #expect(plan.cacheBytesPerToken == 2 * 12 * 2)
    #expect(plan.limits.blocksPerSequence == 7)
  }

  @Test func productsNeedPreparedWeights() throws {
    let plan = try plan()
    let type = TensorType(.float32, [7, 6])
    let node = LoweredNode(
      op: .linear, scope: "",
      inputs: [
        .init(type: TensorType(.float32, [.tokens, 6]), reference: BufferReference(.input("x"))),
        .init(type: type, reference: BufferReference(.input("y"))),
      ], results: [.init(type: type, reference: BufferReference(.output("z")))], limits: plan.limits, cache: nil,
      constant: { _ in BufferReference(.constant(0)) })
    #expect(throws: CatalogError.self) { try CPUCatalog(.plain).launches(for: node) }
  }
}
