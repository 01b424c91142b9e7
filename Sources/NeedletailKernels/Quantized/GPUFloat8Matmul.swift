import NeedletailGraph

extension Float8Problem {
  /// The kernel for any number of rows of coded activations on Hopper: `cuda/matmul/sm90_matmul.cu`; nil elsewhere,
  /// and for k that is no multiple of 16 (with groups, of 128).
  ///
  /// Where `isDeterministic` is set, a row's bits are the same for every number of rows: no parts of k.
  ///
  /// - Parameters:
  ///   - x: Where the codes of the activations lie, k from row to row.
  ///   - weight: Where the weight's codes lie.
  public func largeLaunch(on gpu: GPUTraits, x: BufferReference, weight: BufferReference) -> GPULaunch? {
    precondition(product.norm == nil && !product.gathersRows && isCoded, "\(description): only of coded rows")
    precondition(product.gate == nil || product.n % 2 == 0, "\(description): gates without values")
    guard gpu.isHopper, isAligned([x, weight]) else { return nil }
    let applicable = HopperMatmul.candidates.filter { applies($0, on: gpu) }
      .map { (tile: $0, microseconds: $0.microseconds(product, on: gpu)) }
    guard let best = applicable.min(by: { $0.microseconds < $1.microseconds }) else { return nil }
    return launch(
      best.tile, on: gpu, x: x, weight: weight, choice: "rule: least time by its model, \(Int(best.microseconds)) us")
  }

  /// What is worth measuring: the configurations that the model finds fastest.
  public func tuningCandidates(
    on gpu: GPUTraits, x: BufferReference, weight: BufferReference, count: Int = 8
  ) -> [GPULaunch] {
    guard gpu.isHopper, isAligned([x, weight]) else { return [] }
    return HopperMatmul.candidates.filter { applies($0, on: gpu) }
      .map { (tile: $0, microseconds: $0.microseconds(product, on: gpu)) }
      .sorted { $0.microseconds < $1.microseconds }.prefix(count)
      .map { launch($0.tile, on: gpu, x: x, weight: weight, choice: "") }
  }

  /// Sums of groups are held beside those of all, so tiles are at most half as large.
  private func applies(_ tile: HopperMatmul, on gpu: GPUTraits) -> Bool {
    guard tile.parts == 1 else { return false }
    if scales == .groups, tile.tileRows / 128 * tile.tileColumns > 144 { return false }
    return tile.applies(to: product, on: gpu)
  }

  /// The launch in a configuration.
  func launch(
    _ tile: HopperMatmul, on gpu: GPUTraits, x: BufferReference, weight: BufferReference, choice: String
  ) -> GPULaunch {
    let extents = tile.unitExtents(product)
    // Boxes that lie partly outside of x are slow: the kernel is told where x ends.
    let oddRows = product.maximumRows % extents.rows == 0 ? 0 : product.maximumRows
    let xBox = tile.sharing == .activations ? tile.tileRows / 2 : min(tile.tileRows, product.maximumRows)
    var function = GPUFunction("matmul/sm90_matmul.cu", entry: "sm90_fp8_matmul")
    function.defines =
      (defines + [
        .init(name: "NT_IN", value: Int(DType.float8e4m3.rawValue)), .init(name: "NT_TILE_M", value: tile.tileRows),
        .init(name: "NT_TILE_N", value: tile.tileColumns), .init(name: "NT_STAGES", value: tile.stages),
        .init(name: "NT_SHARE", value: tile.sharing.rawValue), .init(name: "NT_SPLIT", value: tile.splits),
        .init(name: "NT_GROUP", value: tile.group), .init(name: "NT_X_ROWS", value: oddRows),
        .init(name: "NT_GATE", value: product.gate.map { Int($0.rawValue) } ?? -1),
      ]).sorted { $0.name < $1.name }
    let blocks = HopperMatmul.clusters(of: tile.clusterSize, on: gpu) * tile.clusterSize
    let halvesWeight = tile.sharing == .weight || product.gate != nil
    func map(_ base: BufferReference, rows: Int, box: Int) -> TensorMapPlan {
      TensorMapPlan(
        base, dtype: .uint8, dimensions: [product.k, rows], strides: [product.k], box: [128, box], swizzle: 128)
    }
    return GPULaunch(
      function,
      grid: [GridExtent(product.rows, per: extents.rows, times: extents.columns * tile.clusterSize, limit: blocks)],
      threads: 384, sharedBytes: tile.sharedBytes(panelsAreFloat32: product.hasResidual || product.out == .float32),
      cluster: tile.clusterSize,
      tensorMaps: [
        map(x, rows: product.maximumRows, box: xBox),
        map(weight, rows: product.n, box: tile.tileColumns / (halvesWeight ? 2 : 1)),
      ],
      choice: choice)
  }
}
