import Needletail
import NeedletailCUDA
import NeedletailTesting
import Synchronization

extension GPUCheck {
  /// Too little memory on the GPU: a sentence with numbers, or a smaller cache.
  static func memoryFaults(_ folder: String) -> [GPUCheck] {
    let small = SmallModel.quick(folder)
    return [
      GPUCheck("fault/memory/fraction 0.01") { _ in
        try refused(naming: "the weights alone take 2.", "a fraction of 0.01", "raise --gpu-memory-fraction") {
          $0.gpuMemoryFraction = 0.01
        }
      },
      GPUCheck("fault/memory/fraction 1") { gpu in
        let sentences = Warnings()
        let rest = try blocking {
          var options = DummyModel.options
          options.gpuMemoryFraction = 1
          options.limits.maximumSequences = 256
          options.limits.maximumSequenceLength = 131_072
          options.notice = { sentences.add($0) }
          let llm = try await DummyModel.load(options)
          _ = try await Outcome.together(llm, DummyModel.prompts, scores: true)
          return try (llm.device as? CUDADevice)?.memory()?.freeBytes ?? 0
        }
        return try sentences.only("the cache holds") + ", \(rest >> 20) MiB are left free"
      },
      GPUCheck("fault/memory/taken by another process") { _ in
        let other = try ChildProcess(["take", "\(2 << 30)"])
        defer { other.stop() }
        try other.wait(for: "taken", seconds: 20)
        let first = try refused(naming: "it may take 0.00 GiB", "which others hold") { $0.gpuMemoryFraction = 0.9 }
        let second = try refused(naming: "a fraction of 1.0", "which others hold") { $0.gpuMemoryFraction = 1 }
        return first + "\n       " + second
      },
      GPUCheck("fault/memory/a smaller cache") { _ in
        let other = try ChildProcess(["take", "\(1500 << 20)"])
        defer { other.stop() }
        try other.wait(for: "taken", seconds: 20)
        let sentences = Warnings()
        let tokens = try blocking {
          // A gibibyte of cache where there is room for it.
          let llm = try await WideModel.load(on: .cuda, Golden.Variant(dtype: .bfloat16, usesLibraries: false)) {
            $0.gpuMemoryFraction = 1
            $0.limits.cacheTokens = nil
            $0.limits.maximumSequenceLength = 2048
            $0.limits.maximumSequences = 512
            $0.notice = { sentences.add($0) }
          }
          try expect(llm.engine.limits.cacheTokens < 512 * 2048, "all of \(llm.engine.limits.cacheTokens) tokens")
          return try await llm.greedy(WideModel.prompts[0], count: 16)
        }
        try expect(tokens.count == 16, "\(tokens)")
        return try sentences.only("the cache holds")
      },
      GPUCheck("fault/memory/taken meanwhile") { gpu in
        let expected = try small.answer().tokens
        let before = try gpu.context.memory().free
        let hog = MemoryHog(gpu.context)
        let text = try blocking {
          var options = small.options
          options.notice = { if $0.contains("the cache holds") { hog.take(allBut: 8 << 20) } }
          do { _ = try await LLM(small.directory, options: options) } catch { return "\(error)" }
          return "it was loaded"
        }
        hog.free()
        for part in ["memory ran out while the model was loaded", "another process"] {
          try expect(text.contains(part), "it does not say \"\(part)\": \(text)")
        }
        try expect(try small.answer().tokens == expected, "afterwards there are other tokens")
        let lost = before - (try gpu.context.memory().free)
        try expect(lost < 64 << 20, "\(lost >> 20) MiB were not given back")
        return text
      },
    ]
  }

  /// The sentence with which a model of a billion parameters is refused.
  private static func refused(naming parts: String..., change: @escaping @Sendable (inout LoadOptions) -> Void) throws
    -> String
  {
    let text = try blocking {
      var options = DummyModel.options
      change(&options)
      do { _ = try await DummyModel.load(options) } catch { return "\(error)" }
      return "it was loaded"
    }
    for part in ["the model does not fit"] + parts {
      try expect(text.contains(part), "it does not say \"\(part)\": \(text)")
    }
    return text
  }
}

/// Memory that is taken at a moment of a check's choosing.
private final class MemoryHog: Sendable {
  private final class Taken: Sendable {
    let buffer: DeviceBuffer
    init(_ context: Context, _ byteCount: Int) throws { buffer = try DeviceBuffer(context, byteCount: byteCount) }
  }
  private let context: Context
  private let taken = Mutex<Taken?>(nil)

  init(_ context: Context) { self.context = context }

  func take(allBut left: Int) {
    taken.withLock { taken in
      guard let free = try? context.memory().free, free > left else { return }
      taken = try? Taken(context, free - left)
    }
  }

  func free() { taken.withLock { $0 = nil } }
}
