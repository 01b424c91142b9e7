import Foundation
import Testing

@testable import NeedletailCheckpoint

/// Files of prepared pieces: what comes back, and what damage is found.
struct PreparedFileTests {
  let directory = TemporaryDirectory()

  private func pieces() -> [[UInt8]] {
    [5, 0, 4096, 17_000_001].map { count in (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ count) } }
  }

  private func written(_ path: String) throws -> PreparedFileTable {
    let pieces = pieces()
    let writer = try PreparedFileWriter(path, pieceBytes: pieces.map(\.count))
    for (index, piece) in pieces.enumerated().reversed() {
      try piece.withUnsafeBytes { try writer.write($0, piece: index) }
    }
    return try writer.finish()
  }

  private func read(_ file: PreparedFile, _ index: Int) throws -> [UInt8] {
    let count = file.table.pieces[index].count
    var bytes = [UInt8](repeating: 0, count: count)
    try bytes.withUnsafeMutableBytes { try file.read(piece: index, 0..<count, into: $0) }
    return bytes
  }

  @Test func roundTrip() throws {
    let path = directory("weights.bin")
    let table = try written(path)
    let file = try PreparedFile(path, table: table)
    for (index, piece) in pieces().enumerated() { #expect(try read(file, index) == piece) }
    let range = 2 * PreparedFileTable.partBytes..<3 * PreparedFileTable.partBytes
    var some = [UInt8](repeating: 0, count: range.count)
    try some.withUnsafeMutableBytes { try file.read(piece: 3, range, into: $0) }
    #expect(some == Array(pieces()[3][range]))
    #expect(table.pieces.allSatisfy { $0.offset % 4096 == 0 })
    #expect(table.checksums.count == 7)  // parts of 1, 0, 1 and 5
  }

  @Test(arguments: [3, 4097, 17_000_000])
  func aFlippedBitIsFound(offset: Int) throws {
    let path = directory("weights.bin")
    let table = try written(path)
    var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    bytes[offset] ^= 4
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    let file = try PreparedFile(path, table: table)
    let index = try #require(table.pieces.lastIndex { $0.offset <= offset && $0.count > 0 })
    #expect(throws: CheckpointError.self) { _ = try read(file, index) }
  }

  @Test func anotherSizeIsRefused() throws {
    let path = directory("weights.bin")
    let table = try written(path)
    var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    bytes.removeLast()
    try bytes.write(to: URL(fileURLWithPath: path))
    #expect(throws: CheckpointError.self) { _ = try PreparedFile(path, table: table) }
  }

  @Test func aTableThatMakesNoSenseIsRefused() throws {
    let path = directory("weights.bin")
    let sound = try written(path)
    let damages: [(inout PreparedFileTable) -> Void] = [
      { $0.checksums.removeLast() }, { $0.pieces[0].offset = -4096 }, { $0.pieces[2].count = .max },
      { $0.pieces[1].offset = $0.byteCount + 1 },
    ]
    for damage in damages {
      var table = sound
      damage(&table)
      #expect(throws: CheckpointError.self) { _ = try PreparedFile(path, table: table) }
    }
  }

  @Test func whatIsNotFinishedLeavesNothing() throws {
    do {
      let writer = try PreparedFileWriter(directory("weights.bin"), pieceBytes: [4])
      try [UInt8](repeating: 1, count: 4).withUnsafeBytes { try writer.write($0, piece: 0) }
    }
    #expect(directory.names.isEmpty)
  }
}
