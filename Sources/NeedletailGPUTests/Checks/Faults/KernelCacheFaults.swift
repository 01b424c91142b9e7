import Glibc
import Needletail
import NeedletailCUDA
import NeedletailKernels
import NeedletailTesting

extension GPUCheck {
  /// Compiled kernels that cannot be kept or read: a sentence, and the same tokens.
  static func kernelCacheFaults(_ folder: String) -> [GPUCheck] {
    let model = SmallModel.quick(folder)
    return ["empty", "cut short", "of random bytes"].map { kind in
      GPUCheck("fault/kernel cache/files \(kind)") { _ in try damagedCache(model, kind) }
    } + [
      GPUCheck("fault/kernel cache/no folder") { _ in
        let warnings = Warnings()
        let answer = try model.answer(cache: CubinCache(folder: nil, bundledFolder: nil) { warnings.add($0) })
        try expectAll(answer, .compiled)
        try expect(answer.tokens == (try model.answer().tokens), "other tokens: \(answer.tokens)")
        return try warnings.only("HOME", "compiled at every start")
      },
      GPUCheck("fault/kernel cache/under a file") { _ in
        let warnings = Warnings()
        let cache = CubinCache(folder: "/dev/null/kernels", bundledFolder: nil) { warnings.add($0) }
        let answer = try model.answer(cache: cache)
        try expectAll(answer, .compiled)
        return try warnings.only("/dev/null/kernels cannot be made (Not a directory)", "compiled at every start")
      },
      GPUCheck("fault/kernel cache/of another user") { _ in
        try child(model, naming: "Permission denied", "compiled at every start") { ["user", "65534"] }
      },
      GPUCheck("fault/kernel cache/full") { _ in
        try child(model, naming: "cannot be written", "compiled at every start") { ["files", "2048"] }
      },
      GPUCheck("fault/kernel cache/refused by the driver") { gpu in try refusedCubins(model, gpu) },
      GPUCheck("fault/NVRTC/missing, kernels made ahead") { gpu in
        let folder = try TemporaryFolder()
        let libraries = try driverOnly(gpu, folder)
        let ahead = try TemporaryFolder()
        let plan = try model.compiled(try CUDADevice(libraries: libraries)).plan
        let jobs = GPUFunction.needed(by: plan, on: gpu.traits).map {
          AheadOfTime.Job($0, architecture: gpu.traits.architecture)
        }
        _ = try AheadOfTime(try CUDALibraries.shared.nvrtc.get(), folder: ahead.path).compile(jobs, threads: 8)
        let cache = CubinCache(folder: nil, bundledFolder: ahead.path)
        let answer = try model.answer(libraries: libraries, cache: cache)
        try expectAll(answer, .bundled)
        var options = CUDADevice.Options()
        options.allowsLibraries = false
        try expect(answer.tokens == (try model.answer(options).tokens), "other tokens: \(answer.tokens)")
        return "\(answer.origins.values.reduce(0, +)) files of kernels, all made ahead; the same tokens"
      },
      GPUCheck("fault/NVRTC/missing, no kernels") { gpu in
        let folder = try TemporaryFolder()
        let libraries = try driverOnly(gpu, folder)
        let error = try expectError(
          CUDAError.self, naming: "is not compiled for \(gpu.traits.architecture)", "libnvrtc", "needletail doctor"
        ) { _ = try model.answer(libraries: libraries, cache: CubinCache(folder: nil, bundledFolder: nil) { _ in }) }
        return "\(error)"
      },
    ]
  }

