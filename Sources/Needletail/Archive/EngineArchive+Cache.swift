import NeedletailKernels

extension EngineArchive {
  /// Blocks of the cache that an engine gets: what is asked for, else what the device has room for.
  /// - Throws: a sentence where the engine does not fit, or the cache cannot hold one request.
  func blockCount(_ options: LoadOptions, on device: any Device) throws -> Int {
    let plan = manifest.plan
    let blockBytes = plan.cacheBytesPerToken * plan.limits.blockSize
    let limits = options.limits
    try limits.validate()
    let asked =
      limits.cacheTokens.map { ($0 + plan.limits.blockSize - 1) / plan.limits.blockSize }
      ?? limits.cacheBytes.map { $0 / max(blockBytes, 1) }
    let useful = plan.limits.blocksPerSequence.multipliedReportingOverflow(by: plan.limits.sequences)
    let wanted = asked ?? (useful.overflow ? .max : useful.partialValue)
    var blocks = asked ?? manifest.blockCount
    if let budget = try MemoryBudget(device, fraction: options.gpuMemoryFraction) {
      blocks = try budget.blocks(
        besidePlan: device.bytesNeeded(by: plan), blockBytes: blockBytes, blockSize: plan.limits.blockSize,
        wanted: wanted, isAsked: asked != nil)
    }
    guard blocks >= plan.limits.blocksPerSequence else {
      throw LoadError(
        "the cache holds \(blocks * plan.limits.blockSize) tokens, but \(path) was built for requests of "
          + "\(plan.limits.sequenceLength); give it more memory, or build it with a smaller --max-sequence-length")
    }
    return blocks
  }
}
