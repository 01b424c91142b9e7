import CNeedletailKernels
import NeedletailGraph

/// The kernels of the CPU device: C functions over the argument structs, in variants by instruction set.
public struct CPUCatalog: KernelCatalog {
  /// The instruction set whose kernels run.
  public let instructionSet: InstructionSet

  /// A catalog for an instruction set.
  public init(_ instructionSet: InstructionSet = .best) { self.instructionSet = instructionSet }

  /// "cpu", and the instruction set.
  public var target: Target { Target(device: "cpu", architecture: instructionSet.name) }

  /// Operands of products are stored as asked, everything between them as float32.
  public func precision(_ dtype: DType, cache: DType?) -> PrecisionPolicy {
    var policy = PrecisionPolicy(dtype, cache: cache)
    policy.routers = .float32
    return policy
  }

  /// Ordinary numbers and codes of 8 bits.
  public var cacheTypes: Set<DType> { [.float32, .bfloat16, .float16, .float8e4m3, .int8] }

  /// Small steps get their own, denser memory map.
  public func variantBounds(_ limits: PlanLimits) -> [Int] { bounds([64], limits) }

  /// Products and attention stay by themselves.
  public func fusions(upTo tokens: Int, _ precision: PrecisionPolicy) -> Set<Fusion> { .aroundProducts }

  /// Everything but groups of int8, and tables whose rows are no int8.
  public func adapted(_ recipe: LinearRecipe, for role: ModuleRole) throws(CatalogError) -> LinearRecipe? {
    if recipe.weight.code == .int8, recipe.weight.groupSize != nil {
      throw CatalogError("the CPU has no products by int8 with scales of groups")
    }
    if role == .embedding, recipe != LinearRecipe(WeightCoding(.int8)) {
      throw CatalogError("an embedding can be coded in int8 only, not in \(recipe)")
    }
    return recipe
  }

  /// Matrices that products read lie in panels, for the embedding too if it shares one; all else as in the checkpoint.
  public func layout(of weight: Weight, dtype: DType, readBy ops: [Op]) -> WeightLayout {
    weight.shape.count == 2 && ops.contains(where: \.multipliesByWeights) ? .panels : .rowMajor
  }

  /// Bytes of a weight in a layout, padding included.
  public func byteCount(of weight: Weight, dtype: DType, layout: WeightLayout) -> Int {
    let shape = weight.shape
    if let recipe = weight.recipe {
      return CodedSections(recipe, n: shape[0], k: shape[1], layout: layout).byteCount
    }
    switch layout {
    case .rowMajor, .tiles: return shape.reduce(dtype.byteCount, *)
    case .panels: return Int(nt_cpu_packed_bytes(Int64(shape[0]), Int64(shape[1]), dtype.rawValue))
    }
  }

  /// The launches that compute a node.
  public func launches(for node: LoweredNode) throws(CatalogError) -> [Launch] {
    switch node.op {
    case .input, .weight, .reshape: []
    case .embed(let scale): [try embedded(node, scale: scale)]
    case .linear: try linear(node)
    case .binary(let operation): [binary(node, operation)]
    case .activation(let activation): [unary(node, Unary(activation: activation))]
    case .scale(let factor, let offset): [unary(node, Unary(scale: factor, offset: offset))]
    case .softcap(let cap): [unary(node, Unary(softcap: cap))]
    case .clamp(let low, let high): [unary(node, Unary(bounds: low...high))]
    case .cast: [unary(node, Unary())]
    case .slice(let start, _): [unary(node, Unary(start: start))]
    case .norm(let norm): [self.norm(node, norm, adds: false)]
    case .addNorm(let norm): [self.norm(node, norm, adds: true)]
    case .ropeTable(let spec): [ropeTable(node, spec)]
    case .rope(let interleaved): [try rope(node, interleaved: interleaved)]
    case .concatenate: concatenate(node)
    case .headLinear(let isTransposed): [try headLinearChecked(node, isTransposed: isTransposed)]
    case .attention(let attention): try self.attention(node, attention)
    case .positionScale(let scale): [positionScale(node, scale)]
    case .route(let routing): [route(node, routing)]
    case .experts(let experts): try self.experts(node, experts)
    case .scoredRows: [scoredRows(node)]
    case .gatedActivation(let activation): [gatedActivation(node, activation)]
    case .ropeCacheWrite(let write): [try ropeCacheWrite(node, write)]
    case .pagedAttention(let attention, _, _):
      [
        try pagedAttention(
          node, attention, q: node.inputs[0], sinks: node.inputs.count > 2 ? node.inputs[2] : nil)
      ]
    case .product, .cachedAttention: throw CatalogError("the CPU has no kernel for \(node.op.mnemonic)")
    }
  }

  private func linear(_ node: LoweredNode) throws(CatalogError) -> [Launch] {
    guard let weight = node.inputs[1].weight, weight.layout == .panels else {
      throw CatalogError("the CPU multiplies with weights only, not with computed values")
    }
    return weight.weight.recipe == nil ? [matmul(node)] : try codedMatmul(node)
  }
}

extension Op {
  /// Whether it reads matrices as products do.
  fileprivate var multipliesByWeights: Bool {
    switch self {
    case .linear, .headLinear(isTransposed: false), .experts: true
    default: false
    }
  }
}

/// An instruction set that the CPU's kernels are written for.
public enum InstructionSet: String, Hashable, Sendable, CaseIterable {
  /// Portable C.
  case plain
  /// 64-bit ARM.
  case neon
  /// AVX2, FMA, F16C.
  case avx2
  /// AVX-512 F, BW, DQ, VL, VNNI.
  case avx512
  /// And its bfloat16 products.
  case avx512bf16

  /// Its number in C.
  public var isa: nt_isa {
    switch self {
    case .plain: NT_ISA_PLAIN
    case .neon: NT_ISA_NEON
    case .avx2: NT_ISA_AVX2
    case .avx512: NT_ISA_AVX512
    case .avx512bf16: NT_ISA_AVX512BF16
    }
  }

  /// The name, as in NEEDLETAIL_CPU.
  public var name: String { rawValue }
  /// Whether this machine runs it.
  public var isAvailable: Bool { nt_cpu_has_isa(isa) != 0 }
  /// The widest one of this machine.
  public static var best: InstructionSet {
    allCases.last { $0.isAvailable } ?? .plain
  }
}
