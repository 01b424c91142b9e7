import NeedletailGraph
import NeedletailRuntime
import Synchronization

/// How the hidden rows of a text become one.
public enum Pooling: String, Sendable, Hashable, Codable, CaseIterable {
  /// The last token's, which has seen all others.
  case last
  /// The mean of all tokens'.
  case mean
}

extension LLM {
  /// A vector for a text: the model's last hidden states, pooled. The model must be loaded with
  /// `LoadOptions.givesEmbeddings`.
  ///
  ///     let vector = try await llm.embed(try llm.encode("A text"), pooling: .mean)
  ///
  /// - Parameters:
  ///   - pooling: the last token's state or the mean of all.
  ///   - isNormalized: whether the vector is divided by its length.
  ///   - cacheSalt: with whom it shares what the text begins with (`pooling: .last` only; a mean needs every state).
  /// - Returns: `[width]`. The same text gives the same bits on the CPU, whatever else runs.
  /// - Throws: `RequestRefusal` where the model was not loaded for it or the text is too long.
  public func embed(
    _ tokens: [Int32], pooling: Pooling = .last, isNormalized: Bool = true, priority: Int = 0, cacheSalt: String = ""
  ) async throws -> [Float] {
    let count = tokens.count
    let sums = Mutex<[Double]>([])
    try await engine.rows(
      of: .hidden, tokens, positions: pooling == .last ? max(count - 1, 0)..<count : 0..<count, priority: priority,
      cacheSalt: cacheSalt
    ) { positions, rows in
      sums.withLock { sums in
        if sums.isEmpty { sums = Array(repeating: 0, count: rows.width) }
        for row in 0..<positions.count {
          let values = rows[row]
          for index in sums.indices { sums[index] += Double(values[index]) }
        }
      }
    }
    let rowCount = pooling == .last ? 1 : Double(count)
    var vector = sums.withLock { $0.map { $0 / rowCount } }
    if isNormalized {
      let length = vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
      if length > 0 { for index in vector.indices { vector[index] /= length } }
    }
    return vector.map { Float($0) }
  }

  /// Vectors for several texts, in their order; all share steps.
  public func embed(
    _ texts: [String], pooling: Pooling = .last, isNormalized: Bool = true
  ) async throws -> [[Float]] {
    let encoded = try texts.map(encode)
    return try await withThrowingTaskGroup(of: (Int, [Float]).self) { group in
      for (index, tokens) in encoded.enumerated() {
        group.addTask { (index, try await self.embed(tokens, pooling: pooling, isNormalized: isNormalized)) }
      }
      var vectors = [[Float]](repeating: [], count: texts.count)
      for try await (index, vector) in group { vectors[index] = vector }
      return vectors
    }
  }
}
