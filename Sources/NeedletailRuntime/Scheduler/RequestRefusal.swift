/// A request that cannot be served, whatever else runs: one sentence for the person who made it.
public struct RequestRefusal: Error, Sendable, Hashable, CustomStringConvertible {
  /// What is wrong and what would do.
  public let description: String

  /// A refusal with its sentence.
  public init(_ description: String) { self.description = description }
}
