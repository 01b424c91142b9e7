import NeedletailCheckpoint
import NeedletailGraph
import NeedletailKernels

/// Weights of a mapped checkpoint.
struct CheckpointWeights: WeightSource {
  private let tensors: [String: TensorView]
  private let matrices: [String: any CodedMatrix]

  init(_ checkpoint: Checkpoint, names: [String], coded matrices: [String: any CodedMatrix] = [:]) throws {
    self.matrices = matrices
    var tensors: [String: TensorView] = [:]
    for name in names { tensors[name] = try checkpoint.tensor(name) }
    self.tensors = tensors
  }

  func withRows(
    of part: Weight.Part, first: Int, count: Int, _ body: (UnsafeRawPointer, DType) throws -> Void
  ) throws {
    if let matrix = matrices[part.name] {
      return try matrix.withNumbers(of: part, first: first, count: count, body)
    }
    guard let tensor = tensors[part.name] else { throw LoadError("the checkpoint has no tensor \(part.name)") }
    guard let dtype = tensor.dtype.graphDType else {
      throw LoadError("\(part.name) is stored as \(tensor.dtype.rawValue), which is not supported")
    }
    let width = part.storedWidth
    let bytes = tensor.bytes(of: first * width..<(first + count) * width)
    guard let start = bytes.baseAddress else { return }
    try body(start, dtype)
  }

  func coded(_ name: String) -> (any CodedMatrix)? { matrices[name] }
}

/// Seeded uniform values in place of a checkpoint.
struct DummyWeightSource: WeightSource {
  let weights: DummyWeights
  let dtype: DType

  var dummy: DummySource? {
    let weights = weights
    return DummySource(dtype: dtype) { weights.tensorKey($0) }
  }

  func withRows(
    of part: Weight.Part, first: Int, count: Int, _ body: (UnsafeRawPointer, DType) throws -> Void
  ) throws {
    let width = part.storedWidth
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: count * width * dtype.byteCount, alignment: 64)
    defer { buffer.deallocate() }
    weights.fill(buffer, as: dtype, tensor: part.name, from: first * width)
    guard let start = buffer.baseAddress else { return }
    try body(UnsafeRawPointer(start), dtype)
  }
}
