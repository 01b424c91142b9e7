import NeedletailGraph
import NeedletailKernels
import NeedletailRuntime

/// How a model is loaded.
///
///     var options = LoadOptions()
///     options.dtype = .float32
///     options.limits.maximumSequences = 8
///     let llm = try await LLM("Demo/needle-5m", options: options)
public struct LoadOptions: Sendable {
  /// Where a model runs.
  public enum DeviceChoice: String, Sendable, CaseIterable {
    /// A GPU if there is one, else the CPU.
    case auto
    /// This machine's processor.
    case cpu
    /// An NVIDIA GPU.
    case cuda
  }

  /// Where weights come from.
  public enum LoadFormat: String, Sendable, CaseIterable {
    /// The directory's safetensors files.
    case auto
    /// Seeded uniform values in ±0.035; config.json is enough.
    case dummy
  }

  /// Where it runs.
  public var device = DeviceChoice.auto
  /// How operands of matrix products are stored; nil: as the checkpoint's matrices are.
  public var dtype: DType?
  /// How cached keys and values are stored; nil: like the operands.
  public var cacheDType: DType?
  /// How weights of ordinary numbers are coded while they are loaded; nil: they stay as they are.
  public var quantization: QuantizationRecipe?
  /// Where weights come from.
  public var loadFormat = LoadFormat.auto
  /// The seed of dummy weights.
  public var dummySeed: UInt64 = 0
  /// Threads of the CPU device; nil: one for each core this process may use.
  public var threads: Int?
  /// Which of the CPU device's kernels run; nil: those of the widest instruction set here, or what NEEDLETAIL_CPU names.
  public var instructionSet: InstructionSet?
  /// Whether a request's bits never depend on what else runs, at some cost in speed; nil: what the device does at its
  /// best (the CPU always, a GPU not). The same batch gives the same bits in any case, and decoding never depends on
  /// other requests.
  public var isDeterministic: Bool?
  /// Whether a GPU's products may be computed by cuBLASLt where that is faster than our own kernels.
  public var allowsLibraries = true
  /// The share of a GPU's memory that may be in use, by others and by this model; the cache gets what the rest leaves.
  public var gpuMemoryFraction = 0.9
  /// Whether a GPU's graphs of decode steps are made when the model is loaded, instead of when a number of requests is
  /// first met.
  public var makesGraphsAhead = false
  /// Whether a GPU's time of each step is taken (`LLM.stepSentence`), which costs a little of it.
  public var timesSteps = false
  /// Whether embeddings can be asked for (`LLM.embed`): each step computes the final norm once more for them.
  public var givesEmbeddings = false
  /// What the engine takes on at once.
  public var limits = EngineLimits()
  /// Told the prepared share of the weights, 0 to 1, from several threads.
  public var progress: (@Sendable (Double) -> Void)?
  /// Told sentences about the device and its memory that people should know, from any thread.
  public var notice: (@Sendable (String) -> Void)?

  /// Everything chosen for the device and the model.
  public init() {}
}

/// A model or an option that cannot be used, in one sentence.
///
///     do { _ = try await LLM("dir") } catch let error as LoadError { print(error.description) }
public struct LoadError: Error, Equatable, CustomStringConvertible {
  /// The sentence.
  public let description: String
  /// An error.
  public init(_ description: String) { self.description = description }
}
