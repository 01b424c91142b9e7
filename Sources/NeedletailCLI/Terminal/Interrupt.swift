import Dispatch
import Synchronization

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Turns Ctrl-C into a call, for as long as this lives; one lives at a time.
final class Interrupt: Sendable {
  // A signal's handler may do little more than write to a pipe; what reads the pipe may do anything. The reader stays for
  // the life of the process: a dispatch source for the signal itself, made anew for each answer, misses all but the first.
  private static let writeEnd = Atomic<Int32>(-1)
  private static let action = Mutex<(@Sendable () -> Void)?>(nil)
  private static let reader: Reader? = {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { return nil }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    writeEnd.store(ends[1], ordering: .relaxed)
    let readEnd = ends[0]
    let source = DispatchSource.makeReadSource(fileDescriptor: readEnd, queue: .global())
    source.setEventHandler {
      var byte: UInt8 = 0
      if read(readEnd, &byte, 1) == 1 { action.withLock { $0 }?() }
    }
    source.resume()
    return Reader(source: source)
  }()

  // Dispatch sources may be used from any thread.
  private struct Reader: @unchecked Sendable {
    let source: any DispatchSourceRead
  }

  /// `action` is called for every Ctrl-C.
  init(_ action: @escaping @Sendable () -> Void) {
    guard Self.reader != nil else { return }
    Self.action.withLock { $0 = action }
    signal(SIGINT) { _ in
      let code = errno
      var byte: UInt8 = 0
      _ = write(Interrupt.writeEnd.load(ordering: .relaxed), &byte, 1)
      errno = code
    }
  }

  deinit {
    signal(SIGINT, SIG_DFL)
    Self.action.withLock { $0 = nil }
  }

  /// Runs `body` in a task that Ctrl-C cancels; a second Ctrl-C ends the program.
  /// - Returns: what `body` returns, and whether Ctrl-C was pressed.
  static func cancelling<Result: Sendable>(
    _ body: @escaping @Sendable () async throws -> Result
  ) async throws -> (result: Result, isInterrupted: Bool) {
    let task = Task { try await body() }
    let presses = Counter()
    let interrupt = Interrupt {
      if presses.next() > 1 { Failure.end(130) }
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
