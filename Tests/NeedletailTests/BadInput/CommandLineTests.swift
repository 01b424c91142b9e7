import Foundation
import Testing

/// The built program with bad input: exit code 1 or 2 and one sentence on standard error. Left out where only the tests
/// were built.
@Suite(.enabled(if: Program.exists, "the needletail program is not beside the tests"))
struct CommandLineTests {
  @Test(arguments: [
    "weights cut off", "a header length of 2^64 - 1", "a shape that overflows", "a missing shard", "no config",
    "config is no UTF-8", "a million million layers", "unknown model type", "unknown rope type",
    "tokenizer with an unknown component", "nothing at all",
  ])
  func badDirectory(_ name: String) throws {
    let all = BadDirectory.files + BadDirectory.configs + BadDirectory.tokenizers
    let bad = try #require(all.first { $0.testDescription == name })
    let directory = try bad.make()
    let result = try Program.run(["run", "--model", directory.path, "--token-ids", "3,4", "--max-tokens", "2"])
    #expect(result.code == 2 && result.output.isEmpty)
    #expect(isOneSentence(result.complaint), "\(result.complaint)")
    for word in bad.words { #expect(result.complaint.contains(word), "\(result.complaint)") }
  }

  @Test(arguments: [
    (["--temperature", "nan", "--prompt", "A"], "temperature is nan"),
    (["--temperature=-1", "--prompt", "A"], "temperature is -1"),
    (["--token-ids", "1,99999"], "Token 99999 at position 1"),
    (["--token-ids", "1,x"], "token-ids"),
    (["--prompt-file", "/no/such/file"], "/no/such/file"),
    (["--prompt", "A", "--dtype", "float31"], "float31"),
    (["--prompt", "A", "--threads", "0"], "threads"),
    (["--prompt", "A", "--gpu-memory-fraction", "1.5"], "gpu-memory-fraction is 1.5"),
    (["--prompt", String(repeating: "word ", count: 3000)], "tokens, but a sequence may have 2048"),
    (["--prompt", "A", "--surprise"], "surprise"),
  ])
  func badOption(_ arguments: [String], _ words: String) throws {
    let result = try Program.run(["run", "--model", Place.demo, "--max-tokens", "4"] + arguments)
    // 64 is the argument parser's own.
    #expect([2, 64].contains(result.code) && result.output.isEmpty, "\(result.code)")
    #expect(result.complaint.contains(words), "\(result.complaint)")
  }

  @Test func aGPUThatIsNotThere() throws {
    // Where there is a driver, too, it sees no GPU.
    let result = try Program.run(
      ["run", "--model", Place.demo, "--prompt", "A", "--device", "cuda"], environment: ["CUDA_VISIBLE_DEVICES": "-1"])
    #expect(result.code == 2 && result.output.isEmpty, "\(result.code)")
    #expect(result.complaint.contains("the GPU cannot be used: "), "\(result.complaint)")
    #expect(isOneSentence(result.complaint), "\(result.complaint)")
  }

  @Test func unknownInstructionSet() throws {
    let result = try Program.run(
      ["run", "--model", Place.demo, "--prompt", "A"], environment: ["NEEDLETAIL_CPU": "z80"])
    #expect(result.code == 2 && result.complaint.contains("NEEDLETAIL_CPU is \"z80\""), "\(result.complaint)")
  }

  @Test func goodInput() throws {
    let result = try Program.run(["run", "--model", Place.demo, "--prompt", Demo.story, "--max-tokens", "8"])
    #expect(result.code == 0, "\(result.complaint)")
    #expect(result.output.hasPrefix(" She was a young"), "\(result.output)")
    #expect(result.complaint.contains("tokens/s"))
  }
}

/// The program that lies beside the tests.
enum Program {
  private static let path = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    .deletingLastPathComponent().appendingPathComponent("needletail").path

  static var exists: Bool { FileManager.default.isExecutableFile(atPath: path) }

  /// Runs it to its end without a terminal. `complaint` is what it wrote to standard error.
  static func run(
    _ arguments: [String], environment: [String: String] = [:]
  ) throws -> (code: Int32, output: String, complaint: String) {
    let directory = try TemporaryDirectory()
    // Files, so that no pipe can fill up and stop it.
    try directory.write("out", "")
    try directory.write("err", "")
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = try FileHandle(forWritingTo: URL(fileURLWithPath: directory("out")))
    process.standardError = try FileHandle(forWritingTo: URL(fileURLWithPath: directory("err")))
    try process.run()
    process.waitUntilExit()
    #expect(process.terminationReason == .exit, "\(arguments)")
    let complaint = try Place.text(directory("err")).trimmingCharacters(in: .whitespacesAndNewlines)
    return (process.terminationStatus, try Place.text(directory("out")), complaint)
  }
}
