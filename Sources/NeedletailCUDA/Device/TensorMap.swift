import CNeedletailCUDA

/// What Hopper's copy engine reads of a tensor in memory: kernels take it by value as a `__grid_constant__`.
///
/// The struct itself is the 128 bytes that go into the kernel's arguments. A kernel's argument struct must hold it at a
/// multiple of 64 bytes.
public enum TensorMap {
  /// Types of elements, with the driver's numbers.
  public enum Element: Int32, Sendable {
    case uint8 = 0
    case uint16 = 1
    case uint32 = 2
    case int32 = 3
    case float16 = 6
    case float32 = 7
    case bfloat16 = 9

    /// Bytes of an element.
    public var byteCount: Int {
      switch self {
      case .uint8: 1
      case .uint16, .float16, .bfloat16: 2
      case .uint32, .int32, .float32: 4
      }
    }
  }

  /// How a tile's rows lie in shared memory: 16-byte parts permuted within this many bytes, against bank conflicts.
  public enum Swizzle: Int32, Sendable {
    case none = 0
    case bytes32 = 1
    case bytes64 = 2
    case bytes128 = 3
  }

  /// How many bytes around what a copy asks for the second-level cache fetches.
  public enum Promotion: Int32, Sendable {
    case none = 0
    case bytes64 = 1
    case bytes128 = 2
    case bytes256 = 3
  }

  /// Describes a tensor of up to 5 dimensions and the tile that one copy brings; reads past the tensor give zeros.
  ///
  /// `dimensions`, `box` (elements) and `strides` (bytes) have the fastest dimension first; `strides` leaves that one
  /// out. The address must be a multiple of 16, and so must the strides.
  public static func encode(
    _ driver: CUDADriver, _ element: Element, address: UInt64, dimensions: [Int], strides: [Int], box: [Int],
    swizzle: Swizzle = .none, promotion: Promotion = .bytes256
  ) throws(CUDAError) -> nt_cu_tensor_map {
    precondition(
      (1...5).contains(dimensions.count) && strides.count == dimensions.count - 1 && box.count == dimensions.count,
      "dimensions: \(dimensions), strides: \(strides), box: \(box)")
    let sizes = dimensions.map { UInt64($0) }
    // The driver reads the array of strides of a one-dimensional tensor, too, though it has none.
    let steps = strides.isEmpty ? [0] : strides.map { UInt64($0) }
    let tile = box.map { UInt32($0) }
    let ones = [UInt32](repeating: 1, count: dimensions.count)
    // The driver wants the map itself at a multiple of 64, which Swift does not promise a variable.
    let (map, code) = withUnsafeTemporaryAllocation(byteCount: 128, alignment: 128) { buffer in
      let map = buffer.bindMemory(to: nt_cu_tensor_map.self)
      map.initialize(repeating: nt_cu_tensor_map())
      let code = map.baseAddress.map {
        driver.functions.tensorMapEncodeTiled(
          $0, element.rawValue, UInt32(sizes.count), address, sizes, steps, tile, ones, 0, swizzle.rawValue,
          promotion.rawValue, 0)
      }
      return (map[0], code ?? -1)
    }
    try check(
      code, "cuTensorMapEncodeTiled", in: driver,
      "\(element) at \(hexadecimal(address)), dimensions \(dimensions), strides \(strides), box \(box), \(swizzle)")
    return map
  }
}
