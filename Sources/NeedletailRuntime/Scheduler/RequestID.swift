/// Names a request for as long as its engine lives; ids grow in the order of arrival and are never used again.
public struct RequestID: Sendable, Hashable, Comparable, CustomStringConvertible {
  /// The request's number, from 1.
  public let rawValue: UInt64

  /// The id with this number.
  public init(_ rawValue: UInt64) { self.rawValue = rawValue }

  /// Earlier requests come first.
  public static func < (left: RequestID, right: RequestID) -> Bool { left.rawValue < right.rawValue }

  /// The number.
  public var description: String { "\(rawValue)" }
}
