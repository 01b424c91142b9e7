import Dispatch
import Synchronization

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Turns Ctrl-C into a call, for as long as this lives.
final class Interrupt: @unchecked Sendable {
  // Dispatch sources may be used from any thread.
  private let source: any DispatchSourceSignal

  /// `action` is called for every Ctrl-C.
  init(_ action: @escaping @Sendable () -> Void) {
    signal(SIGINT, SIG_IGN)
    source = DispatchSource.makeSignalSource(signal: SIGINT, queue: .global())
    source.setEventHandler(handler: action)
    source.resume()
  }

  deinit {
    source.cancel()
    signal(SIGINT, SIG_DFL)
  }

  /// Runs `body` in a task that Ctrl-C cancels; a second Ctrl-C ends the program.
  /// - Returns: what `body` returns, and whether Ctrl-C was pressed.
  static func cancelling<Result: Sendable>(
    _ body: @escaping @Sendable () async throws -> Result
  ) async throws -> (result: Result, isInterrupted: Bool) {
    let task = Task { try await body() }
    let presses = Counter()
    let interrupt = Interrupt {
      if presses.next() > 1 { exit(130) }
      task.cancel()
    }
    defer { withExtendedLifetime(interrupt) {} }
    return (try await task.value, presses.value > 0)
  }
}

/// A count that several threads may raise.
private final class Counter: Sendable {
  private let count = Mutex(0)
  var value: Int { count.withLock { $0 } }
  func next() -> Int {
    count.withLock {
      $0 += 1
      return $0
    }
  }
}
