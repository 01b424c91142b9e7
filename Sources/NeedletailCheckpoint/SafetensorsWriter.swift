import NeedletailJSON

/// Writes a safetensors file piece by piece, without holding it in memory.
///
///     var writer = try SafetensorsWriter("out.safetensors", [.init("logits.0", .f32, [5, 32000])])
///     try writer.write(bytes, to: "logits.0")
///     try writer.finish()
///
/// Tensors may be written in any order and in pieces, each piece after the one before it. The file gets a temporary name
/// beside its own and is renamed by `finish()`, so that a reader never sees half of it; a writer that is dropped before
/// leaves nothing. Tensors lie in the reference implementation's order (wide types first, then by name), which aligns each.
public struct SafetensorsWriter: ~Copyable {
  /// What the header says of a tensor.
  public struct Declaration: Sendable, Hashable {
    /// The tensor's name.
    public var name: String
    /// The type of its elements.
    public var dtype: SafetensorsDType
    /// Its dimensions, outermost first.
    public var shape: [Int]
    /// Declares a tensor.
    public init(_ name: String, _ dtype: SafetensorsDType, _ shape: [Int]) {
      self.name = name
      self.dtype = dtype
      self.shape = shape
    }
  }

  private struct Slot {
    let declaration: Declaration
    /// Where the tensor begins in the file, in bytes.
    let start: Int
    let count: Int
    var written = 0
  }

  private let file: TemporaryFile
  private var slots: [Slot]
  private let slotOfName: [NameKey: Int]

  /// Creates the temporary file and writes the header.
  ///
  /// Names that repeat, negative dimensions and shapes too large or of no whole number of bytes are errors.
  public init(
    _ path: String, _ tensors: [Declaration], metadata: [(key: String, value: String)] = [("format", "pt")]
  ) throws(CheckpointError) {
    let (header, slots) = try Self.layout(tensors, metadata, path: path)
    let file = try TemporaryFile(path)
    try header.withUnsafeBufferPointer { bytes throws(CheckpointError) in
      try file.write(UnsafeRawBufferPointer(bytes), at: 0)
    }
    // All fields at the end: a noncopyable value may not be abandoned half made.
    self.file = file
    self.slots = slots
    slotOfName = Dictionary(uniqueKeysWithValues: slots.indices.map { (NameKey(slots[$0].declaration.name), $0) })
  }

  /// Writes the next bytes of a tensor.
  public mutating func write(_ bytes: UnsafeRawBufferPointer, to name: String) throws(CheckpointError) {
    guard let index = slotOfName[NameKey(name)] else {
      throw CheckpointError(file.path, "tensor \(quoted(name)) was not declared")
    }
    let slot = slots[index]
    guard bytes.count <= slot.count - slot.written else {
      throw CheckpointError(
        file.path, "tensor \(quoted(name)) has \(slot.count) bytes and was given \(slot.written + bytes.count)")
    }
    try file.write(bytes, at: slot.start + slot.written)
    slots[index].written += bytes.count
  }

  /// Writes the next elements of a tensor from an array of its stored type.
  public mutating func write<Element: BitwiseCopyable>(_ elements: [Element], to name: String) throws(CheckpointError) {
    try elements.withUnsafeBufferPointer { buffer throws(CheckpointError) in
      try write(UnsafeRawBufferPointer(buffer), to: name)
    }
  }

  /// Checks that every tensor was written whole and gives the file its name.
  public consuming func finish() throws(CheckpointError) {
    for slot in slots where slot.written != slot.count {
      throw CheckpointError(
        file.path, "tensor \(quoted(slot.declaration.name)) has \(slot.count) bytes and was given \(slot.written)")
    }
    try file.commit()
  }

  /// The header's bytes and where each tensor goes.
  private static func layout(
    _ tensors: [Declaration], _ metadata: [(key: String, value: String)], path: String
  ) throws(CheckpointError) -> (header: [UInt8], slots: [Slot]) {
    let ordered = tensors.sorted { a, b in
      a.dtype.bits != b.dtype.bits ? a.dtype.bits > b.dtype.bits : a.name.utf8.lexicographicallyPrecedes(b.name.utf8)
    }
    var members: [(String, JSON)] = []
    if !metadata.isEmpty {
      members.append(("__metadata__", .object(JSONObject(metadata.map { ($0.key, .string($0.value)) }))))
    }
    var places: [(declaration: Declaration, range: Range<Int>)] = []
    var position = 0
    for tensor in ordered {
      guard tensor.shape.allSatisfy({ $0 >= 0 }), let count = elementCount(tensor.shape),
        let bytes = tensor.dtype.bytes(of: count), bytes <= Int(Int64.max / 4) - position
      else { throw CheckpointError(path, "tensor \(quoted(tensor.name)) cannot have the shape \(tensor.shape)") }
      places.append((tensor, position..<position + bytes))
      members.append(
        (
          tensor.name,
          [
            "dtype": .string(tensor.dtype.rawValue), "shape": .array(tensor.shape.map { .int($0) }),
            "data_offsets": [.int(position), .int(position + bytes)],
          ]
        ))
      position += bytes
    }
    let object = JSONObject(members)
    guard object.count == members.count, !tensors.contains(where: { $0.name == "__metadata__" }) else {
      throw CheckpointError(path, "two tensors of one name, or one named __metadata__, cannot be written")
    }
    var text = Array(JSON.object(object).text(.compact).utf8)
    // Spaces at the end of the header let the data begin at a multiple of 8, as the reference implementation does.
    while text.count % 8 != 0 { text.append(UInt8(ascii: " ")) }
    guard text.count <= SafetensorsHeader.maximumBytes else {
      throw CheckpointError(path, "\(tensors.count) tensors make a header larger than the format allows")
    }
    let header = withUnsafeBytes(of: UInt64(text.count).littleEndian) { Array($0) } + text
    let slots = places.map { place in
      Slot(declaration: place.declaration, start: header.count + place.range.lowerBound, count: place.range.count)
    }
    return (header, slots)
  }
}
