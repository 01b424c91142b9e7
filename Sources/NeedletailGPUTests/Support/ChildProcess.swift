import Glibc

/// A program that runs beside this one: this program itself in another role, or another one.
final class ChildProcess {
  private let folder: TemporaryFolder
  private let process: pid_t
  private var status: Int32?

  /// Starts this program in a role (`ChildRole`).
  convenience init(_ role: [String], environment: [String: String] = [:]) throws {
    try self.init(program: "/proc/self/exe", [ChildRole.option] + role, environment: environment)
  }

  /// Starts a program, in this one's environment but for what is given.
  init(program: String, _ arguments: [String], environment changes: [String: String] = [:]) throws {
    folder = try TemporaryFolder()
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    for stream in [Int32(1), 2] {
      posix_spawn_file_actions_addopen(&actions, stream, Self.file(folder, stream), O_WRONLY | O_CREAT, 0o644)
    }
    var variables: [String: String] = [:]
    var next = environ
    while let text = next.pointee.map({ String(cString: $0) }) {
      if let mark = text.firstIndex(of: "=") {
        variables[String(text[..<mark])] = String(text[text.index(after: mark)...])
      }
      next += 1
    }
    variables.merge(changes) { $1 }
    var words = ([program] + arguments).map { strdup($0) } + [nil]
    var values = variables.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer { for word in words + values { free(word) } }
    var process: pid_t = 0
    let code = posix_spawn(&process, program, &actions, nil, &words, &values)
    guard code == 0 else {
      throw CheckFailure(description: "\(program) does not start: \(String(cString: strerror(code)))")
    }
    self.process = process
  }

  /// What it has written to its standard output so far.
  var output: String { (try? Files.text(Self.file(folder, 1))) ?? "" }
  /// What it has written to its standard error so far.
  var errors: String { (try? Files.text(Self.file(folder, 2))) ?? "" }

  /// Waits until it has written a text.
  func wait(for text: String, seconds limit: Double) throws {
    let start = seconds()
    while !output.contains(text) {
      if hasEnded() || seconds() - start > limit {
        throw CheckFailure(description: "the other process does not say \"\(text)\" but: \(output)\(errors)")
      }
      usleep(2000)
    }
  }

  /// Waits for its end, and gives its output. Throws where it is ended by a signal or takes too long.
  func end(seconds limit: Double) throws -> String {
    let start = seconds()
    while !hasEnded() {
      if seconds() - start > limit {
        stop()
        throw CheckFailure(description: "the other process did not end within \(limit) s: \(output)\(errors)")
      }
      usleep(2000)
    }
    let signal = (status ?? 0) & 0x7f
    guard signal == 0 else {
      throw CheckFailure(description: "the other process was ended by signal \(signal): \(output)\(errors)")
    }
    return output
  }

  /// Ends it at once.
  func stop() {
    guard !hasEnded() else { return }
    kill(process, SIGKILL)
    var code: Int32 = 0
    waitpid(process, &code, 0)
    status = code
  }

  deinit { stop() }

  private func hasEnded() -> Bool {
    if status != nil { return true }
    var code: Int32 = 0
    guard waitpid(process, &code, WNOHANG) == process else { return false }
    status = code
    return true
  }

  private static func file(_ folder: TemporaryFolder, _ stream: Int32) -> String { "\(folder.path)/\(stream)" }
}
