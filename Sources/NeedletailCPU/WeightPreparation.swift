import CNeedletailKernels
import Dispatch
import NeedletailGraph
import NeedletailKernels

extension CPUDevice {
  /// Prepares weights and allocates memory.
  public func load(
    _ plan: Plan, weights source: any WeightSource, blockCount: Int, progress: (@Sendable (Double) -> Void)?
  ) throws -> any LoadedPlan {
    try check(plan)
    let buffers = try WeightPreparation.prepared(plan.weights, from: source, threads: threads, progress: progress)
    return try CPUPlan(plan, weights: buffers, blockCount: blockCount, device: self)
  }

  /// Copies weights that were prepared for a plan of this device to memory of its own, which lies on huge pages.
  public func load(
    _ plan: Plan, prepared: any PreparedWeights, blockCount: Int, progress: (@Sendable (Double) -> Void)?
  ) throws -> any LoadedPlan {
    try check(plan)
    let buffers = try plan.weights.map { try CPUBuffer(byteCount: $0.byteCount, for: $0.weight.description) }
    let pieces = plan.weights.indices.flatMap { index in
      prepared.parts(plan.weights[index].byteCount).map { (weight: index, bytes: $0) }
    }
    let targets = WeightTargets(buffers)
    let work = WorkQueue(count: pieces.count, progress: progress)
    DispatchQueue.concurrentPerform(iterations: threads) { _ in
      work.run {
        while let index = work.next() {
          let piece = pieces[index]
          let target = targets.starts[piece.weight] + piece.bytes.lowerBound
          try prepared.read(
            weight: piece.weight, piece.bytes,
            into: UnsafeMutableRawBufferPointer(start: target, count: piece.bytes.count))
          work.finishOne()
        }
      }
    }
    try work.check()
    return try CPUPlan(plan, weights: buffers, blockCount: blockCount, device: self)
  }

  private func check(_ plan: Plan) throws(CPUError) {
    guard plan.target == catalog.target else {
      throw CPUError("the plan is for \(plan.target.device) \(plan.target.architecture), not for \(summary)")
    }
  }
}

/// Where threads write prepared weights, each its own part.
private struct WeightTargets: @unchecked Sendable {
  let starts: [UnsafeMutableRawPointer]
  init(_ buffers: [CPUBuffer]) { starts = buffers.map(\.start) }
}

/// Brings weights from a source into the form that a plan wants, by all threads.
public enum WeightPreparation {
  /// Prepares one weight of a plan of any device in this machine's memory and lends it.
  public static func withPrepared(
    _ weight: PlannedWeight, from source: any WeightSource, threads: Int,
    _ body: (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    let buffer = try prepared([weight], from: source, threads: threads, progress: nil)[0]
    try body(UnsafeRawBufferPointer(start: buffer.start, count: weight.byteCount))
  }

  static func prepared(
    _ weights: [PlannedWeight], from source: any WeightSource, threads: Int, progress: (@Sendable (Double) -> Void)?
  ) throws -> [CPUBuffer] {
    let buffers = try weights.map { try CPUBuffer(byteCount: $0.byteCount, for: $0.weight.description) }
    let pieces = weights.indices.flatMap { WeightPiece.pieces(of: weights[$0], index: $0) }
    let targets = WeightTargets(buffers)
    let work = WorkQueue(count: pieces.count, progress: progress)
    DispatchQueue.concurrentPerform(iterations: threads) { _ in
      work.run {
        while let index = work.next() {
          try pieces[index].prepare(from: source, at: targets.starts[pieces[index].weight])
          work.finishOne()
        }
      }
    }
    try work.check()
    return buffers
  }
}

/// Some rows of one part of a weight: what one thread prepares at a time.
private struct WeightPiece {
  let weight: Int
  let part: Weight.Part
  /// Rows of the part.
  let rows: Range<Int>
  /// The first of them in the weight.
  let target: Int
  let planned: PlannedWeight

  /// Pieces of about a megabyte, so that threads finish together; whole panels where they can be. Larger ones of what is
  /// stored in columns: a piece of that reads all of them, and a source may have to make them first.
  static func pieces(of planned: PlannedWeight, index: Int) -> [WeightPiece] {
    var pieces: [WeightPiece] = []
    var target = 0
    let coded = CodedPieces(planned)
    // Tiles have rows of several parts: one piece is the whole weight.
    if planned.layout == .tiles, let part = planned.weight.parts.first {
      return [WeightPiece(weight: index, part: part, rows: 0..<0, target: 0, planned: planned)]
    }
    for part in planned.weight.parts {
      let shape = part.resultShape
      let rowBytes = max(1, shape.dropFirst().reduce(planned.dtype.byteCount, *))
      let panel = max(Int(NT_PANEL), coded?.rowStep ?? 1)
      let count = max(panel, (part.transposed ? 1 << 25 : 1 << 20) / rowBytes / panel * panel)
      // A part that starts inside a panel first fills that panel.
      var first = 0
      while first < shape[0] {
        let misfit = (target + first) % panel
        let end = min(shape[0], first + count - misfit)
        pieces.append(
          WeightPiece(weight: index, part: part, rows: first..<end, target: target + first, planned: planned))
        first = end
      }
      target += shape[0]
    }
    return pieces
  }

  /// Brings the rows to where they belong in the weight, which starts at `target`.
  func prepare(from source: any WeightSource, at target: UnsafeMutableRawPointer) throws {
    if let coded = CodedPieces(planned) {
      if planned.layout == .tiles { return try coded.fill(target, from: source) }
      try coded.copy(rows, of: part, to: target, row: self.target, from: source)
      if self.target == 0 { try coded.copyInputScales(to: target, from: source) }
      return
    }
    try part.withRows(rows, from: source) { bytes, dtype, stride in
      store(bytes, dtype: dtype, stride: stride, at: target)
    }
  }

  private func store(_ source: UnsafeRawPointer, dtype: DType, stride: Int, at start: UnsafeMutableRawPointer) {
    let shape = planned.weight.shape
    if planned.layout == .panels {
      nt_cpu_pack_weights(
        start, source, Int64(target), Int64(rows.count), Int64(shape[0]), Int64(shape[1]), Int64(stride),
        dtype.rawValue, planned.dtype.rawValue)
      return
    }
    let width = shape.dropFirst().reduce(1, *)
    _ = HostRows.convert(
      source, dtype, stride: stride, to: start + target * width * planned.dtype.byteCount, planned.dtype,
      rows: rows.count, width: width, isa: NT_ISA_PLAIN)
  }
}
