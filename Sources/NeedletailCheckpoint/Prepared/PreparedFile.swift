import NeedletailGraph
import Synchronization

/// A file of pieces that lie as a device wants them, with a checksum for every 16 MiB.
///
/// What a piece is, and for which device, its owner knows; here they are bytes at offsets that are multiples of 4,096, so
/// that a page of the file is a page of one piece.
public struct PreparedFileTable: Codable, Hashable, Sendable {
  /// Bytes that one checksum covers; the last one covers what is left.
  public static let chunkBytes = 16 << 20
  /// What pieces start at multiples of.
  public static let alignment = 4096

  /// Where a piece lies.
  public struct Piece: Codable, Hashable, Sendable {
    /// Bytes from the file's start.
    public var offset: Int
    /// Bytes of it.
    public var count: Int
  }

  /// The pieces, in order.
  public var pieces: [Piece] = []
  /// XXH64 of each chunk, as hexadecimal digits.
  public var checksums: [String] = []
  /// Bytes of the file.
  public var byteCount = 0

  /// A table of pieces of these sizes, behind each other.
  public init(pieceBytes: [Int]) {
    for count in pieceBytes {
      pieces.append(Piece(offset: byteCount, count: count))
      byteCount = (byteCount + count + Self.alignment - 1) / Self.alignment * Self.alignment
    }
  }

  var chunkCount: Int { (byteCount + Self.chunkBytes - 1) / Self.chunkBytes }

  func chunk(_ index: Int) -> Range<Int> {
    index * Self.chunkBytes..<min(byteCount, (index + 1) * Self.chunkBytes)
  }

  static func text(_ hash: UInt64) -> String {
    let digits = String(hash, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}

/// Writes a file of prepared pieces, under a temporary name until it is complete.
public final class PreparedFileWriter {
  private let file: TemporaryFile
  private var table: PreparedFileTable

  /// A file for pieces of these sizes.
  public init(_ path: String, pieceBytes: [Int]) throws(CheckpointError) {
    table = PreparedFileTable(pieceBytes: pieceBytes)
    file = try TemporaryFile(path)
  }

  /// Writes a piece, whole.
  public func write(_ bytes: UnsafeRawBufferPointer, piece index: Int) throws(CheckpointError) {
    let piece = table.pieces[index]
    precondition(bytes.count == piece.count, "piece \(index) has \(piece.count) bytes, not \(bytes.count)")
    try file.write(bytes, at: piece.offset)
  }

  /// Fills the file up, sums it and gives it its name. The table is what readers need.
  public func finish() throws(CheckpointError) -> PreparedFileTable {
    if let last = table.pieces.last {
      let padding = [UInt8](repeating: 0, count: table.byteCount - last.offset - last.count)
      do {
        try padding.withUnsafeBytes { try file.write($0, at: last.offset + last.count) }
      } catch let error as CheckpointError { throw error } catch { throw CheckpointError(file.path, "\(error)") }
    }
    let path = file.path
    try file.commit()
    let mapped = try MappedFile(path)
    guard mapped.bytes.count == table.byteCount else {
      throw CheckpointError(path, "has \(mapped.bytes.count) bytes after writing, not \(table.byteCount)")
    }
    table.checksums = (0..<table.chunkCount).map { index in
      PreparedFileTable.text(XXHash64.hash(UnsafeRawBufferPointer(rebasing: mapped.bytes[table.chunk(index)])))
    }
    return table
  }
}

/// A file of prepared pieces, mapped. Chunks are checked when they are first asked for.
public final class PreparedFile: Sendable {
  /// What is where.
  public let table: PreparedFileTable
  private let file: MappedFile
  private let checked: [Atomic<Bool>.Box]

  /// Maps a file and compares its size.
  public init(_ path: String, table: PreparedFileTable) throws(CheckpointError) {
    file = try MappedFile(path)
    guard file.bytes.count == table.byteCount else {
      throw CheckpointError(
        path, "has \(file.bytes.count) bytes, but \(table.byteCount) were written: it is cut short or of another engine"
      )
    }
    let isSound =
      table.checksums.count == table.chunkCount
      && table.pieces.allSatisfy {
        $0.count >= 0 && $0.offset >= 0 && $0.offset <= table.byteCount && $0.count <= table.byteCount - $0.offset
      }
    guard isSound else { throw CheckpointError(path, "its table of contents makes no sense") }
    self.table = table
    checked = (0..<table.chunkCount).map { _ in .init() }
    file.advise(.willNeed, 0..<table.byteCount)
  }

  /// Calls `body` with some bytes of a piece, whose checksums are right. From any thread.
  public func withBytes<Result>(
    ofPiece index: Int, _ range: Range<Int>, _ body: (UnsafeRawBufferPointer) throws -> Result
  ) throws -> Result {
    let piece = table.pieces[index]
    precondition(range.lowerBound >= 0 && range.upperBound <= piece.count, "\(range) of \(piece.count) bytes")
    let bytes = piece.offset + range.lowerBound..<piece.offset + range.upperBound
    if !bytes.isEmpty {
      let chunk = PreparedFileTable.chunkBytes
      for number in bytes.lowerBound / chunk...(bytes.upperBound - 1) / chunk { try check(number) }
    }
    return try body(UnsafeRawBufferPointer(rebasing: file.bytes[bytes]))
  }

  // Two threads may check one chunk: that is harmless.
  private func check(_ number: Int) throws(CheckpointError) {
    if checked[number].value.load(ordering: .relaxed) { return }
    let hash = XXHash64.hash(UnsafeRawBufferPointer(rebasing: file.bytes[table.chunk(number)]))
    guard PreparedFileTable.text(hash) == table.checksums[number] else {
      throw CheckpointError(
        file.path, "is damaged: the checksum of bytes \(table.chunk(number)) differs; build it again")
    }
    checked[number].value.store(true, ordering: .relaxed)
  }
}

extension Atomic where Value == Bool {
  /// An atomic that an array can hold.
  fileprivate final class Box: Sendable {
    let value = Atomic<Bool>(false)
  }
}
