import NeedletailGraph

/// A compiled model for one device and rank: weights, memory, and the launches of a step for each range of step sizes.
///
/// A plan is data: it can be encoded, decoded, compared and drawn. Its only unknowns are addresses, known when it is
/// loaded, and the step's counts.
public struct Plan: Hashable, Sendable, Codable {
  /// The device it is for.
  public var target: Target
  /// The largest step.
  public var limits: PlanLimits
  /// Weights, prepared for the kernels that read them.
  public var weights: [PlannedWeight] = []
  /// Tables computed when the plan was made (rope frequencies, slopes).
  public var constants: [[Float]] = []
  /// The cache of each layer.
  public var caches: [CacheLayer] = []
  /// Inputs that are no standard step inputs.
  public var inputs: [NamedType] = []
  /// Wanted values.
  public var outputs: [NamedType] = []
  /// Launches by size of the step, ascending.
  public var variants: [PlanVariant] = []

  /// A plan without launches.
  public init(target: Target, limits: PlanLimits) {
    self.target = target
    self.limits = limits
  }

  /// The variant for a step of this many tokens.
  public func variant(tokens: Int) -> Int {
    variants.firstIndex { $0.maximumTokens >= tokens } ?? variants.count - 1
  }

  /// Bytes of all weights as prepared.
  public var weightBytes: Int { weights.reduce(0) { $0 + $1.byteCount } }
  /// Bytes of activation memory: that of the largest variant, as they are used one at a time.
  public var activationBytes: Int { variants.map(\.activationBytes).max() ?? 0 }
  /// Bytes of cache for one token, all layers together.
  public var cacheBytesPerToken: Int { caches.reduce(0) { $0 + $1.bytesPerToken } }
}

/// The device a plan is for.
public struct Target: Hashable, Sendable, Codable {
  /// "cpu" or "cuda".
  public var device: String
  /// What its kernels were chosen for: "avx512bf16", "sm_90a".
  public var architecture: String

  /// A device.
  public init(device: String, architecture: String) {
    self.device = device
    self.architecture = architecture
  }
}

/// The sizes a plan's memory is made for.
public struct PlanLimits: Hashable, Sendable, Codable {
  /// Tokens of a step.
  public var tokens: Int
  /// Sequences of a step.
  public var sequences: Int
  /// Rows of a step whose logits are needed.
  public var scoredRows: Int
  /// Tokens of a sequence, prompt and output together.
  public var sequenceLength: Int
  /// Tokens of a cache block.
  public var blockSize: Int

  /// Sizes.
  public init(tokens: Int, sequences: Int, scoredRows: Int, sequenceLength: Int, blockSize: Int) {
    self.tokens = tokens
    self.sequences = sequences
    self.scoredRows = scoredRows
    self.sequenceLength = sequenceLength
    self.blockSize = blockSize
  }

  /// The largest counts of a step.
  public var counts: StepCounts { StepCounts(tokens: tokens, sequences: sequences, scoredRows: scoredRows) }
  /// Blocks of the longest sequence: the stride of the block tables.
  public var blocksPerSequence: Int { (sequenceLength + blockSize - 1) / blockSize }
}

/// How a weight lies in memory.
public enum WeightLayout: String, Hashable, Sendable, Codable {
  /// As in the checkpoint.
  case rowMajor
  /// Panels of output columns, as the CPU's matrix products read them (`matmul.h`).
  case panels
  /// Tiles of codes, as a GPU's products by 4-bit and int8 codes read them (`cpu.h`: `nt_cpu_tile_codes`).
  case tiles
}

/// A weight prepared for the kernels that read it.
public struct PlannedWeight: Hashable, Sendable, Codable {
  /// Where it comes from.
  public var weight: Weight
  /// How its elements are stored.
  public var dtype: DType
  /// How it lies in memory.
  public var layout: WeightLayout
  /// Bytes as prepared, padding included.
  public var byteCount: Int

  /// A prepared weight.
  public init(weight: Weight, dtype: DType, layout: WeightLayout, byteCount: Int) {
    self.weight = weight
    self.dtype = dtype
    self.layout = layout
    self.byteCount = byteCount
  }

  /// Bytes of its elements, without padding.
  public var elementBytes: Int {
    guard weight.recipe == nil else { return byteCount }
    return (weight.shape.reduce(1, *) * dtype.bitCount + 7) / 8
  }
}

/// What a layer keeps of each token.
public struct CacheLayer: Hashable, Sendable, Codable {
  /// Key and value heads.
  public var kvHeads: Int
  /// Size of a key.
  public var keyDim: Int
  /// Numbers of a value that are kept beside the key; 0 where values are part of the keys.
  public var valueDim: Int
  /// How it is stored; in 8 bits as codes, of int8 with a float32 scale for each row of a head.
  public var dtype: DType
  /// What keys and values are divided by before they become fp8.
  public var scales: CacheScales

  /// A layer's cache.
  public init(kvHeads: Int, keyDim: Int, valueDim: Int, dtype: DType, scales: CacheScales = CacheScales()) {
    self.scales = scales
    self.kvHeads = kvHeads
    self.keyDim = keyDim
    self.valueDim = valueDim
    self.dtype = dtype
  }

  /// Bytes of one token.
  public var bytesPerToken: Int {
    kvHeads * ((keyDim + valueDim) * dtype.byteCount + (dtype == .int8 ? (valueDim > 0 ? 8 : 4) : 0))
  }
}

/// A value with a name.
public struct NamedType: Hashable, Sendable, Codable {
  /// The name.
  public var name: String
  /// Shape and storage type.
  public var type: TensorType

  /// A value with a name.
  public init(_ name: String, _ type: TensorType) {
    self.name = name
    self.type = type
  }
}

/// The launches of steps up to a number of tokens, with their own memory map.
public struct PlanVariant: Hashable, Sendable, Codable {
  /// The most tokens of a step it is for.
  public var maximumTokens: Int
  /// The launches, in order.
  public var launches: [Launch]
  /// Bytes of activation memory.
  public var activationBytes: Int
  /// Where each intermediate value lies, and for how long.
  public var placements: [Placement]

  /// A variant.
  public init(maximumTokens: Int, launches: [Launch], activationBytes: Int, placements: [Placement]) {
    self.maximumTokens = maximumTokens
    self.launches = launches
    self.activationBytes = activationBytes
    self.placements = placements
  }
}

/// A value's place in activation memory.
public struct Placement: Hashable, Sendable, Codable {
  /// What it is: "%12 model.layers.0.mlp".
  public var name: String
  /// Its type.
  public var type: TensorType
  /// Bytes from the start.
  public var offset: Int
  /// Bytes at the variant's largest step.
  public var bytes: Int
  /// The launch that writes it and the last one that reads it.
  public var firstLaunch, lastLaunch: Int

  /// A place.
  public init(name: String, type: TensorType, offset: Int, bytes: Int, firstLaunch: Int, lastLaunch: Int) {
    self.name = name
    self.type = type
    self.offset = offset
    self.bytes = bytes
    self.firstLaunch = firstLaunch
    self.lastLaunch = lastLaunch
  }
}
