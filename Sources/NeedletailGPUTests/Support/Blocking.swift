import Dispatch
import Synchronization

/// Runs asynchronous work and waits for it on the caller's thread; checks follow each other.
func blocking<Result: Sendable>(_ body: @escaping @Sendable () async throws -> Result) throws -> Result {
  let outcome = Mutex<Swift.Result<Result, any Error>?>(nil)
  let done = DispatchSemaphore(value: 0)
  let box = Box(outcome)
  Task.detached {
    let result: Swift.Result<Result, any Error>
    do { result = .success(try await body()) } catch { result = .failure(error) }
    box.value.withLock { $0 = result }
    done.signal()
  }
  done.wait()
  guard let result = box.value.withLock({ $0 }) else { preconditionFailure("signalled without a result") }
  return try result.get()
}

/// Holds a mutex, which cannot be captured twice.
private final class Box<Value: Sendable>: Sendable {
  let value: Mutex<Value>
  init(_ value: consuming Mutex<Value>) { self.value = value }
}
