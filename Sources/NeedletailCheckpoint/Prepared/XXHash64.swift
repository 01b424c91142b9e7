/// XXH64 (Yann Collet's xxHash, 64 bits): a checksum as fast as memory, against damage and not against malice.
public enum XXHash64 {
  private static let p1: UInt64 = 0x9E37_79B1_85EB_CA87
  private static let p2: UInt64 = 0xC2B2_AE3D_27D4_EB4F
  private static let p3: UInt64 = 0x1656_67B1_9E37_79F9
  private static let p4: UInt64 = 0x85EB_CA77_C2B2_AE63
  private static let p5: UInt64 = 0x27D4_EB2F_1656_67C5

  /// The hash of some bytes.
  public static func hash(_ bytes: UnsafeRawBufferPointer, seed: UInt64 = 0) -> UInt64 {
    guard let base = bytes.baseAddress else { return finish(seed &+ p5) }
    let count = bytes.count
    var position = 0
    var hash: UInt64
    if count >= 32 {
      var (a, b, c, d) = (seed &+ p1 &+ p2, seed &+ p2, seed, seed &- p1)
      while position + 32 <= count {
        a = round(a, word(base + position))
        b = round(b, word(base + position + 8))
        c = round(c, word(base + position + 16))
        d = round(d, word(base + position + 24))
        position += 32
      }
      hash = rotate(a, 1) &+ rotate(b, 7) &+ rotate(c, 12) &+ rotate(d, 18)
      for lane in [a, b, c, d] { hash = (hash ^ round(0, lane)) &* p1 &+ p4 }
    } else {
      hash = seed &+ p5
    }
    hash = hash &+ UInt64(count)
    while position + 8 <= count {
      hash = rotate(hash ^ round(0, word(base + position)), 27) &* p1 &+ p4
      position += 8
    }
    if position + 4 <= count {
      let half = UInt32(littleEndian: (base + position).loadUnaligned(as: UInt32.self))
      hash = rotate(hash ^ UInt64(half) &* p1, 23) &* p2 &+ p3
      position += 4
    }
    while position < count {
      hash = rotate(hash ^ UInt64((base + position).load(as: UInt8.self)) &* p5, 11) &* p1
      position += 1
    }
    return finish(hash)
  }

  @inline(__always)
  private static func word(_ pointer: UnsafeRawPointer) -> UInt64 {
    UInt64(littleEndian: pointer.loadUnaligned(as: UInt64.self))
  }

  @inline(__always)
  private static func rotate(_ value: UInt64, _ count: UInt64) -> UInt64 { value << count | value >> (64 - count) }

  @inline(__always)
  private static func round(_ lane: UInt64, _ word: UInt64) -> UInt64 { rotate(lane &+ word &* p2, 31) &* p1 }

  private static func finish(_ value: UInt64) -> UInt64 {
    var hash = value
    hash = (hash ^ hash >> 33) &* p2
    hash = (hash ^ hash >> 29) &* p3
    return hash ^ hash >> 32
  }
}
