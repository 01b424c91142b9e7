import NeedletailGraph

/// The order in which the CUDA kernels read a weight [n, k] in codes of 4 or 8 bits: the words of a lane become operands of
/// its matrix instructions one after the other. See `cuda/product/coded_weights.cuh`, and `tile_codes.h` for the kernel
/// that brings canonical rows into it.
public struct CodeTiles: Hashable, Sendable, Codable {
  /// Storage of a code: uint4, float4e2m1 or int8.
  public let code: DType
  /// Rows and columns of the weight.
  public let n, k: Int
  /// Columns that share a scale in memory: 32, 64 or 128; scales of wider groups are repeated. int8 has one for each row,
  /// which stay as they are.
  public let group: Int
  /// Whether 4-bit integers have zero points of their own; else they are 8.
  public let hasZeroPoints: Bool
  /// Storage of scales, and what codes become: bfloat16 or float16.
  public let scaleType: DType

  /// The order for a weight; nil where no kernel reads it: groups that are neither 32, 64 nor multiples of 128, an odd k.
  ///
  /// - Parameter group: Columns that share a scale; nil: the whole row.
  public init?(_ code: DType, n: Int, k: Int, group: Int?, hasZeroPoints: Bool = false, scaleType: DType) {
    guard k % 2 == 0, scaleType == .bfloat16 || scaleType == .float16 else { return nil }
    switch (code, group) {
    case (.int8, nil): guard !hasZeroPoints else { return nil }
    case (.float4e2m1, 32): guard !hasZeroPoints, scaleType == .bfloat16 else { return nil }
    case (.uint4, nil), (.uint4, 32), (.uint4, 64): break
    case (.uint4, let group?): guard group % 128 == 0 else { return nil }
    default: return nil
    }
    self.code = code
    self.n = n
    self.k = k
    self.group = group == 32 || group == 64 ? group ?? 128 : 128
    self.hasZeroPoints = hasZeroPoints
    self.scaleType = scaleType
  }

  /// Columns of a chunk: 64 bytes of a row.
  public var chunkColumns: Int { code == .int8 ? 64 : 128 }
  /// Chunks of a row.
  public var chunks: Int { (k + chunkColumns - 1) / chunkColumns }
  /// Blocks of 8 rows; an even number.
  public var blocks: Int { (n + 15) / 16 * 2 }
  /// Scales of a row for a chunk; 0: the row has one.
  public var groupsOfChunk: Int { code == .int8 ? 0 : 128 / group }
  /// Bytes of all codes.
  public var codeBytes: Int { blocks * chunks * 512 }
  /// Bytes of all scales, each a word with its zero point; int8: of a float32 for each row.
  public var scaleBytes: Int { code == .int8 ? n * 4 : blocks * chunks * groupsOfChunk * 32 }

  /// Where the code of a row and column lies: its byte, and whether it is the high half of it.
  public func place(row: Int, column: Int) -> (byte: Int, isHigh: Bool) {
    let inChunk = column % chunkColumns, pair = column % 8 / 2, second = column & 1
    let unit = (row / 8 * chunks + column / chunkColumns) * 512
    // Lane 4 g + t has row g and columns 2 t, 2 t + 1, 2 t + 8, 2 t + 9 of each 16.
    let lane = row % 8 * 4 + pair, half = column % 16 / 8
    if code == .int8 { return (unit + lane * 16 + inChunk / 16 * 4 + half + 2 * second, false) }
    let nibble = inChunk % 32 / 16 * 2 + half + 4 * second
    return (unit + lane * 16 + inChunk / 32 * 4 + nibble / 2, nibble % 2 == 1)
  }

  /// Where the word of the scale of a row and column lies.
  public func scalePlace(row: Int, column: Int) -> Int {
    ((row / 8 * chunks * groupsOfChunk + column / group) * 8 + row % 8) * 4
  }

  /// The high half of a scale's word: what is added to a number with a code in its lowest bits to leave the code less its
  /// zero point: -(128 + zero) in bfloat16, -(1024 + zero) in float16.
  public func bits(ofZeroPoint zero: UInt8) -> UInt16 { (scaleType == .bfloat16 ? 0xC300 : 0xE400) | UInt16(zero) }

  /// Makes the order of canonical rows (`nt_tile_codes_arguments`).
  public var launch: GPULaunch {
    GPULaunch(
      GPUFunction("weights/tile_codes.cu", entry: "nt_tile_codes"),
      grid: [GridExtent(max(1, min(1 << 16, (blocks * chunks * (128 + groupsOfChunk * 8) + 255) / 256)))], threads: 256,
      choice: "rule: a thread a word")
  }
}
