import Needletail
import NeedletailKernels

/// What lies in an engine on disk, all of it read and compared with its checksums.
struct EngineContents {
  let manifest: EngineManifest
  let files: [EngineArchive.File]
  let kernels: (whole: [EngineArchive.File], damaged: [EngineArchive.File])
  /// What is wrong with the weights; nil where their checksums are right.
  let damage: String?
  /// Seconds that reading the weights took.
  let seconds: Double

  init(_ archive: EngineArchive) throws {
    manifest = archive.manifest
    files = try archive.files()
    kernels = archive.kernelFiles()
    let start = ContinuousClock.now
    var damage: String?
    do { try archive.checkWeights() } catch { damage = "\(error)" }
    self.damage = damage
    seconds = (ContinuousClock.now - start).seconds
  }

  private var weightBytes: Int { manifest.plan.weightBytes }
  private var target: String {
    let name = manifest.plan.target.device == "cuda" ? "CUDA" : "CPU"
    guard let gpu = manifest.gpu else { return "\(name) \(manifest.plan.target.architecture)" }
    return "\(name) \(gpu.architecture), \(gpu.multiprocessors) multiprocessors, "
      + "\(Show.bytes(gpu.sharedBytesPerBlock)) of shared memory a block, second-level cache \(Show.bytes(gpu.l2Bytes))"
  }

  var text: String {
    let options = manifest.options
    let seed = options.dummySeed.map { ", dummy weights of seed \($0)" } ?? ""
    var table = TextTable(["file", ">bytes", "checksum"])
    for file in files {
      let isWeights = file.name == "weights.bin"
      table.add([file.name, Show.grouped(file.byteCount), isWeights ? damage ?? "right" : "right"])
    }
    let kernelBytes = (kernels.whole + kernels.damaged).reduce(0) { $0 + $1.byteCount }
    if manifest.gpu != nil {
      let count = kernels.whole.count + kernels.damaged.count
      let wrong = kernels.damaged.map(\.name).joined(separator: ", ")
      table.add([
        "kernels/, \(count) files", Show.grouped(kernelBytes), wrong.isEmpty ? "right" : "wrong, made again: \(wrong)",
      ])
    }
    table.add(["total", Show.grouped(files.reduce(kernelBytes) { $0 + $1.byteCount }), ""])
    let gigabytes = Show.fixed(Double(weightBytes) / 1e9, 2)
    return """
      ENGINE
        built for   \(target)
        built by    version \(manifest.version), from \(manifest.model)
        options     deterministic \(options.isDeterministic ? "on" : "off"), libraries \
      \(options.allowsLibraries ? "all" : "none")\(seed)
        weights     \(gigabytes) GB, read and compared at \(Show.amount(Double(weightBytes) / max(seconds, 1e-9), "B/s"))

      """ + table.text
  }

  var json: JSON {
    let gpu: JSON? = manifest.gpu.map {
      [
        "architecture": .string($0.architecture), "multiprocessors": .int($0.multiprocessors),
        "shared_bytes_per_block": .int($0.sharedBytesPerBlock), "l2_bytes": .int($0.l2Bytes),
      ]
    }
    return [
      "device": .string(manifest.plan.target.device), "architecture": .string(manifest.plan.target.architecture),
      "gpu": gpu ?? .null, "version": .string(manifest.version), "model": .string(manifest.model),
      "deterministic": .bool(manifest.options.isDeterministic), "libraries": .bool(manifest.options.allowsLibraries),
      "dummy_seed": manifest.options.dummySeed.map { .string("\($0)") } ?? .null,
      "files": .array(files.map { ["name": .string($0.name), "bytes": .int($0.byteCount)] }),
      "kernels": .int(kernels.whole.count), "damaged_kernels": .array(kernels.damaged.map { .string($0.name) }),
      "weight_bytes": .int(weightBytes), "checksums_are_right": .bool(damage == nil && kernels.damaged.isEmpty),
      "damage": damage.map { .string($0) } ?? .null,
    ]
  }
}

extension EngineManifest {
  /// The GPU it was made for, to look at it where there is none: of memory and rates only what is known of such GPUs.
  var plannedGPU: KnownGPU? {
    guard let gpu, var known = KnownGPU.named(gpu.architecture) else { return nil }
    if known.traits != gpu { known.name = "\(gpu.architecture) with \(gpu.multiprocessors) multiprocessors" }
    known.traits = gpu
    return known
  }
}
