import Foundation
import Needletail
import NeedletailCheckpoint
import NeedletailKernels
import Testing

/// `build`, and engines as `--model`.
@Suite(.enabled(if: CommandLineProgram.isAvailable))
final class EngineCommandTests {
  private let folder: String
  private let engine: String
  private let built: CommandLineProgram.Outcome

  init() throws {
    folder = FileManager.default.temporaryDirectory.appendingPathComponent("needletail-\(UUID().uuidString)").path
    engine = folder + "/engine"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    built = CommandLineProgram.run([
      "build", "--model", CommandLineProgram.demo, "--device", "cpu", "--output", engine, "--max-sequence-length",
      "1024", "--json",
    ])
    #expect(built.code == 0, "\(built.error)")
  }

  deinit { try? FileManager.default.removeItem(atPath: folder) }

  private func run(_ arguments: String...) -> CommandLineProgram.Outcome { CommandLineProgram.run(arguments) }

  @Test func buildsAndRuns() throws {
    let json = try JSON.parse(built.output)
    #expect(json["engine"]?.string == engine && json["kernels"]?.int == 0)
    let bytes = try FileManager.default.contentsOfDirectory(atPath: engine).reduce(0) { sum, name in
      sum + (try FileManager.default.attributesOfItem(atPath: "\(engine)/\(name)")[.size] as? Int ?? 0)
    }
    #expect(json["bytes"]?.int == bytes)
    let prompt = ["--prompt", "Once upon a time", "--max-tokens", "40"]
    let ofEngine = CommandLineProgram.run(["run", "--model", engine] + prompt)
    let ofModel = CommandLineProgram.run(["run", "--model", CommandLineProgram.demo, "--device", "cpu"] + prompt)
    #expect(ofEngine.code == 0 && ofEngine.output == ofModel.output && !ofModel.output.isEmpty, "\(ofEngine.error)")
    let tokens = run("tokenize", "--model", engine, "--text", "Hello", "--json")
    #expect(tokens.output == run("tokenize", "--model", CommandLineProgram.demo, "--text", "Hello", "--json").output)
  }

  @Test(arguments: ["throughput", "latency"])
  func benchmarksRunOnEngines(name: String) {
    let outcome = run(
      "bench", name, "--model", engine, "--requests", "2", "--input-length", "8", "--output-length", "4")
    #expect(outcome.code == 0 && outcome.output.contains("tokens/s"), "\(outcome.error)")
  }

  @Test func buildsForAGPUThatIsNotHere() throws {
    let other = folder + "/gpu"
    let outcome = run("build", "--model", CommandLineProgram.demo, "--gpu", "sm_90a", "--output", other)
    guard outcome.code == 0 else {
      // The compiler is not everywhere; what is missing is said, and no engine is left that is none.
      #expect(outcome.error.contains("libnvrtc"), "\(outcome.error)")
      #expect(!FileManager.default.fileExists(atPath: other + "/engine.json"))
      return
    }
    let kernels = try FileManager.default.contentsOfDirectory(atPath: other + "/kernels")
    #expect(kernels.count > 20 && kernels.allSatisfy { $0.hasSuffix(".cubin") })
    #expect(run("inspect", other, "--gpu", "sm_90a").output.contains("built for   CUDA sm_90a"))
    #expect(run("run", "--model", other, "--device", "cpu", "--prompt", "a").error.contains("is an engine for cuda"))
  }

  @Test(arguments: [["--gpu", "abacus"], ["--gpu", "sm_90a", "--device", "cpu"], ["--tune", "--gpu", "sm_90a"]])
  func refusesWhatNoGPUCanDo(arguments: [String]) {
    let outcome = CommandLineProgram.run(
      ["build", "--model", CommandLineProgram.demo, "--output", folder + "/no"] + arguments)
    #expect(outcome.code != 0 && outcome.output.isEmpty && outcome.error.hasPrefix("Error: "), "\(outcome.error)")
  }

