/// Blocks of the cache as numbers with reference counts; holds no keys or values.
///
/// Blocks are first reserved, so that a sequence knows it will get them, and taken from the reservation when needed.
/// All operations take constant time.
public struct BlockPool: Sendable {
  /// Number of blocks.
  public var count: Int { references.count }
  /// Blocks that nobody holds, reserved or not.
  public var freeCount: Int { free.count }
  /// Free blocks set aside.
  public private(set) var reservedCount = 0
  /// Free blocks that can still be reserved.
  public var availableCount: Int { free.count - reservedCount }

  private(set) var references: [Int32]
  /// Taken from the end: the block given back last is the likeliest to be in a processor's cache.
  private(set) var free: [Int32]

  /// `count` free blocks, numbered from 0.
  public init(count: Int) {
    precondition(count >= 0 && count <= Int(Int32.max), "block count: \(count)")
    references = Array(repeating: 0, count: count)
    free = (0..<Int32(count)).reversed()
  }

  /// Sets `count` free blocks aside; false, and nothing changed, when there are not as many.
  public mutating func reserve(_ count: Int) -> Bool {
    precondition(count >= 0, "reserve \(count) blocks")
    guard count <= availableCount else { return false }
    reservedCount += count
    return true
  }

  /// Gives up a reservation of `count` blocks that were not taken.
  public mutating func cancelReservation(_ count: Int) {
    precondition(count >= 0 && count <= reservedCount, "cancel \(count) of \(reservedCount) reserved blocks")
    reservedCount -= count
  }

  /// Takes a reserved block; it has one reference.
  public mutating func takeReserved() -> Int32 {
    precondition(reservedCount > 0, "no block is reserved")
    reservedCount -= 1
    let block = free.removeLast()
    references[Int(block)] = 1
    return block
  }

  /// Adds a reference to a block in use.
  public mutating func retain(_ block: Int32) {
    precondition(references[Int(block)] > 0, "block \(block) is free")
    references[Int(block)] += 1
  }

  /// Drops a reference; true when it was the last and the block is free again.
  @discardableResult
  public mutating func release(_ block: Int32) -> Bool {
    precondition(references[Int(block)] > 0, "block \(block) is free")
    references[Int(block)] -= 1
    guard references[Int(block)] == 0 else { return false }
    free.append(block)
    return true
  }
}
