import Dispatch
import NeedletailGraph
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A file of pieces that lie as a device wants them, with a checksum for every 4 MiB of each.
///
/// What a piece is, and for which device, its owner knows; here they are bytes at offsets that are multiples of 4,096, so
/// that a page of the file is a page of one piece.
public struct PreparedFileTable: Codable, Hashable, Sendable {
  /// Bytes of a piece that one checksum covers, and that are read together; a piece's last part is what is left.
  public static let partBytes = 4 << 20
  /// What pieces start at multiples of.
  public static let alignment = 4096

  /// Where a piece lies.
  public struct Piece: Codable, Hashable, Sendable {
    /// Bytes from the file's start.
    public var offset: Int
    /// Bytes of it.
    public var count: Int

    /// Parts with a checksum of their own.
    var partCount: Int { count / partBytes + (count % partBytes > 0 ? 1 : 0) }

    /// Bytes of a part, from the piece's start.
    func part(_ index: Int) -> Range<Int> { index * partBytes..<min(count, (index + 1) * partBytes) }
  }

  /// The pieces, in order.
  public var pieces: [Piece] = []
  /// XXH64 of each part of each piece, as hexadecimal digits.
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

  /// Where each piece's checksums start; behind them their number.
  var firstChecksums: [Int] { pieces.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1.partCount) } }

  static func checksum(_ bytes: UnsafeRawBufferPointer) -> String {
    let digits = String(XXHash64.hash(bytes), radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}

/// Writes a file of prepared pieces, under a temporary name until it is complete.
public final class PreparedFileWriter {
  private let file: TemporaryFile
  private var table: PreparedFileTable
  private let firstChecksums: [Int]

  /// A file for pieces of these sizes.
  public init(_ path: String, pieceBytes: [Int]) throws(CheckpointError) {
    table = PreparedFileTable(pieceBytes: pieceBytes)
    firstChecksums = table.firstChecksums
    table.checksums = Array(repeating: "", count: firstChecksums[pieceBytes.count])
    file = try TemporaryFile(path)
  }

  /// Writes a piece, whole.
  public func write(_ bytes: UnsafeRawBufferPointer, piece index: Int) throws(CheckpointError) {
    let piece = table.pieces[index]
    precondition(bytes.count == piece.count, "piece \(index) has \(piece.count) bytes, not \(bytes.count)")
    let sums = Mutex<[Int: String]>([:])
    let source = SharedBytes(bytes)
    DispatchQueue.concurrentPerform(iterations: piece.partCount) { part in
      let sum = PreparedFileTable.checksum(UnsafeRawBufferPointer(rebasing: source.bytes[piece.part(part)]))
      sums.withLock { $0[part] = sum }
    }
    for (part, sum) in sums.withLock({ $0 }) { table.checksums[firstChecksums[index] + part] = sum }
    try file.write(bytes, at: piece.offset)
  }

  /// Fills the file up and gives it its name. The table is what readers need.
  public func finish() throws(CheckpointError) -> PreparedFileTable {
    if let last = table.pieces.last {
      let padding = [UInt8](repeating: 0, count: table.byteCount - last.offset - last.count)
      do {
        try padding.withUnsafeBytes { try file.write($0, at: last.offset + last.count) }
      } catch let error as CheckpointError { throw error } catch { throw CheckpointError(file.path, "\(error)") }
    }
    try file.commit()
    return table
  }
}

/// Bytes that several threads read.
private struct SharedBytes: @unchecked Sendable {
  let bytes: UnsafeRawBufferPointer
  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }
}

/// A file of prepared pieces. Each part is compared with its checksum when it is read.
public final class PreparedFile: Sendable {
  /// What is where.
  public let table: PreparedFileTable
  private let path: String
  private let descriptor: Int32
  private let firstChecksums: [Int]

  /// Opens a file and compares its size.
  public init(_ path: String, table: PreparedFileTable) throws(CheckpointError) {
    let (descriptor, count) = try FileSystem.openFile(path)
    (self.path, self.descriptor, self.table) = (path, descriptor, table)
    let isSound = table.pieces.allSatisfy {
      $0.count >= 0 && $0.offset >= 0 && $0.offset <= table.byteCount && $0.count <= table.byteCount - $0.offset
    }
    firstChecksums = isSound ? table.firstChecksums : [-1]
    guard count == table.byteCount else {
      throw CheckpointError(
        path, "has \(count) bytes, but \(table.byteCount) were written: it is cut short or of another engine")
    }
    guard firstChecksums.last == table.checksums.count else {
      throw CheckpointError(path, "its table of contents makes no sense")
    }
  }

  deinit { close(descriptor) }

  /// Reads some bytes of a piece into memory, from any thread. Read rather than mapped: a page of a mapped file costs a
  /// fault, which on some machines takes longer than copying the page.
  ///
  /// - Parameters:
  ///   - range: Whole parts: it starts at a multiple of `partBytes` and ends at one or at the piece's end.
  ///   - target: As many bytes.
  /// - Throws: where they cannot be read or are not those that were written.
  public func read(
    piece index: Int, _ range: Range<Int>, into target: UnsafeMutableRawBufferPointer
  ) throws(CheckpointError) {
    let (piece, part) = (table.pieces[index], PreparedFileTable.partBytes)
    precondition(
      range.lowerBound % part == 0 && range.upperBound <= piece.count && target.count == range.count
        && (range.upperBound % part == 0 || range.upperBound == piece.count), "\(range) of \(piece.count) bytes")
    guard !range.isEmpty else { return }
    let got = try FileSystem.read(descriptor, of: path, at: piece.offset + range.lowerBound, into: target)
    guard got == range.count else { throw CheckpointError(path, "was cut short while it was read") }
    for number in range.lowerBound / part...(range.upperBound - 1) / part {
      let bytes = piece.part(number)
      let read = UnsafeRawBufferPointer(
        rebasing: target[bytes.lowerBound - range.lowerBound..<bytes.upperBound - range.lowerBound])
      guard PreparedFileTable.checksum(read) == table.checksums[firstChecksums[index] + number] else {
        throw CheckpointError(
          path,
          "is damaged: the checksum of bytes \(piece.offset + bytes.lowerBound) to "
            + "\(piece.offset + bytes.upperBound) differs; build it again")
      }
    }
  }
}
