import Foundation
import NeedletailCPU
import NeedletailKernels
import NeedletailTesting
import Testing

@testable import Needletail

/// Engines whose files are not what was written: an error that names the file, never another answer and never a trap.
@Suite struct DamagedEngineTests {
  private func refusal(_ directory: TemporaryDirectory) async -> String {
    await sentence { _ = try await LLM(directory.path) } ?? "loaded"
  }

  @Test func otherVersionsAndFormats() async throws {
    var damaged = try DemoEngine.make("version", "0.0.1")
    #expect(await refusal(damaged).contains("was built by version 0.0.1 and this is \(NeedletailVersion.text); build"))
    damaged = try DemoEngine.make("format", 4)
    #expect(
      await refusal(damaged).contains("is an engine of format 4, and this version reads format 3; build it again"))
    damaged = try DemoEngine.make("kernelSources", "0")
    #expect(await refusal(damaged).contains("was built with other kernels than this program has; build it again"))
    try damaged.write("engine.json", "{}")
    #expect(await refusal(damaged).contains("is an engine of format none"))
    try damaged.write("engine.json", "")
    #expect(await refusal(damaged).contains("engine.json: "))
  }

  @Test func weights() async throws {
    let damaged = try DemoEngine.make()
    var bytes = try Place.bytes(damaged("weights.bin"))
    bytes[bytes.count / 2] ^= 1
    try damaged.write("weights.bin", bytes)
    var text = await refusal(damaged)
    #expect(text.contains("weights.bin") && text.contains("is damaged: the checksum of bytes"), "\(text)")
    #expect(throws: (any Error).self) { try EngineArchive(damaged.path).checkWeights() }
    try damaged.write("weights.bin", Array(bytes.dropLast(4096)))
    text = await refusal(damaged)
    #expect(text.contains("weights.bin") && text.contains("it is cut short or of another engine"), "\(text)")
    try FileManager.default.removeItem(atPath: damaged("weights.bin"))
    #expect(await refusal(damaged).contains("weights.bin"))
    let whole = try DemoEngine.make()
    try EngineArchive(whole.path).checkWeights()
  }

  @Test func otherFiles() async throws {
    let damaged = try DemoEngine.make()
    let config = try Place.text(damaged("config.json"))
    try damaged.write("config.json", config + "\n")
    #expect(await refusal(damaged).contains("config.json was changed after the engine was built; build it again"))
    try damaged.write("config.json", config)
    #expect(await refusal(damaged) == "loaded")
    try FileManager.default.removeItem(atPath: damaged("tokenizer.json"))
    #expect(await refusal(damaged).contains("tokenizer.json was changed after the engine was built; build it again"))
  }

  @Test func anyChangedByteIsNoticed() throws {
    let engine = try DemoEngine.make()
    let whole = try Place.bytes(engine("engine.json"))
    let expected = try EngineArchive.manifest(whole, path: "engine", file: "engine.json").plan
    var random = SeededNumbers(seed: 3)
    for _ in 0..<600 {
      var bytes = whole
      switch random.below(4) {
      case 0: bytes[random.below(bytes.count)] = UInt8(random.below(256))
      case 1: bytes.remove(at: random.below(bytes.count))
      case 2: bytes.insert(UInt8(random.below(256)), at: random.below(bytes.count))
      default: bytes.removeLast(1 + random.below(bytes.count - 1))
      }
      // Equal where the change was none.
      if let manifest = try? EngineArchive.manifest(bytes, path: "engine", file: "engine.json") {
        #expect(bytes == whole && manifest.plan == expected)
      }
    }
  }

  /// Manifests that somebody made with a checksum that is right: what they say is refused or can be loaded. (It may not be
  /// run: what argument structs say beside places is not checked.)
  @Test func manifestsThatMakeNoSense() throws {
    let whole = try DemoEngine.manifest(try DemoEngine.make())
    let device = try CPUDevice(threads: 1)
    var random = SeededNumbers(seed: 4)
    var (refused, loaded) = (0, 0)
    for _ in 0..<3000 {
      var json = whole
      for _ in 0...random.below(2) { json = json.mutated(&random) }
      do {
        let manifest = try EngineArchive.manifest(DemoEngine.sealed(json), path: "engine", file: "engine.json")
        guard manifest.plan.target == device.catalog.target, manifest.plan.weightBytes < 1 << 24,
          manifest.plan.activationBytes < 1 << 26, loaded < 200
        else { continue }
        loaded += 1
        _ = try? device.load(manifest.plan, prepared: Zeros(), blockCount: 8, progress: nil)
      } catch { refused += 1 }
    }
    #expect(refused > 500 && loaded > 50, "\(refused) refused, \(loaded) loaded")
  }

  /// The same of plans for a GPU, which is not needed to refuse them.
  @Test func plansForGPUsThatMakeNoSense() throws {
    let gpu = try #require(KnownGPU.named("h200"))
    var options = LoadOptions()
    options.limits.tokensPerStep = 128
    let compiled = try CompiledModel(try ModelPackage(Place.demo), on: PlannedGPU(gpu, options), options: options)
    var plan = compiled.plan
    // The largest steps have the kernels with tensor maps.
    plan.variants.removeFirst(plan.variants.count - 1)
    try plan.validate()
    let whole = try JSON(encoding: plan)
    var random = SeededNumbers(seed: 5)
    var refused = 0
    for _ in 0..<400 {
      do { try whole.mutated(&random).decoded(as: Plan.self).validate() } catch { refused += 1 }
    }
    #expect(refused > 30, "\(refused) refused")
  }

  private struct Zeros: PreparedWeights {
    let partBytes = 1 << 20
    func read(weight index: Int, _ range: Range<Int>, into target: UnsafeMutableRawBufferPointer) {
      target.initializeMemory(as: UInt8.self, repeating: 0)
    }
  }
}

extension SeededNumbers {
  fileprivate mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
}

extension JSON {
  /// The value with one place somewhere in it replaced, removed or doubled.
  fileprivate func mutated(_ random: inout SeededNumbers) -> JSON {
    switch self {
    case .object(let object) where object.count > 0:
      var members = object.members.map { ($0.key, $0.value) }
      let index = random.below(members.count)
      if random.below(12) == 0 {
        members.remove(at: index)
      } else {
        members[index].1 = members[index].1.mutated(&random)
      }
      return .object(JSONObject(members))
    case .array(var values) where !values.isEmpty:
      let index = random.below(values.count)
      switch random.below(16) {
      case 0: values.remove(at: index)
      case 1: values.append(values[index])
      default: values[index] = values[index].mutated(&random)
      }
      return .array(values)
    default:
      let others: [JSON] = [
        .int(-1), .int(0), .int(1), .int(7), .int(1 << 20), .int(.max), .int(.min), .int(Int(Int32.max)), .null,
        .double(0.5), .double(1e300), .string(""), .string("cuda"), .array([]), .object(JSONObject()), .bool(true),
      ]
      if case .int(let value) = self, random.below(2) == 0 { return .int(value ^ 1 << random.below(40)) }
      return others[random.below(others.count)]
    }
  }
}
