import NeedletailRuntime

/// The text of an answer as it is written: pieces of whole characters.
///
///     for try await piece in try llm.stream("Once upon a time") { print(piece, terminator: "") }
///
/// Leaving the loop, or cancelling the task that reads, ends the request within a step.
public struct TextStream: AsyncSequence, Sendable {
  let events: RequestStream

  /// Reads the pieces; none is empty.
  public func makeAsyncIterator() -> Iterator { Iterator(events: events.makeAsyncIterator()) }

  /// Reads the pieces of an answer.
  public struct Iterator: AsyncIteratorProtocol {
    var events: RequestStream.Iterator

    /// The next piece; nil at the end.
    public mutating func next() async throws -> String? {
      while let event = try await events.next() {
        switch event {
        case .token(let token) where !token.text.isEmpty: return token.text
        case .finished(let completion) where !completion.text.isEmpty: return completion.text
        default: continue
        }
      }
      return nil
    }
  }
}
