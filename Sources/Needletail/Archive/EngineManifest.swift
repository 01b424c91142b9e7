import NeedletailCheckpoint
import NeedletailCompiler
import NeedletailGraph
import NeedletailKernels

/// What an engine on disk says of itself, in `engine.json`: enough to run it without compiling or preparing anything, and
/// to refuse it where it would not fit.
public struct EngineManifest: Codable, Sendable {
  /// The number of this format: what another one says is not read.
  public static let currentFormat = 3
  /// The file's name in the engine's directory.
  static let fileName = "engine.json"
  static let weightsName = "weights.bin"
  static let kernelsName = "kernels"

  /// A file beside the weights.
  public struct Companion: Codable, Hashable, Sendable {
    /// Its name in the engine's directory.
    public var name: String
    /// Its size.
    public var byteCount: Int
    /// XXH64 of it, as hexadecimal digits.
    public var checksum: String
  }

  /// The format's number.
  public var format = Self.currentFormat
  /// The version that wrote it.
  public var version = NeedletailVersion.text
  /// A hash of the kernels' sources that the plan was made for.
  public var kernelSources: String
  /// The model it was made from, for people.
  public var model: String
  /// "llama".
  public var modelType: String
  /// Numbers the model has.
  public var parameterCount: Int
  /// Options that the plan depends on.
  public var options: Options
  /// How values are stored.
  public var precision: PrecisionPolicy
  /// The GPU it was made for; nil for the CPU.
  public var gpu: GPUTraits?
  /// The plan.
  public var plan: Plan
  /// Blocks of the cache where nothing else is asked for and the device has no memory of its own.
  public var blockCount: Int
  /// Where each of the plan's weights lies in the file of weights.
  public var weights: PreparedFileTable
  /// All other files.
  public var companions: [Companion]

  /// What was asked for when it was built.
  public struct Options: Codable, Hashable, Sendable {
    /// Bits do not depend on what else runs.
    public var isDeterministic: Bool
    /// Whether libraries' products may be used.
    public var allowsLibraries: Bool
    /// Dummy weights' seed; nil: a checkpoint's weights.
    public var dummySeed: UInt64?
    /// How weights were coded when they were prepared; nil: as the checkpoint has them.
    public var quantization: QuantizationRecipe?

    /// Options.
    public init(
      isDeterministic: Bool, allowsLibraries: Bool, dummySeed: UInt64?, quantization: QuantizationRecipe? = nil
    ) {
      self.quantization = quantization
      self.isDeterministic = isDeterministic
      self.allowsLibraries = allowsLibraries
      self.dummySeed = dummySeed
    }
  }
}
