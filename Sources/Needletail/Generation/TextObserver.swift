import NeedletailRuntime
import NeedletailTokenizer

/// Turns a request's tokens into text and ends it at the first stop string.
///
/// Text that may be the beginning of a stop string is held back until it is known not to be, so that what was shown never
/// has to be taken back. Work per token is linear in the held-back text times the number of stop strings.
package struct TextObserver: TokenObserver {
  private var detokenizer: Detokenizer
  private let stops: [(text: String, bytes: [UInt8])]
  private let includesStop: Bool
  private var held: [UInt8] = []

  package init(_ detokenizer: Detokenizer, options: SamplingOptions) {
    self.detokenizer = detokenizer
    stops = options.stopStrings.map { ($0, Array($0.utf8)) }
    includesStop = options.includesStop
  }

  package mutating func observe(_ token: Int32, mayStop: Bool) throws -> TokenVerdict {
    let text = detokenizer.append(token)
    guard !stops.isEmpty else { return .proceed(text: text) }
    held += Array(text.utf8)
    if mayStop, let found = firstStop() {
      let end = includesStop ? found.range.upperBound : found.range.lowerBound
      let shown = String(decoding: held[..<end], as: UTF8.self)
      held = []
      return .stop(text: shown, reason: .stopString(found.text))
    }
    let count = held.count - heldBackCount()
    defer { held.removeFirst(count) }
    return .proceed(text: String(decoding: held[..<count], as: UTF8.self))
  }

  package mutating func finish() throws -> String {
    defer { held = [] }
    return String(decoding: held, as: UTF8.self) + detokenizer.finish()
  }

  // The stop string that ends first; of several that end together, the longest.
  private func firstStop() -> (text: String, range: Range<Int>)? {
    var best: (text: String, range: Range<Int>)?
    for stop in stops where stop.bytes.count <= held.count {
      for start in 0...(held.count - stop.bytes.count) where held[start...].starts(with: stop.bytes) {
        let range = start..<start + stop.bytes.count
        if let current = best?.range, (current.upperBound, current.lowerBound) <= (range.upperBound, range.lowerBound) {
          break
        }
        best = (stop.text, range)
        break
      }
    }
    return best
  }

  // The longest end of the text that a stop string begins with.
  private func heldBackCount() -> Int {
    var longest = 0
    for stop in stops {
      var count = min(stop.bytes.count - 1, held.count)
      while count > longest {
        if stop.bytes.starts(with: held[(held.count - count)...]) {
          longest = count
          break
        }
        count -= 1
      }
    }
    return longest
  }
}
