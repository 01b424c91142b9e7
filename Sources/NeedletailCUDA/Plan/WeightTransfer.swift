import Dispatch
import NeedletailKernels

/// Brings bytes that threads of the host make or read to a GPU: each thread fills one half of its pinned memory while
/// the other half is copied.
struct WeightTransfer: Sendable {
  /// Some bytes and where they go.
  struct Piece: Sendable {
    /// Bytes of a piece that follow each other on the GPU too.
    struct Run: Sendable {
      var source: Int
      var target: UInt64
      var byteCount: Int
    }

    var runs: [Run]
    var byteCount: Int

    init(target: UInt64, byteCount: Int) {
      self.init(runs: [Run(source: 0, target: target, byteCount: byteCount)], byteCount: byteCount)
    }

    init(runs: [Run], byteCount: Int) { (self.runs, self.byteCount) = (runs, byteCount) }
  }

  /// Bytes that are copied at once, unless a piece is larger.
  static let pieceBytes = 4 << 20

  let context: Context
  let threads: Int

  /// A transfer with some threads; two of them suffice for files on a disk, many for those in the page cache.
  init(_ context: Context, threads: Int = min(16, ProcessorCount.available)) {
    self.context = context
    self.threads = max(1, threads)
  }

  /// Copies all pieces. `fill` writes the bytes of a piece, called from several threads; `progress` gets the share that
  /// is done.
  func run(
    _ pieces: [Piece], progress: (@Sendable (Double) -> Void)?,
    fill: @Sendable (_ piece: Int, _ target: UnsafeMutableRawBufferPointer) throws -> Void
  ) throws {
    guard let largest = pieces.map(\.byteCount).max() else { return }
    let half = max(largest, 64)
    let workers = min(threads, pieces.count)
    let ring = try PinnedRing(context, byteCount: workers * 2 * half)
    let work = WorkQueue(count: pieces.count, progress: progress)
    DispatchQueue.concurrentPerform(iterations: workers) { worker in
      work.run {
        let stream = try Stream(context)
        let first = try Event(context)
        let second = try Event(context)
        // A thread that fails waits, too: the copies read its memory.
        defer { try? stream.synchronize() }
        var turn = 0
        while let index = work.next() {
          let side = turn % 2
          if turn >= 2 { if side == 0 { try first.synchronize() } else { try second.synchronize() } }
          let bytes = ring.part((worker * 2 + side) * half, pieces[index].byteCount)
          try fill(index, bytes)
          for run in pieces[index].runs {
            let part = UnsafeRawBufferPointer(rebasing: bytes[run.source..<run.source + run.byteCount])
            try stream.copy(part, toDevice: run.target)
          }
          if side == 0 { try stream.record(first) } else { try stream.record(second) }
          turn += 1
          work.finishOne()
        }
        try stream.synchronize()
      }
    }
    try work.check()
  }
}

/// Pinned memory that threads share, each its own part.
private final class PinnedRing: Sendable {
  private let memory: PinnedBuffer

  init(_ context: Context, byteCount: Int) throws(CUDAError) {
    memory = try PinnedBuffer(context, byteCount: byteCount)
  }

  func part(_ offset: Int, _ byteCount: Int) -> UnsafeMutableRawBufferPointer {
    UnsafeMutableRawBufferPointer(rebasing: memory.bytes[offset..<offset + byteCount])
  }
}
