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
    struct Part {
      var weight: Int
      var bytes: Range<Int>
      /// Bytes of all parts before it.
      var position: Int
    }
    var parts: [Part] = []
    var position = 0
    for (index, planned) in plan.weights.enumerated() {
      for start in stride(from: 0, to: planned.byteCount, by: WeightTransfer.pieceBytes) {
        let bytes = start..<min(start + WeightTransfer.pieceBytes, planned.byteCount)
        parts.append(Part(weight: index, bytes: bytes, position: position))
        position += bytes.count
      }
    }
    let transfer = WeightTransfer(context)
    // Preparing checks sums of some megabytes at once. Threads that take parts of one sum would all compute it, so that
    // parts that are taken one after another lie apart: one thread's way through the file, a step of each thread in turn.
    let share = (position + transfer.threads - 1) / transfer.threads
    let order = parts.map { (part: $0, turn: $0.position % max(share, 1)) }.sorted {
      ($0.turn, $0.part.position) < ($1.turn, $1.part.position)
    }.map(\.part)
    let targets = order.map {
      WeightTransfer.Piece(
        target: address(ofWeight: $0.weight) + UInt64($0.bytes.lowerBound), byteCount: $0.bytes.count)
    }
    try transfer.run(targets, progress: progress) { index, target in
      try prepared.withBytes(ofWeight: order[index].weight, order[index].bytes) { target.copyMemory(from: $0) }
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
