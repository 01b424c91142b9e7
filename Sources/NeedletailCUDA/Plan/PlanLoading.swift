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

  /// Reads, converts or codes, and copies weights; `beside`: those that the GPU does not make itself.
  func copyWeights(
    from source: any WeightSource, beside dummy: DummySource? = nil, progress: (@Sendable (Double) -> Void)?
  ) throws {
    var fills: [@Sendable (UnsafeMutableRawPointer) throws -> Void] = []
    var targets: [WeightTransfer.Piece] = []
    for (index, planned) in plan.weights.enumerated() {
      if let dummy, DummyWeightKernels.makes(planned, dummy) { continue }
      let start = address(ofWeight: index)
      if let coded = CodedPieces(planned) {
        for piece in coded.pieces(limit: WeightTransfer.pieceBytes) {
          let runs = piece.copies.map {
            WeightTransfer.Piece.Run(source: $0.source, target: start + UInt64($0.target), byteCount: $0.byteCount)
          }
          targets.append(.init(runs: runs, byteCount: piece.byteCount))
          fills.append { try coded.fill(piece, $0, from: source) }
        }
        for (target, numbers) in try coded.inputScales(from: source) {
          targets.append(.init(target: start + UInt64(target), byteCount: numbers.count * 4))
          fills.append { bytes in
            numbers.withUnsafeBytes { bytes.copyMemory(from: $0.baseAddress ?? .init(bytes), byteCount: $0.count) }
          }
        }
        continue
      }
      guard planned.layout == .rowMajor else {
        throw CUDAError("\(planned.weight) lies in \(planned.layout.rawValue), which no GPU reads")
      }
      for piece in WeightPiece.pieces(of: planned, limit: WeightTransfer.pieceBytes) {
        targets.append(.init(target: start + UInt64(piece.target), byteCount: piece.byteCount))
        fills.append { try piece.fill($0, from: source) }
      }
    }
    let all = fills
    try WeightTransfer(context).run(targets, progress: progress) { index, bytes in
      if let base = bytes.baseAddress { try all[index](base) }
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

  /// Has the GPU make weights itself, those of ordinary numbers and those that it can code.
  func makeWeights(_ dummy: DummySource) throws {
    let kernels = DummyWeightKernels(modules: try modules.value().0, source: dummy)
    let stream = try Stream(context)
    for (index, planned) in plan.weights.enumerated() where DummyWeightKernels.makes(planned, dummy) {
      var target = address(ofWeight: index)
      guard planned.weight.recipe == nil else {
        try makeCoded(planned, kernels, at: target, in: stream)
        continue
      }
      for part in planned.weight.parts {
        try kernels.make(part, dtype: planned.dtype, at: target, in: stream)
        target += UInt64(part.resultShape.reduce(planned.dtype.byteCount, *))
      }
    }
    try stream.synchronize()
  }
}
