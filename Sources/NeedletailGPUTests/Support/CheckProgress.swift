/// How the checks so far ended.
struct CheckProgress: CustomStringConvertible {
  /// How a check ended.
  enum Verdict: Character {
    case passed = "p"
    case failed = "f"
    case skipped = "s"

    /// As a line starts with it.
    var word: String {
      switch self {
      case .passed: "ok  "
      case .failed: "FAIL"
      case .skipped: "skip"
      }
    }
  }

  private var results: [(verdict: Verdict, seconds: Double)] = []

  init() {}

  /// Reads a description.
  init?(_ text: String) {
    for part in text.split(separator: ",") {
      guard let verdict = part.first.flatMap(Verdict.init), let seconds = Double(part.dropFirst()) else { return nil }
      results.append((verdict, seconds))
    }
  }

  /// "p1.25,f0.5", for the process that goes on.
  var description: String { results.map { "\($0.verdict.rawValue)\($0.seconds)" }.joined(separator: ",") }

  /// Checks that are done.
  var done: Int { results.count }

  /// Checks that ended so.
  func count(_ verdict: Verdict) -> Int { results.count { $0.verdict == verdict } }

  mutating func add(_ verdict: Verdict, seconds: Double) { results.append((verdict, seconds)) }

  /// A line for each subject (what stands ahead of a name's first slash), and one for all.
  func table(_ names: [String]) -> [String] {
    var subjects: [String] = []
    var groups: [String: [(verdict: Verdict, seconds: Double)]] = [:]
    for (name, result) in zip(names, results) {
      let subject = String(name.prefix { $0 != "/" })
      if groups[subject] == nil { subjects.append(subject) }
      groups[subject, default: []].append(result)
    }
    func line(_ subject: String, _ results: [(verdict: Verdict, seconds: Double)]) -> String {
      func column(_ verdict: Verdict, _ word: String) -> String {
        let count = results.count { $0.verdict == verdict }
        return String(repeating: " ", count: max(0, 5 - "\(count)".count)) + "\(count) \(word)"
      }
      let space = String(repeating: " ", count: max(0, 12 - subject.count))
      return subject + space + column(.passed, "passed") + column(.failed, "failed") + column(.skipped, "skipped")
        + "  \(time(results.reduce(0) { $0 + $1.seconds }))"
    }
    return [""] + subjects.map { line($0, groups[$0] ?? []) } + [line("all", results)]
  }
}
