import NeedletailGraph

/// One launch of a kernel: everything about it is known but the addresses of its buffers and the counts of the step.
public struct Launch: Hashable, Sendable, Codable {
  /// The kernel's name: "matmul".
  public var kernel: String
  /// Where in the model it comes from: "model.layers.0.mlp".
  public var scope: String
  /// The problem it solves, for people: "[tokens, 256] x [512, 256] bfloat16".
  public var problem: String
  /// The argument struct.
  public var arguments: ArgumentBlock
  /// What it reads, writes and computes.
  public var cost: Cost
  /// How it runs on a GPU; nil on the CPU device.
  public var gpu: GPULaunch?
  /// The library that computes it on a GPU instead of a kernel.
  public var library: LibraryProduct?
  /// The product it computes, where there are several ways to compute it on a GPU.
  public var product: ProductProblem?

  /// A launch.
  public init(
    kernel: String, scope: String, problem: String, arguments: ArgumentBlock, cost: Cost, gpu: GPULaunch? = nil
  ) {
    self.kernel = kernel
    self.scope = scope
    self.problem = problem
    self.arguments = arguments
    self.cost = cost
    self.gpu = gpu
  }
}

extension Launch {
  /// The places it refers to: those of its arguments, then those of its tensor maps.
  public var references: [BufferReference] { arguments.references + (gpu?.tensorMaps.map(\.base) ?? []) }

  /// The launch with each place replaced.
  public func mapReferences(_ transform: (BufferReference) -> BufferReference) -> Launch {
    var launch = self
    launch.arguments = arguments.mapReferences(transform)
    if var maps = gpu?.tensorMaps {
      for index in maps.indices { maps[index].base = transform(maps[index].base) }
      launch.gpu?.tensorMaps = maps
    }
    return launch
  }

  /// What it reads, writes and computes in a step; nothing in a step that does not run it.
  public func cost(in profile: StepProfile) -> Cost.Evaluated {
    guard gpu?.runs(in: profile.counts) ?? true else { return Cost.Evaluated() }
    return cost.evaluated(for: profile)
  }
}

/// The bytes of a kernel's argument struct and the fields that are filled in later.
public struct ArgumentBlock: Hashable, Sendable, Codable {
  /// A field that is filled in later.
  public struct Patch: Hashable, Sendable, Codable {
    /// Bytes from the start of the struct.
    public var offset: Int
    /// What the field gets.
    public var value: PatchValue
  }
  /// What a field gets.
  public enum PatchValue: Hashable, Sendable, Codable {
    /// The address of a place in a buffer: 8 bytes, when the plan is loaded.
    case address(BufferReference)
    /// A count of the step: a 64-bit integer, at each step.
    case count(Dim)
  }

  /// The struct as it is in memory, zeros where patches go.
  public var bytes: [UInt8]
  /// The fields filled in later.
  public var patches: [Patch]

  /// The buffers it refers to, in the order of the fields.
  public var references: [BufferReference] {
    patches.compactMap { if case .address(let reference) = $0.value { reference } else { nil } }
  }

  /// The block with each place replaced.
  public func mapReferences(_ transform: (BufferReference) -> BufferReference) -> ArgumentBlock {
    var block = self
    for index in block.patches.indices {
      if case .address(let reference) = block.patches[index].value {
        block.patches[index].value = .address(transform(reference))
      }
    }
    return block
  }
}

/// Fills an argument struct: constants into the struct itself, addresses and counts as patches.
struct ArgumentBuilder<Arguments> {
  var arguments: Arguments
  private var patches: [ArgumentBlock.Patch] = []

  init(_ arguments: Arguments) { self.arguments = arguments }

  private func offset(_ field: PartialKeyPath<Arguments>) -> Int {
    guard let offset = MemoryLayout<Arguments>.offset(of: field) else {
      preconditionFailure("\(field) is no stored field of \(Arguments.self)")
    }
    return offset
  }

  /// The field gets the address of a place; nil leaves it null.
  mutating func bind(_ field: PartialKeyPath<Arguments>, _ reference: BufferReference?) {
    guard let reference else { return }
    patches.append(.init(offset: offset(field), value: .address(reference)))
  }

  /// The field gets a count of the step, or the number itself if it is known.
  mutating func count(_ field: WritableKeyPath<Arguments, Int64>, _ dim: Dim) {
    if let fixed = dim.fixed {
      arguments[keyPath: field] = Int64(fixed)
    } else {
      patches.append(.init(offset: offset(field), value: .count(dim)))
    }
  }

  var block: ArgumentBlock {
    ArgumentBlock(bytes: withUnsafeBytes(of: arguments) { Array($0) }, patches: patches)
  }
}
