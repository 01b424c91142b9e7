import Synchronization

/// Numbered pieces of work that threads share: each takes the next one, until none is left or one has failed.
///
///     let work = WorkQueue(count: pieces.count, progress: progress)
///     DispatchQueue.concurrentPerform(iterations: threads) { _ in
///       work.run { while let index = work.next() { try prepare(pieces[index]); work.finishOne() } }
///     }
///     try work.check()
public final class WorkQueue: Sendable {
  private let count: Int
  private let progress: (@Sendable (Double) -> Void)?
  private let taken = Atomic<Int>(0)
  private let finished = Atomic<Int>(0)
  private let firstError = Mutex<(any Error)?>(nil)

  /// So many pieces. `progress` gets the share that is finished, from 0 to 1, from any thread.
  public init(count: Int, progress: (@Sendable (Double) -> Void)? = nil) {
    self.count = count
    self.progress = progress
  }

  /// One thread's share of the work. What it throws ends the work of all threads.
  public func run(_ body: () throws -> Void) {
    do { try body() } catch { firstError.withLock { $0 = $0 ?? error } }
  }

  /// The number of a piece that nobody has taken; nil: there is none, or some thread has failed.
  public func next() -> Int? {
    guard firstError.withLock({ $0 == nil }) else { return nil }
    let index = taken.wrappingAdd(1, ordering: .relaxed).oldValue
    return index < count ? index : nil
  }

  /// To be called when a piece is done, for `progress`.
  public func finishOne() {
    let number = finished.wrappingAdd(1, ordering: .relaxed).newValue
    if number % 16 == 0 || number == count { progress?(Double(number) / Double(count)) }
  }

  /// Throws what the first thread that failed has thrown. To be called when all threads are done.
  public func check() throws {
    if let error = firstError.withLock({ $0 }) { throw error }
  }
}
