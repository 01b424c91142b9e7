import NeedletailCUDA

/// What the parts of loading a model took, one after the other; what ran beside them is not counted.
public struct StartTimes: Sendable, Hashable {
  /// A part.
  public struct Part: Sendable, Hashable {
    /// What was done: "compile".
    public var name: String
    /// How long the loading thread was at it or waited for it.
    public var duration: Duration
    /// What is known of it beside that.
    public var detail: String?
  }

  /// The parts, in order.
  public private(set) var parts: [Part] = []
  private var last = ContinuousClock.now

  init() {}

  /// Ends a part.
  mutating func mark(_ name: String, detail: String? = nil) {
    let now = ContinuousClock.now
    parts.append(Part(name: name, duration: now - last, detail: detail))
    last = now
  }
}

extension LoadTimes {
  /// "GPU opened in 210 ms, 24 kernels (24 cached) in 95 ms, weights 15.0 GiB in 310 ms, 52.0 GB/s"
  var sentence: String {
    let count = origins.values.reduce(0, +)
    let known = origins.sorted { $0.key.rawValue < $1.key.rawValue }.map { "\($0.value) \($0.key.rawValue)" }
    let (seconds, attoseconds) = weights.components
    let tenths = Double(weightBytes) / max(Double(seconds) + Double(attoseconds) * 1e-18, 1e-9) / 1e8
    let rate = Int(min(tenths.rounded(), 1e9))
    return "GPU opened in \(milliseconds(context)), \(count) kernel files (\(known.joined(separator: ", "))) in "
      + "\(milliseconds(modules)), weights \(gibibytes(weightBytes)) in \(milliseconds(weights)), "
      + "\(rate / 10).\(rate % 10) GB/s"
  }
}

extension StepFigures {
  /// "128 steps, 126 of them graphs; the host took 20 us a step, waited 3,300 us; 2 graphs made, the longest in 1 ms"
  var sentence: String {
    let steps = max(replayed + eager, 1)
    func microseconds(_ duration: Duration) -> Int64 {
      let (seconds, attoseconds) = (duration / steps).components
      return seconds * 1_000_000 + attoseconds / 1_000_000_000_000
    }
    return
      "\(replayed + eager) steps, \(replayed) of them graphs; the host took \(microseconds(submitting)) us a step and "
      + "waited \(microseconds(waiting)) us; \(graphs) graph\(graphs == 1 ? "" : "s") made, the longest in "
      + milliseconds(longestGraph)
      + (computing > .zero ? "; the GPU took \(microseconds(computing)) us a step" : "")
  }
}

private func milliseconds(_ duration: Duration) -> String {
  let (seconds, attoseconds) = duration.components
  return "\(seconds * 1000 + attoseconds / 1_000_000_000_000_000) ms"
}
