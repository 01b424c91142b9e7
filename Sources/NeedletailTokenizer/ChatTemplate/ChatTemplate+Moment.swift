#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

extension ChatTemplate {
  /// A time of a local calendar: what `strftime_now` tells a template.
  public struct Moment: Sendable, Equatable {
    /// Seconds since the start of 1970, UTC.
    public var seconds: Int
    /// Whether the date is told in UTC instead of the machine's time zone.
    public var isUTC: Bool

    /// A given time, for prompts that must not depend on the day.
    public init(seconds: Int, isUTC: Bool = true) {
      self.seconds = seconds
      self.isUTC = isUTC
    }

    /// The present in the machine's time zone.
    public static var now: Moment { Moment(seconds: time(nil), isUTC: false) }

    /// The time as C's `strftime` writes it.
    func formatted(_ format: String) -> String {
      var seconds = time_t(seconds)
      var parts = tm()
      if isUTC { gmtime_r(&seconds, &parts) } else { localtime_r(&seconds, &parts) }
      // A mark behind the format tells an empty result from one that did not fit.
      var buffer = [CChar](repeating: 0, count: 16 * format.utf8.count + 256)
      let count = strftime(&buffer, buffer.count, format + "|", &parts)
      let bytes = buffer.prefix(max(0, count - 1)).map { UInt8(bitPattern: $0) }
      return String(decoding: bytes, as: UTF8.self)
    }
  }
}
