import CNeedletailKernels
import NeedletailGraph

/// The kernels of the CUDA device: which of them compute a node on a GPU, and in which shape they are launched.
///
/// Steps of up to 64 tokens multiply with `product`, which streams the weight once, larger ones with `matmul` (our own, or
/// a library's where the table says so). Needs no GPU: a plan can be made and looked at anywhere.
public struct CUDACatalog: KernelCatalog {
  /// The GPU.
  public let gpu: GPUTraits
  /// Every row count uses the same instruction shape, chunks of k and order, and no library.
  public let isDeterministic: Bool
  /// Whether a library may compute large products.
  public let allowsLibraries: Bool

  /// The most tokens of steps whose products take in the norm before them: each of their blocks repeats it, which of two
  /// rows takes as long as a launch of its own (H200, Llama 3 8B).
  static let fusedNormTokens = 1
  /// The most rows of `product`.
  static let skinnyRows = 64

  /// A catalog for a GPU.
  public init(gpu: GPUTraits, isDeterministic: Bool, allowsLibraries: Bool) {
    self.gpu = gpu
    self.isDeterministic = isDeterministic
    self.allowsLibraries = allowsLibraries && !isDeterministic
  }

  /// "cuda", and the GPU's architecture.
  public var target: Target { Target(device: "cuda", architecture: gpu.architecture) }

  /// Only the residual stream is float32; every matrix is stored as the operands are.
  public func precision(_ dtype: DType, cache: DType?) -> PrecisionPolicy {
    var policy = PrecisionPolicy(dtype, intermediates: dtype, cache: cache)
    policy.matrices = dtype
    return policy
  }

  /// Doubling: products are shaped for the most rows of a variant. Few rows leave more shared memory to weights on their
  /// way, and a large step that fills less than half of its tiles would leave multiprocessors without work. Larger steps
  /// than the last bound fill the GPU whatever the tiles.
  public func variantBounds(_ limits: PlanLimits) -> [Int] {
    bounds([Self.fusedNormTokens, 2, 4, 8, 16, 32, Self.skinnyRows, 128, 256, 512, 1024], limits)
  }

  /// Products take in gates and residuals; in steps of few rows also the choice of their rows, and in the smallest ones
  /// norms. Where every number of rows must give the same bits, all products are those of large steps.
  public func fusions(upTo tokens: Int, _ precision: PrecisionPolicy) -> Set<Fusion> {
    var fusions = Set<Fusion>.aroundProducts.union([.residualLinear, .gatedLinear, .cachedAttention])
    guard precision.dtype != .float32, tokens <= Self.skinnyRows, !isDeterministic else { return fusions }
    fusions.insert(.scoredRowsLinear)
    if tokens <= Self.fusedNormTokens { fusions.insert(.normLinear) }
    return fusions
  }

  /// Products in fp8 on Hopper; none of experts or embeddings yet.
  public func adapted(_ recipe: LinearRecipe, for role: ModuleRole) throws(CatalogError) -> LinearRecipe? {
    // Rows of a table are few: it stays in ordinary numbers, and so does the head that shares it.
    if role == .embedding { return nil }
    if multipliesFloat8(recipe), role == .projection || role == .head { return recipe }
    throw CatalogError("weights in codes (\(recipe)) have no kernels on a GPU yet")
  }

  /// As in the checkpoint; codes that are multiplied with 16-bit activations in tiles.
  public func layout(of weight: Weight, dtype: DType, readBy ops: [Op]) -> WeightLayout {
    guard let recipe = weight.recipe, recipe.activation == nil, recipe.weight.code != .float8e4m3 else {
      return .rowMajor
    }
    return .tiles
  }

  /// Bytes of a weight's elements.
  public func byteCount(of weight: Weight, dtype: DType, layout: WeightLayout) -> Int {
    if let recipe = weight.recipe {
      return CodedSections(recipe, n: weight.shape[0], k: weight.shape[1], layout: layout).byteCount
    }
    return weight.shape.reduce(dtype.byteCount, *)
  }

  /// The launches that compute a node.
  public func launches(for node: LoweredNode) throws(CatalogError) -> [Launch] {
    switch node.op {
    case .input, .weight, .reshape: []
    case .embed(let scale): [try embedded(node, scale: scale)]
    case .scoredRows: [gathered(node, scoredRows(node))]
    case .linear: try product(node, linear(node))
    case .product(let product): try self.product(node, product)
    case .binary(let operation): [elementwise(node, operation)]
    case .activation(let activation): [elementwise(node, Unary(activation: activation))]
    case .scale(let factor, let offset): [elementwise(node, Unary(scale: factor, offset: offset))]
    case .softcap(let cap): [elementwise(node, Unary(softcap: cap))]
    case .clamp(let low, let high): [elementwise(node, Unary(bounds: low...high))]
    case .cast: [elementwise(node, Unary())]
    case .slice(let start, _): [elementwise(node, Unary(start: start))]
    case .gatedActivation(let activation): [gated(node, activation)]
    case .norm(let norm): [normalized(node, norm, adds: false)]
    case .addNorm(let norm): [normalized(node, norm, adds: true)]
    case .ropeTable(let spec):
      [shaped(ropeTable(node, spec), GPURope.table(dimensions: spec.dimensions, tokens: node.results[0].type.shape[0]))]
    case .rope(let interleaved): [try rotation(node, try ropeParts(node, interleaved: interleaved), .always)]
    case .cachedAttention(let write, let attention):
      attention.valuesFromKeys == nil
        ? try cachedAttention(node, write, attention) : try latentAttention(node, write, attention)
    case .route(let routing): [try routed(node, routing)]
    case .experts(let experts): try mixed(node, experts)
    case .concatenate: concatenated(node)
    case .headLinear(let isTransposed): [try headLinearLaunch(node, isTransposed: isTransposed)]
    case .positionScale(let scale): [scaled(node, scale)]
    case .ropeCacheWrite, .pagedAttention, .attention:
      throw CatalogError("attention without the write of its keys and values has no kernel on a GPU")
    }
  }

  private func linear(_ node: LoweredNode) -> Product {
    var product = Product()
    product.hasBias = node.inputs.count > 2
    return product
  }
}
