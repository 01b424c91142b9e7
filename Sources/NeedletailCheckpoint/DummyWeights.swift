import NeedletailGraph

/// Weights made from a seed, for measurements and tests without a download: uniform in ±0.035, never zero.
///
///     let weights = DummyWeights(seed: 0)
///     weights.fill(buffer, as: .bfloat16, tensor: "model.norm.weight", from: 0)
///
/// Element i of a tensor is a function of (seed, the tensor's name, i) and of nothing else: any slice can be made alone, in
/// any order, by any number of threads, and a device that computes the same gets the same bits. All arithmetic is modulo
/// 2^32 or 2^64, `>>` is logical:
///
///     mix64(z):     z ^= z >> 30; z *= 0xBF58476D1CE4E5B9; z ^= z >> 27; z *= 0x94D049BB133111EB; z ^= z >> 31
///     nameHash    = FNV-1a of the name's UTF-8 bytes, 64 bits
///     tensorKey   = mix64(nameHash ^ mix64(seed + 0x9E3779B97F4A7C15))
///     key         = mix64(tensorKey + (i >> 32) * 0x9E3779B97F4A7C15)            // one for each 2^32 elements
///     x           = low32(i) + low32(key)
///     x ^= x >> 16; x *= 0x21F0AAAD; x ^= x >> 15; x += high32(key); x *= 0x735A2D97; x ^= x >> 15
///     magnitude   = float32((x >> 9) + 16) * scale                               // scale = 0x1.1EB82Ep-28
///     value       = x & 1 ? -magnitude : magnitude
///
/// and bfloat16 and float16 are the value rounded to nearest, ties to even. `mix64` is the finalizer of SplitMix64, the
/// 32-bit part Wellons' `lowbias32` with the second half of the key between its multiplications, so that two tensors are
/// not shifts of one sequence. The 16 keeps the smallest magnitude, 6.7e-8, above half of float16's smallest number.
public struct DummyWeights: Sendable {
  /// The seed; equal seeds give equal weights.
  public let seed: UInt64

  /// Makes a source of weights.
  public init(seed: UInt64 = 0) { self.seed = seed }

  /// The types that can be filled.
  public static let dtypes: Set<DType> = [.float32, .bfloat16, .float16]

  /// 0.035 / (2^23 + 15), rounded down to a float so that no magnitude exceeds 0.035.
  static let scale: Float = 0x1.1EB82Ep-28

  /// Writes elements `start..<start + count` of a tensor, where `count` is what the buffer has room for.
  ///
  /// The buffer's size must be a multiple of the element's, its start aligned to it; `dtype` one of `dtypes`.
  public func fill(_ buffer: UnsafeMutableRawBufferPointer, as dtype: DType, tensor name: String, from start: Int = 0) {
    precondition(Self.dtypes.contains(dtype), "dummy weights of \(dtype)")
    precondition(buffer.count % dtype.byteCount == 0, "\(buffer.count) bytes of \(dtype)")
    precondition(start >= 0, "element \(start) of \(name)")
    let count = buffer.count / dtype.byteCount
    guard count > 0, let base = buffer.baseAddress else { return }
    let tensorKey = Self.tensorKey(seed: seed, name: name)
    var done = 0
    while done < count {
      let index = UInt64(start + done)
      let key = Self.mix64(tensorKey &+ (index >> 32) &* 0x9E37_79B9_7F4A_7C15)
      // Up to the next multiple of 2^32, where the key changes.
      let length = Int(min(UInt64(count - done), (index >> 32 + 1) << 32 - index))
      let counter = UInt32(truncatingIfNeeded: index) &+ UInt32(truncatingIfNeeded: key)
      let high = UInt32(truncatingIfNeeded: key >> 32)
      let out = base + done * dtype.byteCount
      switch dtype {
      case .float32:
        Self.fillFloat32(out.bindMemory(to: Float.self, capacity: length), length, counter, high)
      case .bfloat16:
        Self.fillBFloat16(out.bindMemory(to: UInt16.self, capacity: length), length, counter, high)
      default:
        Self.fillFloat16(out.bindMemory(to: UInt16.self, capacity: length), length, counter, high)
      }
      done += length
    }
  }

  /// Element `index` of a tensor before rounding to its type: the definition, one element at a time.
  public func value(tensor name: String, at index: Int) -> Float {
    let tensorKey = Self.tensorKey(seed: seed, name: name)
    let key = Self.mix64(tensorKey &+ (UInt64(index) >> 32) &* 0x9E37_79B9_7F4A_7C15)
    return Self.value(
      UInt32(truncatingIfNeeded: index) &+ UInt32(truncatingIfNeeded: key), UInt32(truncatingIfNeeded: key >> 32))
  }

  /// The key of a tensor's stream, for a device that makes the same values.
  public func tensorKey(_ name: String) -> UInt64 { Self.tensorKey(seed: seed, name: name) }

  /// The key of a tensor's stream.
  static func tensorKey(seed: UInt64, name: String) -> UInt64 {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
    return mix64(hash ^ mix64(seed &+ 0x9E37_79B9_7F4A_7C15))
  }

  static func mix64(_ value: UInt64) -> UInt64 {
    var z = value
    z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
    return z ^ z >> 31
  }

  @inline(__always)
  private static func value(_ counter: UInt32, _ high: UInt32) -> Float {
    var x = counter
    x ^= x >> 16
    x = x &* 0x21F0_AAAD
    x ^= x >> 15
    x = (x &+ high) &* 0x735A_2D97
    x ^= x >> 15
    // Below 2^24 the conversion is exact; through Int32, which every vector unit converts.
    let magnitude = Float(Int32(bitPattern: x >> 9 &+ 16)) * scale
    return Float(bitPattern: magnitude.bitPattern | x << 31)
  }

  // Three plain loops over one inlined function: no call, no trap, no branch, so that they become vector code.

  private static func fillFloat32(_ out: UnsafeMutablePointer<Float>, _ count: Int, _ counter: UInt32, _ high: UInt32) {
    for index in 0..<count { out[index] = value(counter &+ UInt32(truncatingIfNeeded: index), high) }
  }

  private static func fillBFloat16(_ out: UnsafeMutablePointer<UInt16>, _ count: Int, _ counter: UInt32, _ high: UInt32)
  {
    for index in 0..<count {
      let bits = value(counter &+ UInt32(truncatingIfNeeded: index), high).bitPattern
      out[index] = UInt16(truncatingIfNeeded: (bits &+ 0x7FFF &+ (bits >> 16 & 1)) >> 16)
    }
  }

  private static func fillFloat16(_ out: UnsafeMutablePointer<UInt16>, _ count: Int, _ counter: UInt32, _ high: UInt32)
  {
    for index in 0..<count {
      let number = value(counter &+ UInt32(truncatingIfNeeded: index), high)
      let bits = number.bitPattern
      // FloatBits.float16 without its cases for infinities and NaN, which cost half of the speed.
      let magnitude = bits & 0x7FFF_FFFF
      let normal = (magnitude &- (112 << 23) &+ 0xFFF &+ (magnitude >> 13 & 1)) >> 13
      let subnormal = (Float(bitPattern: magnitude) + 0.5).bitPattern &- (0.5 as Float).bitPattern
      let isSmall = UInt32(bitPattern: Int32(bitPattern: magnitude &- (113 << 23)) >> 31)
      out[index] = UInt16(truncatingIfNeeded: normal ^ (normal ^ subnormal) & isSmall | bits >> 16 & 0x8000)
    }
  }
}
