import NeedletailGraph

/// A product of 16-bit activations with a weight in codes of 4 or 8 bits on a GPU, with what is computed before and after
/// it in the same kernel. See `quantized_product.h` and `cuda/product/coded_product.cu`.
///
/// The codes become numbers of `operand` first, scale and zero point applied and rounded to it; the weight lies in memory
/// as `CodeTiles` says.
public struct CodedProductProblem: Hashable, Sendable, Codable {
  /// The product as if its weight were stored in the type that codes become: bfloat16 or float16.
  public var product: ProductProblem
  /// Storage of the codes.
  public var tiles: CodeTiles

  /// A product with a coded weight; nil where there are no kernels for it: float32 operands, e2m1 codes beside another
  /// type than bfloat16, gates and values that are no blocks of 8 rows, an odd number of columns.
  public init?(_ product: ProductProblem, tiles: CodeTiles) {
    guard product.weight == .bfloat16 || product.weight == .float16, tiles.n == product.n, tiles.k == product.k,
      tiles.scaleType == product.weight, product.gate == nil || product.n % 16 == 0
    else { return nil }
    self.product = product
    self.tiles = tiles
  }

  /// Reads the codes once; multiplies each row with them.
  public var cost: Cost {
    var cost = product.cost
    cost.weightBytes =
      tiles.n * tiles.k * tiles.code.bitCount / 8 + tiles.scaleBytes + (product.hasBias ? product.n * 4 : 0)
    return cost
  }

  /// "[tokens, 4096] bfloat16 x [6144, 4096] uint4 groups 128 zeros -> bfloat16"
  public var description: String {
    var plain = product
    plain.weight = tiles.code
    let groups = tiles.code == .int8 ? "" : " groups \(tiles.group)" + (tiles.hasZeroPoints ? " zeros" : "")
    return plain.description.replacing("] \(tiles.code.name)", with: "] \(tiles.code.name)\(groups)")
  }

  /// What is computed, as all of the kernels are told of it.
  func defines(isAligned: Bool) -> [GPUFunction.Define] {
    [
      .init(name: "NT_CODE", value: Int(tiles.code.rawValue)), .init(name: "NT_GROUP", value: tiles.group),
      .init(name: "NT_ZEROS", value: tiles.hasZeroPoints ? 1 : 0),
      .init(name: "NT_WEIGHT", value: Int(product.weight.rawValue)),
      .init(name: "NT_X", value: Int(product.x.rawValue)),
      .init(name: "NT_OUT", value: Int(product.out.rawValue)),
      .init(name: "NT_GATED", value: product.gate == nil ? 0 : 1),
      .init(name: "NT_ACTIVATION", value: Int((product.gate ?? .identity).rawValue)),
      .init(name: "NT_BIAS", value: product.hasBias ? 1 : 0),
      .init(name: "NT_RESIDUAL", value: product.hasResidual ? 1 : 0),
      .init(name: "NT_COLUMNS", value: isAligned ? (product.k % tiles.chunkColumns == 0 ? 32 : 8) : 1),
    ]
  }

  /// The columns that rows of x may be copied by: 8, where they start at multiples of 16 bytes.
  func isAligned(x: BufferReference, xStride: Int?) -> Bool {
    [product.k, xStride ?? product.k].allSatisfy { $0 % 8 == 0 } && x.offset % 16 == 0
  }

  /// x for the copy engine: boxes of 64 columns and some rows.
  func map(of x: BufferReference, rows: Int, xStride: Int?) -> TensorMapPlan {
    TensorMapPlan(
      x, dtype: product.x, dimensions: [product.k, product.maximumRows],
      strides: [(xStride ?? product.k) * product.x.byteCount], box: [64, rows], swizzle: 128)
  }
}

extension CodedProductProblem {
  /// Codes or scales for the copy engine: rows of so many words for each chunk of 8 rows of the weight, in boxes of a
  /// chunk of 16 of them, or of 8 where gates and values come separately.
  private func map(of part: BufferReference, words: Int) -> TensorMapPlan {
    TensorMapPlan(
      part, dtype: .int32, dimensions: [tiles.chunks * words, tiles.blocks], strides: [tiles.chunks * words * 4],
      box: [words, product.gate == nil ? 16 : 8], swizzle: 0)
  }

  /// The kernel for up to 64 rows; nil where it does not apply: more rows than 16 but on Hopper, more rows of x than fit,
  /// a norm or a conversion ahead of more than 8. A row's bits are the same for every number of rows.
  ///
  /// - Parameters:
  ///   - x: Where the activations lie.
  ///   - xStride: Elements from row to row of x, where they are not k.
  public func skinnyLaunch(on gpu: GPUTraits, x: BufferReference, xStride: Int? = nil) -> GPULaunch? {
    let isAligned = isAligned(x: x, xStride: xStride)
    let isPlain = product.norm == nil && product.x == product.weight && !product.gathersRows
    if gpu.isHopper, product.maximumRows > 8, product.maximumRows <= 64, isPlain, isAligned {
      return GPUCodedWideProduct(self, on: gpu).launch(self, x: x, xStride: xStride, on: gpu)
    }
    return GPUCodedProduct.choose(self, on: gpu)?.launch(self, isAligned: isAligned, on: gpu)
  }

  /// The kernel for any number of rows from 65 on, on Hopper; nil elsewhere, for a norm and for rows that do not start at
  /// multiples of 16 bytes.
  ///
  /// - Parameters:
  ///   - x: Where the activations lie.
  ///   - codes: Where the weight's codes lie, in the order of `tiles`.
  ///   - scales: Where their scales lie.
  ///   - xStride: Elements from row to row of x, where they are not k.
  public func largeLaunch(
    on gpu: GPUTraits, x: BufferReference, codes: BufferReference, scales: BufferReference, xStride: Int? = nil
  ) -> GPULaunch? {
    guard gpu.isHopper, product.norm == nil, product.x == product.weight, !product.gathersRows,
      isAligned(x: x, xStride: xStride)
    else { return nil }
    var maps = [map(of: codes, words: 128)]
    if tiles.groupsOfChunk > 0 { maps.append(map(of: scales, words: tiles.groupsOfChunk * 8)) }
    return GPUCodedMatmul(self, on: gpu).launch(self, x: x, xStride: xStride, weight: maps, on: gpu)
  }
}
