/// The trained model that lies in the repository, used where no model is named.
enum DemoModel {
  static let relativePath = "Demo/needle-5m"

  /// Looks in the current directory and the directories above it, then in those above the program's own file, which a
  /// package builds below its root.
  static func path() throws -> String {
    let starts = [Files.currentDirectory, Files.executable ?? "/"]
    for start in starts {
      var parts = start.split(separator: "/").map(String.init)
      while true {
        let candidate = (parts.isEmpty ? "" : "/" + parts.joined(separator: "/")) + "/" + relativePath
        if Files.isFile(candidate + "/config.json") { return candidate }
        guard parts.popLast() != nil else { break }
      }
    }
    throw UsageError("there is no demo model (\(relativePath)) here or above; name a model with --model DIR")
  }
}
