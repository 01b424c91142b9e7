import NeedletailKernels
import Testing

@testable import Needletail

@Suite struct MemoryBudgetTests {
  let gibibyte = 1 << 30

  @Test func theCacheGetsWhatIsLeft() throws {
    let budget = MemoryBudget(totalBytes: 100 * gibibyte, heldBytes: 10 * gibibyte, fraction: 0.9)
    #expect(budget.bytes == 80 * gibibyte)
    #expect(try budget.roomForCache(besideWeights: 16 * gibibyte) == 64 * gibibyte)
    let blocks = try budget.blocks(
      besidePlan: 20 * gibibyte, blockBytes: 8 << 20, blockSize: 64, wanted: 1_000_000, isAsked: false)
    #expect(blocks == 60 * 128)
    #expect(
      try budget.blocks(besidePlan: 20 * gibibyte, blockBytes: 8 << 20, blockSize: 64, wanted: 7, isAsked: true) == 7)
  }

  @Test func aModelThatDoesNotFitIsRefusedWithNumbers() throws {
    let budget = MemoryBudget(totalBytes: 16 * gibibyte, heldBytes: 2 * gibibyte, fraction: 0.5)
    let weights = #expect(throws: LoadError.self) { try budget.roomForCache(besideWeights: 15 * gibibyte) }
    #expect(
      weights?.description.hasPrefix(
        "the model does not fit: the weights alone take 15.00 GiB, and of the GPU's 16.00 GiB it may take 6.00 GiB (a "
          + "fraction of 0.5, 2.00 GiB of which others hold)") == true)
    #expect(weights?.description.contains("; free memory, raise --gpu-memory-fraction, use fewer") == true)
    let full = MemoryBudget(totalBytes: 4 * gibibyte, heldBytes: 0, fraction: 1)
    let whole = #expect(throws: LoadError.self) { try full.roomForCache(besideWeights: 15 * gibibyte) }
    #expect(whole?.description.contains("; free memory, use fewer") == true)
    let plan = #expect(throws: LoadError.self) {
      try budget.blocks(besidePlan: 6 * gibibyte, blockBytes: 1 << 20, blockSize: 64, wanted: 10, isAsked: false)
    }
    #expect(plan?.description.contains("weights, activations and the driver take 6.00 GiB") == true)
  }

  @Test func aCacheThatWasAskedForIsNotMadeSmaller() {
    let budget = MemoryBudget(totalBytes: 10 * gibibyte, heldBytes: 0, fraction: 1)
    let error = #expect(throws: LoadError.self) {
      try budget.blocks(
        besidePlan: 9 * gibibyte, blockBytes: 64 << 20, blockSize: 64, wanted: 100, isAsked: true)
    }
    #expect(
      error?.description
        == "a cache of 6400 tokens takes 6.25 GiB, but beside the model's 9.00 GiB there are 1.00 GiB, for 1024 tokens; "
        + "ask for less")
  }

  @Test(arguments: [0, -0.5, 1.01, .nan, .infinity]) func sharesThatAreNoneAreRefused(fraction: Double) throws {
    let device = PlannedGPU(try #require(KnownGPU.named("h200")), LoadOptions())
    #expect(throws: LoadError.self) { try MemoryBudget(device, fraction: fraction) }
  }

  @Test func memoryThatOthersTookIsNoCrash() {
    let budget = MemoryBudget(totalBytes: 10 * gibibyte, heldBytes: 10 * gibibyte, fraction: 0.9)
    #expect(throws: LoadError.self) { try budget.roomForCache(besideWeights: 0) }
  }
}
