import Needletail
import NeedletailCUDA
import NeedletailKernels
import NeedletailTesting

/// An engine of a small model that is damaged, copy by copy.
private final class DamagedEngine: Sendable {
  let small: SmallModel
  let whole: TemporaryFolder
  let tokens: [Int32]

  init(_ small: SmallModel) throws {
    self.small = small
    whole = try TemporaryFolder()
    let options = small.options
    try TestEngine.build(try ModelPackage(small.directory), on: try options.openDevice(), options, to: whole.path)
    let path = small.directory
    tokens = try blocking { try await LLM(path, options: options).greedy(SmallModel.prompt, count: 24) }
  }

  /// What loading a copy says after a change: the refusal, or the notes and whether tokens are right.
  func text(
    _ options: @escaping @Sendable (inout LoadOptions) -> Void = { _ in }, _ change: (String) throws -> Void = { _ in }
  ) throws -> String {
    let copy = try TemporaryFolder()
    try Files.copyFolder(whole.path, to: copy.path)
    try change(copy.path)
    let expected = tokens
    return try blocking {
      let notes = Warnings()
      var chosen = LoadOptions()
      (chosen.device, chosen.limits.cacheTokens) = (.cuda, 1024)
      chosen.notice = { notes.add($0) }
      options(&chosen)
      let llm: LLM
      do { llm = try await LLM(copy.path, options: chosen) } catch { return "\(error)" }
      let found = try await llm.greedy(SmallModel.prompt, count: 24)
      return (found == expected ? "runs" : "gives other tokens") + ": " + notes.all.joined(separator: " | ")
    }
  }
}

extension GPUCheck {
  /// Engines that are not for here, or not what was written: a sentence, never other tokens.
  static func engineRefusals(_ folder: String) -> [GPUCheck] {
    let small = SmallModel.quick(folder)
    return [
      GPUCheck("engine/of another GPU") { gpu in
        var other = KnownGPU.all.first { $0.traits.architecture == gpu.traits.architecture } ?? KnownGPU.all[0]
        other.traits = gpu.traits
        other.traits.multiprocessors -= 2
        let known = KnownGPU.all.first { $0.traits.architecture != gpu.traits.architecture } ?? KnownGPU.all[0]
        let first = try refusal(small, PlannedGPU(known, small.options))
        try expectAll(first, "is an engine for \(known.traits.architecture), and this is \(gpu.traits.architecture)")
        let second = try refusal(small, PlannedGPU(other, small.options))
        try expectAll(second, "\(other.traits.multiprocessors) multiprocessors", "build it again here")
        var options = small.options
        options.device = .cpu
        let third = try refusal(small, try options.openDevice())
        try expectAll(third, "is an engine for cpu, and the device is cuda")
        return "\n       " + [first, second, third].joined(separator: "\n       ")
      },
      GPUCheck("engine/of other options") { _ in
        let engine = try DamagedEngine(small)
        var said: [String] = []
        said.append(try engine.text { $0.dtype = .float16 })
        try expectAll(said[0], "--dtype float32, not float16")
        said.append(try engine.text { $0.isDeterministic = true })
        try expectAll(said[1], "--deterministic off, not on")
        said.append(try engine.text { $0.allowsLibraries = false })
        try expectAll(said[2], "--libraries all, not none")
        said.append(try engine.text { $0.limits.maximumSequences = 9 })
        try expectAll(said[3], "--max-batch-size 8, not 9")
        try expectAll(try engine.text(), "runs")
        return "\n       " + said.joined(separator: "\n       ")
      },
      GPUCheck("engine/damaged") { _ in try damaged(try DamagedEngine(small)) },
    ]
  }

  private static func damaged(_ engine: DamagedEngine) throws -> String {
    var said: [String] = []
    func add(_ parts: String..., change: (String) throws -> Void) throws {
      let text = try engine.text({ _ in }, change)
      for part in parts { try expect(text.contains(part), "it does not say \"\(part)\": \(text)") }
      said.append(text)
    }
    try add("weights.bin", "is damaged: the checksum of bytes") { try Files.damage($0 + "/weights.bin", at: 16) }
    try add("weights.bin", "it is cut short") { folder in
      try Files.write(try Files.read(folder + "/weights.bin").dropLast(4096), to: folder + "/weights.bin")
    }
    try add("engine.json was changed or cut short") { try Files.damage($0 + "/engine.json", at: 4000) }
    try add("config.json was changed") {
      try Files.write(try Files.read($0 + "/config.json") + [10], to: $0 + "/config.json")
    }
    try add("was built by version 0.0.1") { folder in
      let text = try Files.text(folder + "/engine.json")
      let pieces = text.split(
        separator: "\"\(NeedletailVersion.text)\"", maxSplits: 1, omittingEmptySubsequences: false)
      try Files.write(Array(pieces.joined(separator: "\"0.0.1\"").utf8), to: folder + "/engine.json")
    }
    try add("has no folder of kernels") { Files.remove($0 + "/kernels") }
    try add("runs: ", "is damaged or cannot be read; the kernel is compiled again") { folder in
      for name in Files.names(folder + "/kernels") { try Files.write([1, 2, 3], to: "\(folder)/kernels/\(name)") }
    }
    return "\n       " + said.joined(separator: "\n       ")
  }

  /// With which sentence an engine for another device is refused on the GPU.
  private static func refusal(_ small: SmallModel, _ device: any Device) throws -> String {
    let folder = try TemporaryFolder()
    try TestEngine.build(try ModelPackage(small.directory), on: device, small.options, to: folder.path)
    return try blocking {
      var options = LoadOptions()
      options.device = .cuda
      do { _ = try await LLM(folder.path, options: options) } catch { return "\(error)" }
      return "it was loaded"
    }
  }

  private static func expectAll(_ text: String, _ parts: String...) throws {
    for part in parts { try expect(text.contains(part), "it does not say \"\(part)\": \(text)") }
  }
}
