import Logging

extension Engine {
  /// Starts an engine with what `limits` says beside the sizes, which are the executor's.
  public convenience init(
    executor: any StepExecutor, limits: EngineLimits, logger: Logger = Logger(label: "needletail.engine")
  ) throws(EngineError) {
    try self.init(
      executor: executor, tokensPerPrefillChunk: limits.tokensPerPrefillChunk,
      maximumWaitingRequests: limits.maximumWaitingRequests, reusesPrefixes: limits.reusesPrefixes ?? true,
      policy: limits.capacityPolicy ?? .maxUtilization, logger: logger)
  }
}
