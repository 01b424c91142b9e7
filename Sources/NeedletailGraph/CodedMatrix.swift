/// A matrix [n, k] in codes, whatever its order where it is stored: rows of it in the order of `WeightCoding`.
///
/// Readers of quantized checkpoints give these, and so does everything that codes ordinary matrices. Rows are those of
/// the product, [output, input], also where the checkpoint keeps them otherwise; the matrices of a tensor of several
/// (experts) follow each other.
public protocol CodedMatrix: Sendable {
  /// n and k.
  var shape: [Int] { get }
  /// How it is coded, and what becomes of x first.
  var recipe: LinearRecipe { get }
  /// Copies rows, a multiple of `rowsPerScale` from the first on, and their scales, zeros and factors. May be called
  /// from several threads.
  func copy(rows: Range<Int>, to target: CodedRows) throws
  /// What the columns of x are divided by, [k]; nil where the recipe has none.
  func inputScale() throws -> [Float]?
  /// The scale of all activations; nil where the recipe has none.
  func activationScale() throws -> Float?
}

extension CodedMatrix {
  /// None.
  public func inputScale() throws -> [Float]? { nil }
  /// None.
  public func activationScale() throws -> Float? { nil }
}

/// Where rows of codes are written: the first row's of each.
public struct CodedRows {
  /// Codes [rows, rowBytes].
  public var codes: UnsafeMutableRawPointer
  /// [rows / rowsPerScale (rounded up), groups] of the coding's scale type.
  public var scales: UnsafeMutableRawPointer
  /// Of the shape of the scales; nil where there are none.
  public var zeros: UnsafeMutablePointer<UInt8>?
  /// [rows]; nil where there are none.
  public var rowScales: UnsafeMutablePointer<Float>?

  /// Places for rows.
  public init(
    codes: UnsafeMutableRawPointer, scales: UnsafeMutableRawPointer, zeros: UnsafeMutablePointer<UInt8>? = nil,
    rowScales: UnsafeMutablePointer<Float>? = nil
  ) {
    self.codes = codes
    self.scales = scales
    self.zeros = zeros
    self.rowScales = rowScales
  }
}

/// What a quantized checkpoint holds: its matrices in codes, by the names its model gives their parameters.
public struct CodedWeights: Sendable {
  /// What it is called, for people: "compressed-tensors, int4 groups 128".
  public var name: String
  /// By parameter: "model.layers.0.mlp.down_proj.weight". Parameters that are not here are stored as usual.
  public var matrices: [String: any CodedMatrix]
  /// Names of the tensors that the matrices are read from, and of others that are read with them (scales of the cache).
  public var tensors: Set<String>
  /// Storage of cached keys and values; nil: as usual.
  public var cache: DType?
  /// Factors of cached keys and values by layer, where the cache is fp8; a layer without one has 1.
  public var cacheScales: [Int: CacheScales]

  /// Coded matrices.
  public init(
    name: String, matrices: [String: any CodedMatrix], tensors: Set<String>, cache: DType? = nil,
    cacheScales: [Int: CacheScales] = [:]
  ) {
    self.name = name
    self.matrices = matrices
    self.tensors = tensors
    self.cache = cache
    self.cacheScales = cacheScales
  }
}

/// What keys and values of a layer are divided by before they are stored in fp8.
public struct CacheScales: Hashable, Sendable, Codable {
  /// Of keys.
  public var keys: Float
  /// Of values.
  public var values: Float

  /// Factors.
  public init(keys: Float = 1, values: Float = 1) {
    self.keys = keys
    self.values = values
  }
}
