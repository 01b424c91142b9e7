import NeedletailCheckpoint
import NeedletailGraph
import NeedletailKernels
import Synchronization

/// A checkpoint's ordinary weights, some of them changed since. What is changed is kept in memory until it is written.
final class FloatWeights: WeightSource {
  private let checkpoint: Checkpoint
  /// Elements as the checkpoint stores them, by name.
  private let changes = Mutex<[String: [Float]]>([:])

  init(_ checkpoint: Checkpoint) { self.checkpoint = checkpoint }

  /// The elements of a tensor, in the checkpoint's order.
  func elements(_ name: String) throws -> [Float] {
    if let changed = changes.withLock({ $0[name] }) { return changed }
    return try checkpoint.tensor(name).floats()
  }

  func change(_ name: String, to elements: [Float]) { changes.withLock { $0[name] = elements } }
  /// Takes a changed tensor out.
  func takeChanged(_ name: String) -> [Float]? { changes.withLock { $0.removeValue(forKey: name) } }
  /// Names of changed tensors.
  var changed: [String] { changes.withLock { Array($0.keys) } }

  /// A weight as [outputs, inputs]; matrices of one tensor follow each other.
  func matrix(_ part: Weight.Part) throws -> FloatMatrix {
    let elements = try elements(part.name)
    let columns = part.shape[part.shape.count - 1]
    let whole = FloatMatrix(elements.count / max(columns, 1), columns, elements)
    return part.transposed && part.shape.count == 2 ? whole.transposed : whole
  }

  /// Puts a weight [outputs, inputs] in the place of the checkpoint's.
  func change(_ part: Weight.Part, to matrix: FloatMatrix) {
    change(part.name, to: part.transposed ? matrix.transposed.elements : matrix.elements)
  }

  func withRows(
    of part: Weight.Part, first: Int, count: Int, _ body: (UnsafeRawPointer, DType) throws -> Void
  ) throws {
    let width = part.storedWidth
    if let changed = changes.withLock({ $0[part.name] }) {
      try changed.withUnsafeBytes { bytes in
        if let start = bytes.baseAddress { try body(start + first * width * 4, .float32) }
      }
      return
    }
    let tensor = try checkpoint.tensor(part.name)
    guard let dtype = tensor.dtype.graphDType, TensorView.convertibleDTypes.contains(tensor.dtype) else {
      throw QuantizeError(
        "\(part.name) is stored as \(tensor.dtype.rawValue); a model is quantized from ordinary weights")
    }
    guard let start = tensor.bytes(of: first * width..<(first + count) * width).baseAddress else { return }
    try body(start, dtype)
  }
}
