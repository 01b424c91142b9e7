import NeedletailGraph

/// How a product of more rows than the skinny kernels take runs on a GPU.
public enum LargeProduct: Hashable, Sendable {
  /// One of our kernels, with an `nt_matmul_arguments` whose weight is row-major.
  case kernel(GPULaunch)
  /// cuBLASLt.
  case library(LibraryProduct)
}

extension ProductProblem {
  /// The kernel or the library's product for any number of rows, chosen for the most that there are: wgmma on Hopper,
  /// the matrix instructions of a warp elsewhere and for shapes that the copy engine does not take, float32 arithmetic
  /// for float32 and for types that differ. There is always one; norms and gathered rows are not for it.
  ///
  /// Where `isDeterministic` is set, a row's bits are the same for every number of rows: instructions of 16 columns of k,
  /// one order over k, no parts of k, no library. How many columns of the weight an instruction takes does not change the
  /// bits of a sum; `needletail-gpu-tests` looks.
  ///
  /// - Parameters:
  ///   - x: Where the activations lie, k elements from row to row.
  ///   - weight: Where the weight lies.
  ///   - librariesAllowed: Whether cuBLASLt is there and may be used.
  public func largeLaunch(
    on gpu: GPUTraits, x: BufferReference, weight: BufferReference, librariesAllowed: Bool
  ) -> LargeProduct {
    precondition(norm == nil && !gathersRows, "\(description): only the kernels of few rows normalize and gather")
    precondition(gate == nil || n % 2 == 0, "\(description): gates without values")
    let is16Bit = self.x == self.weight && self.x.byteCount == 2
    guard is16Bit else { return .kernel(plainLaunch()) }
    let isAligned = k % 8 == 0 && x.offset % 16 == 0 && weight.offset % 16 == 0
    guard gpu.isHopper, isAligned else {
      if librariesAllowed, isAligned, let library = libraryProduct(choice: "rule: elsewhere than on Hopper") {
        return .library(library)
      }
      return .kernel(warpLaunch(isAligned: isAligned))
    }
    let measured = MeasuredMatmul.row(for: self, on: gpu)
    let usesLibrary = librariesAllowed && measured?.prefersLibrary ?? false
    if usesLibrary, let library = libraryProduct(choice: "measured on H200") { return .library(library) }
    if let tile = measured?.tile {
      return .kernel(launch(tile, on: gpu, x: x, weight: weight, choice: "measured on H200"))
    }
    let (tile, microseconds) = HopperMatmul.best(for: self, on: gpu)
    return .kernel(
      launch(tile, on: gpu, x: x, weight: weight, choice: "rule: least time by its model, \(Int(microseconds)) us"))
  }

  /// Whether a gated product should be one kernel, rather than a plain product by whatever is fastest and an activation
  /// after it. True but where the activation's traffic costs less than what the plain product gains.
  ///
  /// - Parameters:
  ///   - n: Rows of the weight: gates and values.
  ///   - k: Columns of the weight.
  ///   - maximumRows: The most rows there are.
  public static func prefersFusedGate(
    n: Int, k: Int, maximumRows: Int, weight: DType, on gpu: GPUTraits, librariesAllowed: Bool
  ) -> Bool {
    guard librariesAllowed, weight.byteCount == 2, k % 8 == 0 else { return true }
    // Without wgmma the library is about twice as fast, which a pass over the activations does not cost.
    return gpu.isHopper
  }

  /// The library's product, where it has all that is asked for.
  func libraryProduct(choice: String) -> LibraryProduct? {
    guard !isDeterministic, gate == nil, !hasBias, n % 8 == 0, k % 8 == 0 else { return nil }
    guard hasResidual ? out == .float32 : out == .float32 || out == weight else { return nil }
    return LibraryProduct(rows: rows, n: n, k: k, input: weight, out: out, hasResidual: hasResidual, choice: choice)
  }

  /// What the sources of all large products are specialized by.
  private var epilogue: [(String, Int)] {
    [
      ("NT_OUT", Int(out.rawValue)), ("NT_GATE", gate.map { Int($0.rawValue) } ?? -1), ("NT_BIAS", hasBias ? 1 : 0),
      ("NT_RESIDUAL", hasResidual ? 1 : 0),
    ]
  }

  func function(_ name: String, _ defines: [(String, Int)]) -> GPUFunction {
    var function = GPUFunction("matmul/\(name).cu", entry: name)
    function.defines = (epilogue + defines).map { GPUFunction.Define(name: $0.0, value: $0.1) }
      .sorted { $0.name < $1.name }
    return function
  }

  /// float32 arithmetic: `simt_matmul.cu`. All tiles give the same bits.
  private func plainLaunch() -> GPULaunch {
    let (tileRows, tileColumns) = maximumRows <= 32 ? (16, 64) : maximumRows <= 512 ? (64, 64) : (128, 128)
    let function = function(
      "simt_matmul",
      [
        ("NT_X", Int(x.rawValue)), ("NT_W", Int(weight.rawValue)), ("NT_TILE_M", tileRows),
        ("NT_TILE_N", tileColumns),
      ])
    return GPULaunch(
      function, grid: [tiles(tileRows, tileColumns)], threads: 256,
      choice: "rule: tiles of \(tileRows) x \(tileColumns) for up to \(maximumRows) rows")
  }

  /// Matrix instructions of a warp: `mma_matmul.cu`. All tiles give the same bits.
  private func warpLaunch(isAligned: Bool) -> GPULaunch {
    let tileRows = maximumRows <= 64 ? 64 : 128
    let function = function(
      "mma_matmul",
      [("NT_IN", Int(weight.rawValue)), ("NT_TILE_M", tileRows), ("NT_ALIGNED", isAligned ? 1 : 0)])
    return GPULaunch(
      function, grid: [tiles(tileRows, 128)], threads: 256, sharedBytes: 4 * (tileRows + 128) * 64,
      choice: "rule: tiles of \(tileRows) x 128 for up to \(maximumRows) rows")
  }

  /// A block for each tile.
  private func tiles(_ tileRows: Int, _ tileColumns: Int) -> GridExtent {
    let tileWidth = gate == nil ? tileColumns : tileColumns / 2
    return GridExtent(rows, per: tileRows, times: (width + tileWidth - 1) / tileWidth)
  }
}