  /// A cache whose files are all damaged in one way.
  private static func damagedCache(_ model: SmallModel, _ kind: String) throws -> String {
    let folder = try TemporaryFolder()
    let warnings = Warnings()
    let expected = try model.answer(cache: CubinCache(folder: folder.path, bundledFolder: nil) { warnings.add($0) })
    try expectAll(expected, .compiled)
    try expect(warnings.all.isEmpty, warnings.all.joined(separator: " | "))
    for name in folder.names() {
      let path = "\(folder.path)/\(name)"
      let bytes = try Files.read(path)
      switch kind {
      case "empty": try Files.write([], to: path)
      case "cut short": try Files.write(bytes.dropLast(bytes.count / 3), to: path)
      default:
        var numbers = SeededNumbers(seed: 5)
        try Files.write((0..<bytes.count).map { _ in UInt8(truncatingIfNeeded: numbers.next()) }, to: path)
      }
    }
    let answer = try model.answer(cache: CubinCache(folder: folder.path, bundledFolder: nil) { warnings.add($0) })
    try expectAll(answer, .compiled)
    try expect(answer.tokens == expected.tokens, "other tokens: \(answer.tokens), not \(expected.tokens)")
    let after = try model.answer(cache: CubinCache(folder: folder.path, bundledFolder: nil) { warnings.add($0) })
    try expectAll(after, .cached)
    return try warnings.only("is damaged or cannot be read; the kernel is compiled again")
  }

  /// Files with a right checksum, whose machine code is for another GPU.
  private static func refusedCubins(_ model: SmallModel, _ gpu: GPU) throws -> String {
    try gpu.needsHopper("a file that the GPU does not take")
    let folder = try TemporaryFolder()
    let expected = try model.answer(cache: CubinCache(folder: folder.path, bundledFolder: nil))
    let other = try KernelCompiler(try CUDALibraries.shared.nvrtc.get()).compile(
      TestKernels.source, architecture: "sm_80")
    for name in folder.names() { try Files.write(other.file(), to: "\(folder.path)/\(name)") }
    let warnings = Warnings()
    let answer = try model.answer(cache: CubinCache(folder: folder.path, bundledFolder: nil) { warnings.add($0) })
    try expectAll(answer, .compiled)
    try expect(answer.tokens == expected.tokens, "other tokens: \(answer.tokens), not \(expected.tokens)")
    return try warnings.only("the driver does not take", "the kernel is compiled again")
  }

  /// Another process, whose cache of kernels is a folder of this one.
  private static func child(_ model: SmallModel, naming parts: String..., words: () -> [String]) throws -> String {
    let folder = try TemporaryFolder()
    let copy = folder.path + "/model"
    try Files.copyFolder(model.directory, to: copy)
    let cache = folder.path + "/cache"
    try Files.makeFolder(cache)
    let text = try ChildProcess(
      ["answer", "cuda", copy] + words(), environment: ["XDG_CACHE_HOME": cache, "HOME": folder.path]
    ).end(seconds: 30)
    let expected = try model.answer().tokens
    if text.contains("error: setuid") { throw CheckSkipped(description: text) }
    try expect(text.contains("tokens \(expected) on"), "it says: \(text)")
    let notes = text.split(separator: "\n").filter { $0.hasPrefix("note:") && parts.allSatisfy($0.contains) }
    try expect(notes.count == 1, "not one note with \(parts): \(text)")
    let left = Files.names(cache + "/needletail/kernels")
    try expect(left.allSatisfy { $0.hasSuffix(".cubin") }, "left behind: \(left)")
    return String(notes[0])
  }

  /// Libraries of which only the driver is there.
  private static func driverOnly(_ gpu: GPU, _ folder: TemporaryFolder) throws -> CUDALibraries {
    guard symlink(gpu.context.driver.path, folder.path + "/libcuda.so.1") == 0 else {
      throw CheckFailure(description: "no link to \(gpu.context.driver.path)")
    }
    return CUDALibraries(search: LibrarySearch(folders: [folder.path], asksLoader: false))
  }

  private static func expectAll(_ answer: SmallModel.Answer, _ origin: CubinCache.Origin) throws {
    try expect(answer.origins.keys.elementsEqual([origin]), "kernels are \(answer.origins), not all \(origin.rawValue)")
  }
}
