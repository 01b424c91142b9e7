import Needletail
import Synchronization

/// Progress on standard error: a bar on a terminal, now and then a line elsewhere. What takes under half a second shows
/// nothing.
final class ProgressBar: Sendable {
  private struct State {
    var lastShown: ContinuousClock.Instant?
    var isOnScreen = false
    var share = 0.0
  }

  private let title: String
  private let start = ContinuousClock.now
  private let state = Mutex(State())

  init(_ title: String) { self.title = title }

  /// Tells the share that is done, 0 to 1, and what to say behind it; from any thread.
  func update(_ share: Double, _ note: String = "") {
    let now = ContinuousClock.now
    state.withLock { state in
      guard share > state.share, now - start > .milliseconds(500) else { return }
      let interval: Duration = Terminal.showsProgressBar ? .milliseconds(80) : .seconds(5)
      if let last = state.lastShown, now - last < interval { return }
      state.share = share
      state.lastShown = now
      let percent = "\(Int(share * 100))%"
      guard Terminal.showsProgressBar else {
        Terminal.error("\(title): \(percent)\(note.isEmpty ? "" : ", \(note)")")
        return
      }
      state.isOnScreen = true
      let width = 30
      let filled = min(width, Int(share * Double(width)))
      let bar = String(repeating: "━", count: filled) + String(repeating: "·", count: width - filled)
      Terminal.errorText("\r\u{1B}[2K\(title) \(bar) \(percent) \(note)")
    }
  }

  /// Takes the bar off the screen.
  func finish() {
    state.withLock { state in
      if state.isOnScreen { Terminal.errorText("\r\u{1B}[2K") }
      state = State(share: 2)
    }
  }
}
