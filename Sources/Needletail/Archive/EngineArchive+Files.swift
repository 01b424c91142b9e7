import Dispatch
import NeedletailCPU
import NeedletailCUDA
import NeedletailCheckpoint
import NeedletailKernels

extension EngineArchive {
  /// A file of an engine.
  public struct File: Hashable, Sendable {
    /// Its name in the engine's directory.
    public var name: String
    /// Its size.
    public var byteCount: Int
  }

  /// The manifest, the weights, and what was copied from the model; kernels are in a folder of their own.
  public func files() throws -> [File] {
    let directory = try ModelDirectory(path)
    let manifestBytes = try directory.read(EngineManifest.fileName, limit: Self.maximumManifestBytes).count
    return [
      File(name: EngineManifest.fileName, byteCount: manifestBytes),
      File(name: EngineManifest.weightsName, byteCount: weights.table.byteCount),
    ] + manifest.companions.map { File(name: $0.name, byteCount: $0.byteCount) }
  }

  /// The compiled kernels, and those of them whose checksums are wrong: they are compiled again when they are needed.
  public func kernelFiles() -> (whole: [File], damaged: [File]) {
    let files = Self.kernelsPath(path).map(CubinCache.files) ?? []
    func those(_ isWhole: Bool) -> [File] {
      files.filter { $0.isWhole == isWhole }.map { File(name: $0.name, byteCount: $0.byteCount) }
    }
    return (those(true), those(false))
  }

  /// Reads all weights and compares them with their checksums; those of the other files were compared when the engine
  /// was opened.
  /// - Throws: a sentence about the first part that differs.
  public func checkWeights() throws {
    let parts = weights.table.pieces.enumerated().flatMap { index, piece in
      self.parts(piece.count).map { (piece: index, bytes: $0) }
    }
    let weights = weights
    let work = WorkQueue(count: parts.count)
    DispatchQueue.concurrentPerform(iterations: CPUDevice.coreCount) { _ in
      let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: partBytes, alignment: 4096)
      defer { memory.deallocate() }
      work.run {
        while let index = work.next() {
          let (piece, bytes) = parts[index]
          try weights.read(
            piece: piece, bytes, into: UnsafeMutableRawBufferPointer(rebasing: memory[..<bytes.count]))
        }
      }
    }
    try work.check()
  }
}
