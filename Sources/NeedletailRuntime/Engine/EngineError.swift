/// Why an engine does not serve a request, apart from the request itself (`RequestRefusal`).
public enum EngineError: Error, Sendable, Hashable, CustomStringConvertible {
  /// As many requests run and wait as may.
  case queueFull(limit: Int)
  /// The device failed; every request of the engine ended with this, and it takes no more.
  case deviceFailed(String)
  /// The engine has been shut down.
  case shutDown
  /// The device returned a token that does not exist: numbers of the model overflowed or its weights are damaged.
  case invalidToken(Int32, vocabularySize: Int)

  /// One sentence.
  public var description: String {
    switch self {
    case .queueFull(let limit): "The engine has \(limit) requests already, as many as it takes; try again later."
    case .deviceFailed(let cause): "The device failed: \(cause)"
    case .shutDown: "The engine has been shut down."
    case .invalidToken(let token, let size):
      "The model chose token \(token), which is not in 0 ..< \(size); its numbers overflowed or its weights are damaged."
    }
  }
}
