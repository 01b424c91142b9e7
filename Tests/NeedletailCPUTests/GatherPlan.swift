import NeedletailGraph
import NeedletailKernels
import NeedletailTesting
import Synchronization

/// A plan that gives rows of a weight: input "ids", output "rows" in float32.
enum GatherPlan {
  static func plan(
    _ weight: Weight, _ dtype: DType, _ layout: WeightLayout, catalog: any KernelCatalog
  ) throws -> Plan {
    let rows = weight.shape[0]
    var plan = Plan(
      target: catalog.target,
      limits: PlanLimits(tokens: rows, sequences: 1, scoredRows: 1, sequenceLength: rows, blockSize: 16))
    let planned = PlannedWeight(
      weight: weight, dtype: dtype, layout: layout,
      byteCount: catalog.byteCount(of: weight, dtype: dtype, layout: layout))
    plan.weights = [planned]
    let ids = TensorType(.int32, [.tokens])
    let out = TensorType(.float32, [.tokens, .fixed(weight.shape[1])])
    plan.inputs = [NamedType("ids", ids)]
    plan.outputs = [NamedType("rows", out)]
    let node = LoweredNode(
      op: .embed(scale: 1), scope: "rows",
      inputs: [
        .init(
          type: TensorType(dtype, weight.shape.map(Dim.fixed)), reference: BufferReference(.weight(0)), weight: planned),
        .init(type: ids, reference: BufferReference(.input("ids"))),
      ], results: [.init(type: out, reference: BufferReference(.output("rows")))], limits: plan.limits, cache: nil,
      constant: { _ in BufferReference(.constant(0)) })
    plan.variants = [
      PlanVariant(
        maximumTokens: rows, launches: try catalog.launches(for: node), activationBytes: 0, placements: [])
    ]
    return plan
  }
}

/// Tensors of random numbers as a checkpoint would give them.
struct CheckpointOfArrays: WeightSource {
  struct Missing: Error, Equatable { let name: String }

  let shapes: [String: [Int]]
  let stored: DType
  private var bytes: [String: [UInt8]] = [:]

  init(_ shapes: [String: [Int]], stored: DType, values: [String: [Float]] = [:]) {
    self.shapes = shapes
    self.stored = stored
    var numbers = SeededNumbers(seed: 5)
    for (name, shape) in shapes.sorted(by: { $0.key < $1.key }) {
      bytes[name] = stored.encoded(values[name] ?? numbers.floats(shape.reduce(1, *)))
    }
  }

  /// A tensor as it is stored.
  func values(_ name: String) -> [Float] { stored.decoded(bytes[name] ?? []) }

  func withRows(
    of part: Weight.Part, first: Int, count: Int, _ body: (UnsafeRawPointer, DType) throws -> Void
  ) throws {
    guard let tensor = bytes[part.name] else { throw Missing(name: part.name) }
    let rowBytes = part.storedWidth * stored.byteCount
    // Only the rows asked for exist: reading others is an error that tools find.
    let rows = Array(tensor[first * rowBytes..<(first + count) * rowBytes])
    try rows.withUnsafeBytes { bytes in
      guard let start = bytes.baseAddress else { return }
      try body(start, stored)
    }
  }
}

/// What a progress closure was given.
final class Shares: Sendable {
  private let shares = Mutex<[Double]>([])
  func add(_ share: Double) { shares.withLock { $0.append(share) } }
  var all: [Double] { shares.withLock { $0 } }
}
