import NeedletailGraph

/// A region of a device's memory that a plan's launches use.
public enum Buffer: Hashable, Sendable, Codable {
  /// A value of the graph, before memory is planned; never in a finished plan.
  case value(Int)
  /// The variant's activation memory.
  case activations
  /// One of the plan's weights.
  case weight(Int)
  /// One of the plan's constants.
  case constant(Int)
  /// An input that every step of a language model has.
  case step(StepInput)
  /// The cache of a layer.
  case cache(layer: Int)
  /// A graph's own input.
  case input(String)
  /// A wanted value.
  case output(String)
  /// Words that are zero before and after every launch (CUDA device: blocks of a launch count themselves, or leave each
  /// other what is not zero).
  case counters
  /// The tokens that the step before has chosen, int32 [scored rows] (CUDA device).
  case chosenTokens

  /// Bytes of `counters`.
  public static let counterBytes = 8 << 20
}

/// A place in a buffer.
public struct BufferReference: Hashable, Sendable, Codable {
  /// The buffer.
  public var buffer: Buffer
  /// Bytes from its start.
  public var offset: Int

  /// A place in a buffer.
  public init(_ buffer: Buffer, offset: Int = 0) {
    self.buffer = buffer
    self.offset = offset
  }

  /// A place some bytes further on.
  public static func + (reference: BufferReference, bytes: Int) -> BufferReference {
    BufferReference(reference.buffer, offset: reference.offset + bytes)
  }
}

extension BufferReference: CustomStringConvertible {
  /// "activations+4096", "weight 3", "step slots".
  public var description: String {
    let name =
      switch buffer {
      case .value(let index): "%\(index)"
      case .activations: "activations"
      case .weight(let index): "weight \(index)"
      case .constant(let index): "constant \(index)"
      case .step(let input): "step \(input.rawValue)"
      case .cache(let layer): "cache \(layer)"
      case .input(let name): "input \(name)"
      case .output(let name): "output \(name)"
      case .counters: "counters"
      case .chosenTokens: "chosen tokens"
      }
    return offset == 0 ? name : "\(name)+\(offset)"
  }
}
