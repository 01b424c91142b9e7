import NeedletailGraph
import NeedletailKernels

/// A plan whose memory is there and whose kernels are being loaded.
struct PlanLoading {
  let plan: Plan
  let map: DeviceMemoryMap
  let memory: SharedBuffer
  let context: Context
  let modules: Background<(LoadedModules, Duration)>

  /// The address of a weight on the GPU.
  func address(ofWeight index: Int) -> UInt64 {
    memory.address + UInt64(map.regions[.weight(index)]?.offset ?? 0)
  }

  /// Reads, converts and copies weights.
  func copyWeights(from source: any WeightSource, progress: (@Sendable (Double) -> Void)?) throws {
    var pieces: [WeightPiece] = []
    var targets: [WeightTransfer.Piece] = []
    for (index, planned) in plan.weights.enumerated() {
      guard planned.layout == .rowMajor else {
        throw CUDAError("\(planned.weight) lies in \(planned.layout.rawValue), which no GPU reads")
      }
      let start = address(ofWeight: index)
      for piece in WeightPiece.pieces(of: planned, limit: WeightTransfer.pieceBytes) {
        targets.append(.init(target: start + UInt64(piece.target), byteCount: piece.byteCount))
        pieces.append(piece)
      }
    }
    let all = pieces
    try WeightTransfer(context).run(targets, progress: progress) { index, bytes in
      if let base = bytes.baseAddress { try all[index].fill(base, from: source) }
    }
  }

  /// Copies weights that were prepared before.
  func copyWeights(_ prepared: any PreparedWeights, progress: (@Sendable (Double) -> Void)?) throws {
    var pieces: [(weight: Int, bytes: Range<Int>)] = []
    var targets: [WeightTransfer.Piece] = []
    for (index, planned) in plan.weights.enumerated() {
      for bytes in prepared.parts(planned.byteCount) {
        pieces.append((index, bytes))
        targets.append(.init(target: address(ofWeight: index) + UInt64(bytes.lowerBound), byteCount: bytes.count))
      }
    }
    let all = pieces
    try WeightTransfer(context).run(targets, progress: progress) { index, target in
      try prepared.read(weight: all[index].weight, all[index].bytes, into: target)
    }
  }

  /// Has the GPU make weights itself.
  func makeWeights(_ dummy: DummySource) throws {
    let kernels = DummyWeightKernels(modules: try modules.value().0, source: dummy)
    let stream = try Stream(context)
    for (index, planned) in plan.weights.enumerated() {
      var target = address(ofWeight: index)
      for part in planned.weight.parts {
        try kernels.make(part, dtype: planned.dtype, at: target, in: stream)
        target += UInt64(part.resultShape.reduce(planned.dtype.byteCount, *))
      }
    }
    try stream.synchronize()
  }
}
