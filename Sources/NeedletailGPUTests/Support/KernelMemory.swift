import NeedletailCUDA
import NeedletailKernels
import NeedletailTesting

/// The operands of one problem in the GPU's memory, between bytes that must stay as they are. What is read by mistake is
/// not a number.
final class KernelMemory {
  private static let margin = 512

  private let gpu: GPU
  private let pinned: PinnedBuffer
  private let buffer: DeviceBuffer
  private let counters: DeviceBuffer

  /// Cache blocks of the problem at hand, for tensor maps that count them.
  private(set) var cacheBlocks = 0
  // Of the problem at hand.
  private var places: [(operand: Operand, offset: Int)] = []
  private var scratch: [String: Int] = [:]
  private var end = 0
  private var owned: [OwnBuffer] = []

  /// Memory of its own for an operand, so that a memory checker sees where it ends.
  private final class OwnBuffer {
    let name: String
    let buffer: DeviceBuffer
    init(_ name: String, _ buffer: consuming DeviceBuffer) {
      self.name = name
      self.buffer = buffer
    }
  }

  init(_ gpu: GPU, byteCount: Int = 640 << 20) throws {
    self.gpu = gpu
    pinned = try PinnedBuffer(gpu.context, byteCount: byteCount)
    buffer = try DeviceBuffer(gpu.context, byteCount: byteCount)
    counters = try DeviceBuffer(gpu.context, byteCount: Buffer.counterBytes)
    try gpu.stream.fill(counters.address, byteCount: Buffer.counterBytes, with: 0)
  }

  /// Puts operands and scratch memory, which starts as NaN, into place.
  func place(_ operands: Operands, scratch: [String: Int], cacheBlocks: Int = 0) throws {
    places = []
    self.cacheBlocks = cacheBlocks
    self.scratch = [:]
    owned = []
    end = Self.margin
    func reserve(_ bytes: Int) -> Int {
      defer { end = (end + bytes + Self.margin + 255) / 256 * 256 }
      return end
    }
    for operand in operands.list { places.append((operand, reserve(operand.bytes.count))) }
    for (name, bytes) in scratch.sorted(by: { $0.key < $1.key }) { self.scratch[name] = reserve(bytes) }
    try expect(end <= pinned.bytes.count, "the problem needs \(end) bytes, more than the checks have")
    if gpu.separatesOperands {
      for (operand, _) in places {
        owned.append(
          OwnBuffer(operand.name, try DeviceBuffer(gpu.context, byteCount: max(operand.bytes.count, 1))))
      }
      for (name, bytes) in scratch {
        owned.append(OwnBuffer(name, try DeviceBuffer(gpu.context, byteCount: max(bytes, 1))))
      }
    }
    try upload()
  }

  /// Brings all operands, scratch and what lies between them back to what they were.
  func upload() throws {
    UnsafeMutableRawBufferPointer(rebasing: pinned.bytes[..<end]).initializeMemory(as: UInt8.self, repeating: 0xFF)
    for (operand, offset) in places {
      UnsafeMutableRawBufferPointer(rebasing: pinned.bytes[offset..<offset + operand.bytes.count])
        .copyBytes(from: operand.bytes)
    }
    try gpu.stream.copy(UnsafeRawBufferPointer(rebasing: pinned.bytes[..<end]), toDevice: buffer.address)
    for own in owned {
      guard let place = places.first(where: { $0.operand.name == own.name }) else { continue }
      try gpu.stream.copy(
        fromDevice: buffer.address + UInt64(place.offset), toDevice: own.buffer.address,
        byteCount: place.operand.bytes.count)
    }
  }

  /// Poisons the operands of up to so many bytes that a kernel writes.
  func poison(upTo limit: Int = .max) throws {
    for (operand, offset) in places where operand.isOutput && operand.bytes.count <= limit {
      let bytes = UnsafeRawBufferPointer(rebasing: pinned.bytes[offset..<offset + operand.bytes.count])
      operand.bytes.withUnsafeBytes { source in
        UnsafeMutableRawBufferPointer(mutating: bytes).copyMemory(from: source)
      }
      try gpu.stream.copy(bytes, toDevice: address(operand.name) ?? 0)
    }
  }

  /// Where an operand, scratch memory or the counters are; nil where the problem has no such thing.
  func address(_ name: String) -> UInt64? {
    if name == "counters" { return counters.address }
    if let own = owned.first(where: { $0.name == name }) { return own.buffer.address }
    let offset = places.first { $0.operand.name == name }?.offset ?? scratch[name]
    return offset.map { buffer.address + UInt64($0) }
  }

  /// The operands' bytes after the work so far, and what was written that should not have been, in sentences.
  func results() throws -> (outputs: [String: [UInt8]], complaints: [String]) {
    if !owned.isEmpty {
      for (operand, offset) in places {
        try gpu.stream.copy(
          fromDevice: address(operand.name) ?? 0, toDevice: buffer.address + UInt64(offset),
          byteCount: operand.bytes.count)
      }
    }
    try gpu.stream.copy(fromDevice: buffer.address, to: UnsafeMutableRawBufferPointer(rebasing: pinned.bytes[..<end]))
    try gpu.stream.synchronize()
    var (outputs, complaints): ([String: [UInt8]], [String]) = ([:], [])
    var last = 0
    for (operand, offset) in places {
      if pinned.bytes[last..<offset].contains(where: { $0 != 0xFF }) {
        complaints.append("wrote before \(operand.name)")
      }
      last = offset + operand.bytes.count
      let bytes = UnsafeRawBufferPointer(rebasing: pinned.bytes[offset..<last])
      if operand.isOutput {
        outputs[operand.name] = Array(bytes)
      } else if !bytes.elementsEqual(operand.bytes) {
        complaints.append("\(operand.name): wrote to an input")
      }
    }
    if scratch.isEmpty, pinned.bytes[last..<end].contains(where: { $0 != 0xFF }) {
      complaints.append("wrote behind the last operand")
    }
    return (outputs, complaints)
  }

  /// The bytes of the operands of up to so many bytes that are written.
  func outputs(upTo limit: Int = .max) throws -> [String: [UInt8]] {
    var next = 0
    var found: [(String, Range<Int>)] = []
    for (operand, _) in places where operand.isOutput && operand.bytes.count <= limit {
      let range = next..<next + operand.bytes.count
      try gpu.stream.copy(
        fromDevice: address(operand.name) ?? 0, to: UnsafeMutableRawBufferPointer(rebasing: pinned.bytes[range]))
      found.append((operand.name, range))
      next = range.upperBound
    }
    try gpu.stream.synchronize()
    return Dictionary(uniqueKeysWithValues: found.map { ($0.0, Array(pinned.bytes[$0.1])) })
  }

  /// Whether the counters are all zero again.
  func countersAreZero() throws -> Bool {
    let bytes = UnsafeMutableRawBufferPointer(rebasing: pinned.bytes[..<Buffer.counterBytes])
    try gpu.stream.copy(fromDevice: counters.address, to: bytes)
    try gpu.stream.synchronize()
    let isZero = bytes.bindMemory(to: UInt64.self).allSatisfy { $0 == 0 }
    if !isZero { try gpu.stream.fill(counters.address, byteCount: Buffer.counterBytes, with: 0) }
    return isZero
  }
}
