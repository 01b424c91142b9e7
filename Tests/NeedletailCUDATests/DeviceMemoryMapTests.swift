import NeedletailGraph
import NeedletailKernels
import Testing

@testable import NeedletailCUDA

@Suite struct DeviceMemoryMapTests {
  private var plan: Plan {
    let limits = PlanLimits(tokens: 64, sequences: 8, scoredRows: 8, sequenceLength: 640, blockSize: 64)
    var plan = Plan(target: Target(device: "cuda", architecture: "sm_90a"), limits: limits)
    for (index, bytes) in [5000, 1, 1024].enumerated() {
      plan.weights.append(
        PlannedWeight(
          weight: Weight(parts: [.init("w\(index)", shape: [bytes, 1])]), dtype: .int8, layout: .rowMajor,
          byteCount: bytes))
    }
    plan.constants = [[1, 2, 3]]
    plan.caches = [CacheLayer(kvHeads: 2, keyDim: 16, valueDim: 16, dtype: .bfloat16)]
    plan.outputs = [NamedType("logits", TensorType(.float32, [.scoredRows, 100]))]
    plan.variants = [PlanVariant(maximumTokens: 64, launches: [], activationBytes: 9000, placements: [])]
    return plan
  }

  @Test func regionsAreAlignedAndApart() throws {
    let map = DeviceMemoryMap(plan, samplingScratchBytes: 100)
    var regions = map.regions.map(\.value) + [map.samplingScratch]
    regions += map.sides.flatMap { [$0.inputs, $0.tail, $0.sampled] }
    regions.sort { $0.offset < $1.offset }
    #expect(regions.allSatisfy { $0.offset % DeviceMemoryMap.alignment == 0 })
    for (region, next) in zip(regions, regions.dropFirst()) {
      #expect(region.offset + max(region.byteCount, 1) <= next.offset)
    }
    #expect(try #require(regions.last).offset < map.byteCount)
    #expect(map.regions[.weight(0)]?.byteCount == 5000 && map.regions[.activations]?.byteCount == 9000)
    #expect(map.regions[.output("logits")]?.byteCount == 8 * 100 * 4)
    #expect(map.sides.count == 2)
  }

  @Test func cachesOfLayersAreApart() {
    var plan = plan
    plan.caches.append(CacheLayer(kvHeads: 1, keyDim: 3, valueDim: 3, dtype: .float32))
    plan.caches.append(plan.caches[0])
    let map = CacheMap(plan, blockCount: 5)
    #expect(map.offsets[1] == 5 * 64 * 128)
    #expect(map.offsets[2] >= map.offsets[1] + 5 * 64 * 24 && map.offsets[2] % DeviceMemoryMap.alignment == 0)
    #expect(map.byteCount >= map.offsets[2] + 5 * 64 * 128)
  }
}
