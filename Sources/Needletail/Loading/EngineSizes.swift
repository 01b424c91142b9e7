import NeedletailGraph
import NeedletailKernels
import NeedletailModels
import NeedletailRuntime

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The sizes of an engine: those asked for, the others chosen for the device and the model.
struct EngineSizes {
  let plan: PlanLimits
  let blockCount: Int

  // Rows of logits beyond one for each sequence are for scoring prompts; they take no more than this unless asked to.
  private static let usualLogitsBytes = 256 << 20

  /// - Parameter freeBytes: memory that the cache may take; nil: a quarter of the host's.
  init(
    _ model: any LanguageModel, limits: EngineLimits, cacheDType: DType, device: EngineLimits.DeviceDefaults = .cpu,
    freeBytes: Int? = nil
  ) throws {
    let graph = try model.trace()
    var size = EngineLimits.ModelSize(
      maximumSequenceLength: model.maximumSequenceLength, vocabularySize: model.vocabularySize,
      cacheBytesPerToken: Self.cacheBytesPerToken(graph, cacheDType))
    // Rotary positions go on past the length a model was made for (that is what "dynamic" is about), a table does not.
    if !Self.hasPositionTable(graph) {
      size.maximumSequenceLength = max(size.maximumSequenceLength, limits.maximumSequenceLength ?? 0)
    }
    // Pages of the host that are never written to are never taken.
    let resolved = try limits.resolved(for: size, on: device, freeBytes: freeBytes ?? Self.physicalMemory / 4)
    let scoring = min(resolved.tokensPerStep, Self.usualLogitsBytes / (model.vocabularySize * 4))
    plan = PlanLimits(
      tokens: resolved.tokensPerStep, sequences: min(resolved.maximumSequences, resolved.tokensPerStep),
      scoredRows: limits.maximumScoredRows ?? max(resolved.maximumScoredRows, scoring),
      sequenceLength: resolved.maximumSequenceLength, blockSize: resolved.blockSize)
    blockCount = resolved.blockCount
  }

  /// Bytes that the caches of all layers keep of a token.
  private static func cacheBytesPerToken(_ graph: Graph, _ dtype: DType) -> Int {
    graph.nodes.reduce(0) { sum, node in
      guard case .attention(let attention) = node.op, let kvHeads = graph[node.inputs[1]].shape[1].fixed else {
        return sum
      }
      let valueDim = attention.valuesFromKeys == nil ? graph[node.inputs[2]].width : 0
      let cache = CacheLayer(
        kvHeads: kvHeads, keyDim: graph[node.inputs[1]].width, valueDim: valueDim, dtype: dtype)
      return sum + cache.bytesPerToken
    }
  }

  private static func hasPositionTable(_ graph: Graph) -> Bool {
    let positions = graph.nodes.first { $0.op == .input(StepInput.positions.rawValue) }?.results.first
    return graph.nodes.contains { node in
      guard case .embed = node.op else { return false }
      return node.inputs[1] == positions
    }
  }

  private static var physicalMemory: Int {
    max(1 << 30, sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE)))
  }
}
