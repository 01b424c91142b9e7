import NeedletailJSON

/// The table of contents of a safetensors file, checked against the file's size.
///
/// The format: 8 bytes of header length (little endian), a JSON object of that length, then the tensors' bytes. The checks
/// are those of the reference implementation (`safetensors` on crates.io, `Metadata::validate`): tensors sorted by their
/// offsets follow each other without a gap or an overlap, each as long as its shape says, the last ends with the file.
/// Beyond it, a name that stands twice is an error here, because the format forbids it.
struct SafetensorsHeader {
  struct Entry: Sendable {
    let name: String
    let dtype: SafetensorsDType
    let shape: [Int]
    /// Bytes within the file.
    let range: Range<Int>
  }

  /// Larger headers are refused, as the reference implementation does.
  static let maximumBytes = 100_000_000

  /// The tensors, sorted by the bytes of their names.
  let entries: [Entry]
  /// What stands under `__metadata__`.
  let metadata: [(key: String, value: String)]

  /// Reads the header of a whole file's bytes. Errors name `path` and, where there is one, the tensor.
  init(_ file: UnsafeRawBufferPointer, path: String) throws(CheckpointError) {
    guard file.count >= 8 else {
      throw CheckpointError(
        path, "is no safetensors file: it has \(file.count) bytes, fewer than the 8 of a header length")
    }
    let length = UInt64(littleEndian: file.loadUnaligned(as: UInt64.self))
    guard length <= Self.maximumBytes else {
      throw CheckpointError(
        path,
        "the header claims \(length) bytes, more than the \(Self.maximumBytes) allowed: is this a safetensors file?")
    }
    let dataStart = 8 + Int(length)
    guard dataStart <= file.count else {
      throw CheckpointError(
        path, "the header claims \(length) bytes, but the file has only \(file.count): it is cut off or damaged")
    }
    let text = UnsafeRawBufferPointer(rebasing: file[8..<dataStart]).bindMemory(to: UInt8.self)
    let object = try Self.parse(text, path: path)
    metadata = try Self.metadata(object["__metadata__"], path: path)

    var entries: [Entry] = []
    entries.reserveCapacity(object.count)
    for (name, value) in object where name != "__metadata__" {
      entries.append(try Self.entry(name, value, path: path))
    }
    try Self.validate(&entries, dataBytes: file.count - dataStart, path: path)
    self.entries = entries.map { entry in
      Entry(
        name: entry.name, dtype: entry.dtype, shape: entry.shape,
        range: entry.range.lowerBound + dataStart..<entry.range.upperBound + dataStart)
    }.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
  }

  private static func parse(_ text: UnsafeBufferPointer<UInt8>, path: String) throws(CheckpointError) -> JSONObject {
    let value: JSON
    do throws(JSONError) {
      // A header is three levels deep; unknown members may be a little deeper.
      value = try JSON.parse(text, options: .init(maximumDepth: 16))
    } catch {
      throw CheckpointError(path, "the header is not valid: \(error)")
    }
    guard let object = value.object else {
      throw CheckpointError(path, "the header is \(value.typeName) and not an object of tensors")
    }
    if let name = repeatedKey(text, object) {
      throw CheckpointError(path, "the header names \(quoted(name)) twice")
    }
    return object
  }

  private static func metadata(_ value: JSON?, path: String) throws(CheckpointError) -> [(key: String, value: String)] {
    guard let value, !value.isNull else { return [] }
    guard let object = value.object else {
      throw CheckpointError(path, "__metadata__ is \(value.typeName) and not an object of strings")
    }
    var pairs: [(key: String, value: String)] = []
    for (key, value) in object {
      guard let text = value.string else {
        throw CheckpointError(
          path, "__metadata__ has \(value.typeName) under \(quoted(key)) where a string should stand")
      }
      pairs.append((key, text))
    }
    return pairs
  }

  private static func entry(_ name: String, _ value: JSON, path: String) throws(CheckpointError) -> Entry {
    func invalid(_ message: String) -> CheckpointError { CheckpointError(path, "tensor \(quoted(name)) \(message)") }
    guard value.object != nil else { throw invalid("is described by \(value.typeName) and not by an object") }
    guard let dtypeName = value["dtype"]?.string else { throw invalid("has no dtype") }
    guard let dtype = SafetensorsDType(rawValue: dtypeName) else {
      throw invalid("has the unknown dtype \(quoted(dtypeName))")
    }
    guard let dimensions = value["shape"]?.array else { throw invalid("has no shape") }
    var shape: [Int] = []
    shape.reserveCapacity(dimensions.count)
    for dimension in dimensions {
      guard case .int(let size) = dimension, size >= 0 else {
        throw invalid("has a dimension that is not a whole number from 0 on")
      }
      shape.append(size)
    }
    guard let offsets = value["data_offsets"]?.array else { throw invalid("has no data_offsets") }
    guard offsets.count == 2, case .int(let start) = offsets[0], case .int(let end) = offsets[1], start >= 0, end >= 0
    else { throw invalid("has data_offsets that are not two whole numbers from 0 on") }
    guard start <= end else { throw invalid("ends at byte \(end), before its start at byte \(start)") }
    return Entry(name: name, dtype: dtype, shape: shape, range: start..<end)
  }

  /// Sorts by offsets and checks sizes, gaps, overlaps and the end.
  private static func validate(_ entries: inout [Entry], dataBytes: Int, path: String) throws(CheckpointError) {
    entries.sort { ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound) }
    var position = 0
    for entry in entries {
      func invalid(_ message: String) -> CheckpointError {
        CheckpointError(path, "tensor \(quoted(entry.name)) \(message)")
      }
      guard entry.range.upperBound <= dataBytes else {
        throw invalid(
          "ends at byte \(entry.range.upperBound) of the data, which has only \(dataBytes): the file is cut off or damaged"
        )
      }
      guard entry.range.lowerBound >= position else {
        throw invalid(
          "starts at byte \(entry.range.lowerBound), inside of the tensor before it, which ends at \(position)")
      }
      guard entry.range.lowerBound == position else {
        throw invalid("starts at byte \(entry.range.lowerBound), leaving a gap after byte \(position)")
      }
      guard let count = elementCount(entry.shape) else { throw invalid("has a shape whose product is too large") }
      guard let bytes = entry.dtype.bytes(of: count) else {
        throw invalid("has a shape that is no whole number of bytes or too large in \(entry.dtype.rawValue)")
      }
      guard bytes == entry.range.count else {
        throw invalid("has \(entry.range.count) bytes, but its shape and dtype ask for \(bytes)")
      }
      position = entry.range.upperBound
    }
    guard position == dataBytes else {
      throw CheckpointError(path, "has \(dataBytes - position) bytes after the last tensor that belong to none")
    }
  }
}

/// The product of a shape, or nil where it does not fit.
func elementCount(_ shape: [Int]) -> Int? {
  var product = 1
  for dimension in shape {
    let (next, overflow) = product.multipliedReportingOverflow(by: dimension)
    if overflow { return nil }
    product = next
  }
  return product
}
