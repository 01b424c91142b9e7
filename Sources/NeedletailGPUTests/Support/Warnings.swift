import Synchronization

/// Sentences that are said while something runs.
final class Warnings: Sendable {
  private let sentences = Mutex<[String]>([])

  var all: [String] { sentences.withLock { $0 } }

  func add(_ sentence: String) { sentences.withLock { $0.append(sentence) } }

  /// The only one, which must have all the given parts.
  func only(_ parts: String...) throws -> String {
    let all = all
    try expect(all.count == 1, "\(all.count) sentences instead of one: \(all.joined(separator: " | "))")
    for part in parts { try expect(all[0].contains(part), "it does not say \"\(part)\": \(all[0])") }
    return all[0]
  }
}