  @Test func inspectShowsWhatIsInside() throws {
    let text = run("inspect", engine).output
    for part in [
      "ENGINE", "built for   CPU", "weights.bin", "config.json", "GB, read and compared", "LAUNCHES of a decode",
    ] {
      #expect(text.contains(part), "\(part)")
    }
    let json = try JSON.parse(run("inspect", engine, "--json").output)
    #expect(json["engine"]?["checksums_are_right"]?.bool == true && json["engine"]?["device"]?.string == "cpu")
    #expect(json["engine"]?["weight_bytes"]?.int == json["weight_bytes"]?.int)
    #expect(try JSON.parse(run("inspect", CommandLineProgram.demo, "--json").output)["engine"] == .null)
    let graph = run("inspect", engine, "--graph", "model")
    #expect(graph.code == 2 && graph.error.contains("is an engine, which has no graphs"))
  }

  /// An engine for a GPU, looked at where there is none or another one.
  @Test func inspectShowsEnginesOfOtherMachines() throws {
    let (gpu, options) = (try #require(KnownGPU.named("sm_80")), LoadOptions())
    let package = try ModelPackage(CommandLineProgram.demo)
    let compiled = try CompiledModel(package, on: PlannedGPU(gpu, options), options: options)
    let path = folder + "/gpu"
    try EngineBuilder(compiled, options: options).build(to: path) { kernels in
      try Data("no kernel".utf8).write(to: URL(fileURLWithPath: kernels + "/a.cubin"))
    }
    let outcome = run("inspect", path)
    for part in ["built for   CUDA sm_80, 108 multiprocessors", "kernels/, 1 files", "wrong, made again: a.cubin"] {
      #expect(outcome.output.contains(part), "\(part): \(outcome.error)")
    }
    #expect(outcome.output.contains("SHAPES of the launches of a decode step"))
    let refused = run("run", "--model", path, "--prompt", "x")
    #expect(refused.code != 0 && refused.output.isEmpty && !refused.error.isEmpty)
  }

  @Test func refusals() {
    func refusal(_ arguments: String...) -> String {
      let outcome = CommandLineProgram.run(arguments)
      return outcome.code == 2 ? outcome.error : "code \(outcome.code): \(outcome.error)"
    }
    #expect(
      refusal("build", "--model", engine, "--output", folder + "/again")
        .contains("is an engine already; give --model the model it was built from"))
    #expect(
      refusal("run", "--prompt", "x", "--model", engine, "--load-format", "dummy")
        .contains("is an engine, which has its weights; leave out --load-format"))
    #expect(
      refusal("run", "--prompt", "x", "--model", engine, "--max-batch-size", "3").contains(
        "was built with --max-batch-size 64, not 3"))
    #expect(
      refusal("build", "--model", CommandLineProgram.demo, "--device", "cpu", "--output", CommandLineProgram.demo)
        .contains("holds a model; give --output a directory of its own"))
    #expect(
      refusal("build", "--model", CommandLineProgram.demo, "--device", "cpu", "--tune", "--output", folder + "/t")
        .contains("--tune measures on a GPU"))
    #expect(
      refusal("build", "--model", CommandLineProgram.demo, "--device", "cpu", "--output", folder + "/no/such")
        .contains("no/such"))
  }

  @Test func damageIsASentenceThatNamesTheFile() throws {
    let copy = folder + "/damaged"
    try FileManager.default.copyItem(atPath: engine, toPath: copy)
    var weights = try Data(contentsOf: URL(fileURLWithPath: copy + "/weights.bin"))
    weights[weights.count / 3] ^= 4
    try weights.write(to: URL(fileURLWithPath: copy + "/weights.bin"))
    let outcome = run("run", "--model", copy, "--prompt", "x")
    #expect(outcome.code == 2 && outcome.error.contains("weights.bin: is damaged"), "\(outcome.error)")
    let inspected = try JSON.parse(run("inspect", copy, "--json").output)
    #expect(inspected["engine"]?["checksums_are_right"]?.bool == false)
    #expect(run("inspect", copy, "--no-graphs").output.contains("weights.bin: is damaged"))
  }
}
