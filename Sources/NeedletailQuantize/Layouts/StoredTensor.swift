import NeedletailCheckpoint
import NeedletailGraph

/// A tensor to be written.
public struct StoredTensor: Sendable {
  /// Its name.
  public var name: String
  /// The type of its elements.
  public var dtype: SafetensorsDType
  /// Outermost first.
  public var shape: [Int]
  /// Little endian, row-major.
  public var bytes: [UInt8]

  /// A tensor of bytes.
  public init(_ name: String, _ dtype: SafetensorsDType, _ shape: [Int], _ bytes: [UInt8]) {
    (self.name, self.dtype, self.shape, self.bytes) = (name, dtype, shape, bytes)
  }

  /// A tensor of real numbers, rounded to a type.
  init(_ name: String, _ dtype: DType, _ shape: [Int], floats: [Float]) {
    let bytes: [UInt8]
    switch dtype {
    case .bfloat16: bytes = floats.map(FloatBits.bfloat16).withUnsafeBytes { Array($0) }
    case .float16: bytes = floats.map(FloatBits.float16).withUnsafeBytes { Array($0) }
    default: bytes = floats.withUnsafeBytes { Array($0) }
    }
    self.init(name, dtype == .bfloat16 ? .bf16 : dtype == .float16 ? .f16 : .f32, shape, bytes)
  }

  /// A tensor of words.
  init(_ name: String, _ shape: [Int], words: [UInt32]) {
    self.init(name, .i32, shape, words.withUnsafeBytes { Array($0) })
  }
}
