import NeedletailGraph
import NeedletailRuntime
import NeedletailTesting
import Testing

/// Runs a graph on the CPU and compares every output with the plain evaluation of the same graph.
///
/// In 16 bits, operands of products are rounded on the way: errors of a few roundings are allowed. `slack` is for chains
/// of operations that multiply errors.
func expectRunMatches(
  _ graph: Graph, _ inputs: [String: ReferenceTensor], weights: [String: ReferenceTensor] = [:],
  dtype: DType = .float32, blockSize: Int = 16, slack: Double = 4, sourceLocation: SourceLocation = #_sourceLocation
) throws {
  let expected = try graph.reference(inputs, weights: weights)
  let results = try graph.run(
    on: .cpu, inputs.mapValues { Values($0.shape, $0.floats) },
    weights: weights.mapValues { Values($0.shape, $0.floats) },
    dtype: dtype, blockSize: blockSize)
  #expect(Set(results.keys) == Set(expected.keys), sourceLocation: sourceLocation)
  var bounds = Comparison.Bounds.of(dtype, slack: slack)
  if dtype != .float32 {
    bounds.relativeError *= slack
    bounds.calcDiff *= slack * slack
    bounds.worst *= 8 * slack
  }
  for (name, tensor) in expected.sorted(by: { $0.key < $1.key }) {
    guard let result = results[name] else { continue }
    #expect(result.shape == tensor.shape, "\(name)", sourceLocation: sourceLocation)
    guard result.elements.count == tensor.elements.count else { continue }
    let complaint = Comparison(result.elements, tensor.floats).complaint(bounds)
    #expect(complaint == nil, "\(name) in \(dtype.name)", sourceLocation: sourceLocation)
  }
}

let storageTypes: [DType] = [.float32, .bfloat16, .float16]
