import NeedletailGraph

extension Pass {
  /// Removes what no output depends on. All the work is the sweep that follows every pass.
  public static let removeUnused = Pass("removeUnused") { _, _ in }
}
