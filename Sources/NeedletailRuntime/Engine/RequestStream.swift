/// The events of one request as they happen.
///
/// Reading it ends with `.finished`, or throws: `EngineError`, or what the request's observer threw. When the task that
/// reads is cancelled, or nobody holds the stream any more, the request is cancelled within a step. Events that nobody
/// has read yet are kept; there are at most as many as tokens. The stream keeps its engine alive; read it from one task.
public struct RequestStream: AsyncSequence, Sendable {
  /// The request's name in its engine.
  public let id: RequestID
  let engine: Engine
  let events: AsyncThrowingStream<GenerationEvent, any Error>

  /// Ends the request within a step; its last event is `.finished` with the reason `.cancelled`.
  public func cancel() { engine.cancel(id) }

  /// Reads the events.
  public func makeAsyncIterator() -> Iterator {
    Iterator(engine: engine, events: events.makeAsyncIterator())
  }

  /// Reads the events of a request.
  public struct Iterator: AsyncIteratorProtocol {
    let engine: Engine
    var events: AsyncThrowingStream<GenerationEvent, any Error>.Iterator

    /// The next event; nil after `.finished`, and when the task is cancelled.
    public mutating func next() async throws -> GenerationEvent? { try await events.next() }

    /// The next event; nil after `.finished`, and when the task is cancelled.
    public mutating func next(isolation actor: isolated (any Actor)?) async throws -> GenerationEvent? {
      try await events.next(isolation: actor)
    }
  }
}
