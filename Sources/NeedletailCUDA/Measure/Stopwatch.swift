/// Two marks in a stream, to time one piece of work after the other.
struct Stopwatch: ~Copyable {
  private let start, end: Event

  init(_ context: Context) throws(CUDAError) {
    let first = try Event(context, takesTime: true)
    let second = try Event(context, takesTime: true)
    start = first
    end = second
  }

  /// Seconds of what `body` puts into the stream, which is waited for.
  func seconds(in stream: borrowing Stream, _ body: () throws -> Void) throws -> Double {
    try stream.record(start)
    try body()
    try stream.record(end)
    try end.synchronize()
    return try end.seconds(since: start)
  }
}
