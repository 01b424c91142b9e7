import NeedletailGraph

/// Rotation on a GPU. See `rope.h`.
public enum GPURope {
  /// The table of cosines and sines of the step's positions (`rope_table`).
  public static func table(dimensions: Int, tokens: Dim) -> GPULaunch {
    // A thread has one angle; 128 of them are a block.
    let half = max(1, dimensions / 2)
    return GPULaunch(
      GPUFunction("rope/rope_table.cu", entry: "rope_table"),
      grid: [GridExtent(tokens, per: max(1, 128 / half), times: half <= 128 ? 1 : (half + 127) / 128)], threads: 128,
      choice: "rule: a thread an angle")
  }

  /// Rotates queries and keys and writes keys and values to the cache (`rope_cache_write`); by default in steps with
  /// tokens that are not decoded, since decode attention rotates and writes its own.
  ///
  /// - Parameters:
  ///   - heads: Query heads; 0: none.
  ///   - kvHeads: Key and value heads; 0: nothing is written to the cache (plain rotation).
  ///   - rotaryDim: Dimensions that are rotated; 0: none.
  ///   - input: Storage of queries, keys and values. Rows of heads start at multiples of 16 bytes, or of as many as
  ///     divide the heads' sizes.
  ///   - query: Storage of the rotated queries.
  ///   - cache: Storage of the cache.
  public static func cacheWrite(
    heads: Int, kvHeads: Int, headDim: Int, valueDim: Int, rotaryDim: Int, isInterleaved: Bool, input: DType,
    query: DType, cache: DType, tokens: Dim = .tokens, condition: GPULaunch.Condition = .prefills
  ) -> GPULaunch {
    // A thread's piece is 8 pairs, or 8 elements where nothing is rotated; fewer where they do not divide the sizes.
    let elements = (heads + kvHeads) * (headDim - rotaryDim / 2) + kvHeads * valueDim
    let threads = min(256, max(32, (elements / 8 + 31) / 32 * 32))
    return GPULaunch(
      GPUFunction(
        "rope/rope_cache_write.cu", entry: "rope_cache_write",
        [
          "NT_HEADS": heads, "NT_KV_HEADS": kvHeads, "NT_HEAD_DIM": headDim, "NT_VALUE_DIM": valueDim,
          "NT_ROTARY_DIM": rotaryDim, "NT_INTERLEAVED": isInterleaved ? 1 : 0, "NT_INPUT": Int(input.rawValue),
          "NT_Q_OUT": Int(query.rawValue), "NT_CACHE": Int(cache.rawValue), "NT_THREADS": threads,
        ]), grid: [GridExtent(tokens)], threads: threads, condition: condition, choice: "rule: a block a token")
  }
}
