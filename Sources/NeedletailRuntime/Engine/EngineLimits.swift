/// How much an engine takes on at once. Values that are nil are chosen for the device and the model.
///
///     var limits = EngineLimits()
///     limits.maximumSequences = 8
///     limits.cacheTokens = 16_384
public struct EngineLimits: Sendable, Hashable {
  /// Tokens in one step; longer prompts are prefilled in chunks. Nil: 512 on the CPU, 8,192 on CUDA.
  public var tokensPerStep: Int?
  /// Tokens of one prompt in one step. Nil: as many as the step has room for.
  public var tokensPerPrefillChunk: Int?
  /// Requests that run at the same time; others wait. Nil: 64 on the CPU, 256 on CUDA.
  public var maximumSequences: Int?
  /// Requests that may wait beside `maximumSequences` that run; more are refused. Nil: any number.
  public var maximumWaitingRequests: Int?
  /// Rows of logits in one step: the memory of their float32 values is set aside. At least 1. Nil: as many as sequences.
  public var maximumScoredRows: Int?
  /// Tokens of one request, prompt and output together. Nil: what the model was made for, or less if the cache is smaller.
  public var maximumSequenceLength: Int?
  /// Tokens whose keys and values the cache holds, over all requests. Nil: from `cacheBytes`.
  public var cacheTokens: Int?
  /// Bytes of memory for the cache; not used when `cacheTokens` is given. Nil: what the device has left.
  public var cacheBytes: Int?
  /// Tokens in one block of the cache. Nil: 16 on the CPU, 64 on CUDA.
  public var blockSize: Int?
  /// Whether requests whose prompts begin with the same tokens share what the cache holds of them. Nil: they do.
  public var reusesPrefixes: Bool?
  /// When a waiting request is admitted. Nil: `CapacityPolicy.maxUtilization`.
  public var capacityPolicy: CapacityPolicy?

  /// Everything chosen for the device and the model.
  public init() {}

  /// Throws a sentence about the first value that is not positive.
  public func validate() throws(RequestRefusal) {
    let values = [
      ("tokensPerStep", tokensPerStep), ("tokensPerPrefillChunk", tokensPerPrefillChunk),
      ("maximumSequences", maximumSequences), ("maximumScoredRows", maximumScoredRows),
      ("maximumSequenceLength", maximumSequenceLength), ("cacheTokens", cacheTokens), ("cacheBytes", cacheBytes),
      ("blockSize", blockSize), ("maximumWaitingRequests", maximumWaitingRequests),
    ]
    for case (let name, let value?) in values where value < 1 {
      throw RequestRefusal("\(name) is \(value); it must be 1 or more.")
    }
    for case (let name, let value?) in values where value > Int(Int32.max) && name != "cacheBytes" {
      throw RequestRefusal("\(name) is \(value); it must be at most \(Int32.max).")
    }
  }
}

// Optionals that are absent decode as nil, so the synthesized coding takes partial settings.
extension EngineLimits: Codable {}
