#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The program as it was built beside the tests.
enum CommandLineProgram {
  struct Outcome {
    var output: String
    var error: String
    var code: Int32
  }

  /// The program's file: in the directory of the test runner, or above it.
  static let path: String? = {
    guard let own = realpath("/proc/self/exe", nil) ?? realpath(CommandLine.arguments[0], nil) else { return nil }
    defer { free(own) }
    var parts = String(cString: own).split(separator: "/")
    while parts.popLast() != nil {
      let candidate = "/" + parts.joined(separator: "/") + "/needletail"
      var status = stat()
      if stat(candidate, &status) == 0, status.st_mode & S_IFMT == S_IFREG, access(candidate, X_OK) == 0 {
        return candidate
      }
      if parts.last == ".build" { break }
    }
    return nil
  }()

  /// The repository's root.
  static let root = #filePath.split(separator: "/").dropLast(3).reduce("") { "\($0)/\($1)" }

  /// The trained model of the repository.
  static let demo = root + "/Demo/needle-5m"

  /// Whether there is a program and a model to run.
  static let isAvailable = path != nil && access(demo + "/model.safetensors", R_OK) == 0

  /// Runs it to its end with the given standard input.
  static func run(_ arguments: [String], input: String = "") -> Outcome {
    guard let path else { return Outcome(output: "", error: "not built", code: -1) }
    let (inName, outName, errorName) = (temporary(input), temporary(""), temporary(""))
    defer { for name in [inName, outName, errorName] { unlink(name) } }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, inName, O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, outName, O_WRONLY | O_TRUNC, 0)
    posix_spawn_file_actions_addopen(&actions, 2, errorName, O_WRONLY | O_TRUNC, 0)
    var words = ([path] + arguments).map { strdup($0) } + [nil]
    defer { for word in words { free(word) } }
    var process = pid_t()
    guard posix_spawn(&process, path, &actions, nil, &words, environ) == 0 else {
      return Outcome(output: "", error: "not started", code: -1)
    }
    var status: Int32 = 0
    waitpid(process, &status, 0)
    let code = status & 0x7F == 0 ? (status >> 8) & 0xFF : -(status & 0x7F)
    return Outcome(output: contents(outName), error: contents(errorName), code: code)
  }

  /// A file with a text; the caller removes it.
  static func temporary(_ text: String) -> String {
    var name = Array("/tmp/needletail-test-XXXXXX".utf8CString)
    let descriptor = mkstemp(&name)
    _ = Array(text.utf8).withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
    close(descriptor)
    return name.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } ?? "" }
  }

  /// A file's text.
  static func contents(_ path: String) -> String {
    guard let file = fopen(path, "rb") else { return "" }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = fread(&buffer, 1, buffer.count, file)
      guard count > 0 else { break }
      bytes += buffer[..<count]
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
