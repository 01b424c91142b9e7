import NeedletailGraph

/// The layers of a mixture of experts on a GPU: what their launches are chosen by. See `experts.h`.
public struct ExpertsProblem: Hashable, Sendable {
  /// One of the two products of an expert.
  public enum Part: Hashable, Sendable {
    /// Gates and what they multiply: x [tokens, width] to [pairs, inner].
    case gateUp
    /// [pairs, inner] to [pairs, width].
    case down
  }

  /// Tokens of the step.
  public var rows: Dim
  /// The most tokens of a step of this variant.
  public var maximumRows: Int
  /// Experts, and how many a token chooses.
  public var experts, choices: Int
  /// Columns of the model, and of an expert between its products.
  public var width, inner: Int
  /// Storage of x, and of the experts' weights and what lies between their products.
  public var x, weight: DType
  /// Of the gates.
  public var activation: Activation
  /// Whether products have biases, gates have limits, weights multiply the input.
  public var hasBias = false, isLimited = false, weightsInput = false
  /// Whether x and weights start at multiples of 16 bytes.
  public var isAligned = true
  /// The same kernels for every number of rows.
  public var isDeterministic = false

  /// Experts without biases, limits and weighted inputs.
  public init(
    rows: Dim, maximumRows: Int, experts: Int, choices: Int, width: Int, inner: Int, x: DType, weight: DType,
    activation: Activation
  ) {
    self.rows = rows
    self.maximumRows = maximumRows
    self.experts = experts
    self.choices = choices
    self.width = width
    self.inner = inner
    self.x = x
    self.weight = weight
    self.activation = activation
  }

  /// The most pairs of a token and an expert.
  public var maximumPairs: Int { maximumRows * choices }
  /// Pairs of the step.
  public var pairs: Dim { rows * choices }

  /// Columns that a product sums over.
  func k(_ part: Part) -> Int { part == .gateUp ? width : inner }
  /// Rows of an expert's weight.
  func n(_ part: Part) -> Int { part == .gateUp ? 2 * inner : width }
  /// Columns of its result.
  func resultWidth(_ part: Part) -> Int { part == .gateUp ? inner : width }
  /// Storage of what it multiplies.
  func input(_ part: Part) -> DType { part == .gateUp ? x : weight }

  /// What the sources of all products of experts are specialized by.
  func endingDefines(_ part: Part) -> [(String, Int)] {
    [
      ("NT_BIAS", hasBias ? 1 : 0), ("NT_WEIGHTED", part == .gateUp && weightsInput ? 1 : 0),
      ("NT_LIMITED", part == .gateUp && isLimited ? 1 : 0),
    ]
  }

  /// A function below `experts/` that is named as its file.
  func function(_ name: String, _ part: Part, _ defines: [(String, Int)]) -> GPUFunction {
    var function = GPUFunction("experts/\(name).cu", entry: name)
    function.defines = (endingDefines(part) + defines).map { GPUFunction.Define(name: $0.0, value: $0.1) }
      .sorted { $0.name < $1.name }
    return function
  }
}
