/// Blocks of the cache as numbers with reference counts; holds no keys or values.
///
/// Blocks are first reserved, so that a sequence knows it will get them, and taken from the reservation when needed. A
/// block that nobody holds any more is empty, or idle: its keys and values are kept for whoever needs them again, until
/// the block is needed more. All operations take constant time.
public struct BlockPool: Sendable {
  /// Number of blocks.
  public var count: Int { references.count }
  /// Blocks that nobody holds, reserved or not, idle ones included.
  public var freeCount: Int { empty.count + idle.count }
  /// Blocks that nobody holds and whose keys and values are kept.
  public var idleCount: Int { idle.count }
  /// Free blocks set aside.
  public private(set) var reservedCount = 0
  /// Free blocks that can still be reserved.
  public var availableCount: Int { freeCount - reservedCount }

  private(set) var references: [Int32]
  /// Taken from the end: the block given back last is the likeliest to be in a processor's cache.
  private(set) var empty: [Int32]
  private(set) var idle: IdleBlocks

  /// `count` empty blocks, numbered from 0.
  public init(count: Int) {
    precondition(count >= 0 && count <= Int(Int32.max), "block count: \(count)")
    references = Array(repeating: 0, count: count)
    empty = (0..<Int32(count)).reversed()
    idle = IdleBlocks(blockCount: count)
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

  /// Takes a reserved block; it has one reference. Where no block is empty it is the one longest idle, and `wasIdle`.
  public mutating func takeReserved() -> (block: Int32, wasIdle: Bool) {
    precondition(reservedCount > 0, "no block is reserved")
    reservedCount -= 1
    if let block = empty.popLast() {
      references[Int(block)] = 1
      return (block, false)
    }
    guard let block = idle.first else { preconditionFailure("a reserved block is not there") }
    idle.remove(block)
    references[Int(block)] = 1
    return (block, true)
  }

  /// Adds a reference to a block in use, or takes an idle one, which must be available, into use again.
  public mutating func retain(_ block: Int32) {
    if references[Int(block)] == 0 {
      precondition(idle.contains(block), "block \(block) is empty")
      precondition(availableCount > 0, "all free blocks are reserved")
      idle.remove(block)
    }
    references[Int(block)] += 1
  }

  /// Drops a reference; true when it was the last and the block is free again.
  /// - Parameter keeps: whether it is idle then, and not empty.
  @discardableResult
  public mutating func release(_ block: Int32, keeps: Bool = false) -> Bool {
    precondition(references[Int(block)] > 0, "block \(block) is free")
    references[Int(block)] -= 1
    guard references[Int(block)] == 0 else { return false }
    if keeps { idle.append(block) } else { empty.append(block) }
    return true
  }

  /// Makes an idle block the one that was used last; nothing happens to one in use.
  mutating func touch(_ block: Int32) {
    guard idle.contains(block) else { return }
    idle.remove(block)
    idle.append(block)
  }
}
