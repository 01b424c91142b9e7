import NeedletailGraph

/// From a model's mathematics to the operations a device has kernels for.
public enum Pipeline {
  /// The passes, in order. A shard pass (a rank's part of every weight, and the sums between ranks) will stand after
  /// `quantize`: it sees whole, single projections too.
  public static let passes: [Pass] = [
    .removeUnused,  // what the model recorded and nobody reads would count as a user below
    .keepScoredRows,  // first, while every operation is the model's: the last layer and the head run for few rows
    .precision,  // storage types, by who reads a value; merging asks whether weights are stored alike
    .quantize,  // codes in place of chosen weights; whole, single projections, as recipes name them
    .mergeProjections,  // q, k, v become one product; so do gate and up; puts them in the order the next two want
    .fuseGatedActivation,  // activation(gate) * up of one product
    .fuseRopeCacheWrite,  // rotation and the write to the cache; attention reads the cache from here on
    .fuseCachedAttention,  // the cache write and attention, where a device does both at once
    .fuseGatedLinear,  // the gate moves into the product; the operands of the next product are all that is stored
    .fuseResidualLinear,  // x + f(x) moves into the last product of f; before sums are given to norms
    .fuseScoredRowsLinear,  // the head takes the rows it needs itself
    .fuseResidualNorm,  // sums that are left, and the norm of each; the last layer's too, since rows were chosen before
    .fuseNormLinear,  // last: only norms that one product reads are left by themselves
  ]

  /// Runs the passes. `inspect` is given the graph as recorded and after each pass, with the name to print.
  public static func run(
    _ graph: Graph, _ context: PassContext, passes: [Pass] = Pipeline.passes,
    inspect: (_ name: String, _ graph: Graph) throws -> Void = { _, _ in }
  ) throws -> Graph {
    var graph = graph
    try graph.verify()
    try inspect("model", graph)
    for pass in passes {
      try pass.run(&graph, context)
      try inspect(pass.name, graph)
    }
    return graph
  }
}
