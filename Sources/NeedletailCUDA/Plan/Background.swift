import Dispatch
import Synchronization

/// A value that another thread makes meanwhile.
package final class Background<Value: Sendable>: Sendable {
  private let result = Mutex<Result<Value, any Error>?>(nil)
  private let group = DispatchGroup()

  /// Starts to make it.
  package init(_ make: @escaping @Sendable () throws -> Value) {
    DispatchQueue.global(qos: .userInitiated).async(group: group) { [self] in
      let made = Result { try make() }
      result.withLock { $0 = made }
    }
  }

  /// Waits for it; throws what making it threw. May be called any number of times.
  package func value() throws -> Value {
    group.wait()
    guard let made = result.withLock({ $0 }) else { preconditionFailure("waited for and not made") }
    return try made.get()
  }
}
