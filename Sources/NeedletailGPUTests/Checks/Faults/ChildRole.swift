import Glibc
import Needletail
import NeedletailCUDA
import NeedletailTesting

/// What this program does as another process, for checks of what a process can see once: which driver there is, which
/// user it is, whose memory is taken.
enum ChildRole {
  /// Ahead of a role on the command line; for the program's own use.
  static let option = "--as"

  /// Runs in the role that the command line names; nil where it names none.
  static func run(_ arguments: [String]) -> Int32? {
    guard arguments.count > 2, arguments[1] == option else { return nil }
    let rest = Array(arguments.dropFirst(3))
    do {
      switch arguments[2] {
      case "answer": try answer(rest)
      case "take": try take(rest)
      default: throw CheckFailure(description: "\(arguments[2]) is no role")
      }
    } catch {
      print("error: \(error)")
    }
    fflush(nil)
    return 0
  }

  /// `answer DEVICE MODEL [root DIR] [with-driver] [user ID] [files BYTES]`: prints the tokens of an answer, or why there
  /// are none.
  private static func answer(_ words: [String]) throws {
    var rest = words[...]
    guard let device = rest.popFirst().flatMap(LoadOptions.DeviceChoice.init), let path = rest.popFirst() else {
      throw CheckFailure(description: "answer DEVICE MODEL")
    }
    while let word = rest.popFirst() {
      switch word {
      case "with-driver":
        // Loaded before its folder is out of sight, it is found by its name.
        if dlopen("libcuda.so.1", RTLD_NOW) == nil { print("no driver is loaded ahead") }
      case "root": try must(chroot(rest.popFirst() ?? "") == 0 && chdir("/") == 0, "chroot")
      case "user":
        let user = rest.popFirst().flatMap(UInt32.init) ?? 0
        try must(setgroups(0, nil) == 0 && setgid(user) == 0 && setuid(user) == 0, "setuid")
      case "files":
        signal(SIGXFSZ, SIG_IGN)
        let bytes = rlim_t(rest.popFirst().flatMap(UInt64.init) ?? 0)
        var limit = rlimit(rlim_cur: bytes, rlim_max: bytes)
        try must(setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit) == 0, "setrlimit")
      default: throw CheckFailure(description: "\(word) is not understood")
      }
    }
    var options = SmallModel(directory: path, dtype: .float32).options
    options.device = device
    options.threads = 4
    options.notice = { print("note: \($0)") }
    let (chosen, prompt) = (options, SmallModel.prompt)
    let (tokens, summary) = try blocking {
      let llm = try await LLM(path, options: chosen)
      return (try await llm.greedy(prompt, count: 24), llm.deviceSummary)
    }
    print("tokens \(tokens) on \(summary)")
  }

  /// `take BYTES`: takes the GPU's memory but for so much, says so, and waits to be ended.
  private static func take(_ words: [String]) throws {
    guard let left = words.first.flatMap({ Int($0) }) else { throw CheckFailure(description: "take BYTES") }
    let context = try Context(CUDALibraries.shared.driver.get())
    let memory = try DeviceBuffer(context, byteCount: try context.memory().free - left)
    print("taken \(memory.byteCount)")
    fflush(nil)
    while true { sleep(60) }
  }

  private static func must(_ condition: Bool, _ call: String) throws {
    if !condition { throw CheckSkipped(description: "\(call): \(String(cString: strerror(errno)))") }
  }
}
