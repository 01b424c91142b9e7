/// An answer of a session as it is written: pieces of whole characters.
///
///     for try await piece in try await session.stream("Why is the sky blue?") { print(piece, terminator: "") }
///
/// Reading it to its end makes question and answer part of the session's history. Leaving the loop, or cancelling the task
/// that reads, ends the request within a step and leaves the history as it was.
public struct ChatStream: AsyncSequence, Sendable {
  let pieces: TextStream
  let session: ChatSession
  let question: ChatMessage

  /// Reads the pieces; none is empty.
  public func makeAsyncIterator() -> Iterator {
    Iterator(pieces: pieces.makeAsyncIterator(), session: session, question: question)
  }

  /// Reads the pieces of an answer.
  public struct Iterator: AsyncIteratorProtocol {
    var pieces: TextStream.Iterator
    let session: ChatSession
    let question: ChatMessage
    private var answer = ""
    private var isRecorded = false

    init(pieces: TextStream.Iterator, session: ChatSession, question: ChatMessage) {
      self.pieces = pieces
      self.session = session
      self.question = question
    }

    /// The next piece; nil at the end. Throws `CancellationError` where the task was cancelled before it.
    public mutating func next() async throws -> String? {
      if let piece = try await pieces.next() {
        answer += piece
        return piece
      }
      try Task.checkCancellation()
      if !isRecorded {
        isRecorded = true
        await session.record(question, answer)
      }
      return nil
    }
  }
}
