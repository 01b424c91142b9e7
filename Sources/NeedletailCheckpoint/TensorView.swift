/// A tensor in a mapped safetensors file: what the header says of it, and its bytes.
///
/// The view keeps the mapping alive; it costs no memory for the tensor itself.
public struct TensorView: Sendable {
  /// The file the bytes lie in.
  public let file: MappedFile
  /// The name in the file.
  public let name: String
  /// The type of an element.
  public let dtype: SafetensorsDType
  /// The dimensions, outermost first; empty for a scalar.
  public let shape: [Int]
  /// Where the elements stand in the file, in bytes: row-major, little endian, without padding.
  public let byteRange: Range<Int>

  init(file: MappedFile, entry: SafetensorsHeader.Entry) {
    self.file = file
    name = entry.name
    dtype = entry.dtype
    shape = entry.shape
    byteRange = entry.range
  }

  /// Some rows of one of the matrices that are stacked in a tensor of three dimensions, as a tensor of its own.
  func slice(index: Int, rows: Range<Int>) -> TensorView {
    precondition(
      shape.count == 3 && index < shape[0] && rows.upperBound <= shape[1], "rows \(rows) of matrix \(index) of \(shape)"
    )
    let first = (index * shape[1] + rows.lowerBound) * shape[2] * dtype.bits
    let count = rows.count * shape[2] * dtype.bits
    precondition(first % 8 == 0 && count % 8 == 0, "rows \(rows) of \(name) are no whole bytes in \(dtype)")
    let start = byteRange.lowerBound + first / 8
    return TensorView(
      file: file, name: name, dtype: dtype, shape: [rows.count, shape[2]], byteRange: start..<start + count / 8)
  }

  private init(file: MappedFile, name: String, dtype: SafetensorsDType, shape: [Int], byteRange: Range<Int>) {
    (self.file, self.name, self.dtype, self.shape, self.byteRange) = (file, name, dtype, shape, byteRange)
  }

  /// The number of elements.
  public var elementCount: Int { byteRange.count * 8 / dtype.bits }

  /// The elements' bytes, valid as long as this view or another of the same file lives.
  ///
  /// Note: the format does not promise alignment (files with an odd header exist): load unaligned, or check.
  public var bytes: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: file.bytes[byteRange])
  }

  /// The bytes of a range of elements, which must lie in the tensor and begin at a whole byte.
  public func bytes(of elements: Range<Int>) -> UnsafeRawBufferPointer {
    precondition(
      elements.lowerBound >= 0 && elements.upperBound <= elementCount,
      "elements \(elements) of \(name), which has \(elementCount)")
    let start = elements.lowerBound * dtype.bits
    let end = elements.upperBound * dtype.bits
    precondition(start % 8 == 0 && end % 8 == 0, "elements \(elements) of \(name) are no whole bytes in \(dtype)")
    let first = byteRange.lowerBound
    return UnsafeRawBufferPointer(rebasing: file.bytes[first + start / 8..<first + end / 8])
  }

  /// Tells the system what will happen to this tensor's bytes next; a hint.
  public func advise(_ advice: MappedFile.Advice) { file.advise(advice, byteRange) }

  /// An error about this tensor, beginning with the file's name.
  func invalid(_ message: String) -> CheckpointError {
    CheckpointError(file.path, "tensor \(quoted(name)) \(message)")
  }
}
