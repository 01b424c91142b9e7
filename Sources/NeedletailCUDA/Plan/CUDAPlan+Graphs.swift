import NeedletailGraph
import NeedletailKernels

/// Decode steps that one graph serves.
struct GraphKey: Hashable {
  /// Sequences, padding included.
  var bucket: Int
  /// Which of the two sides its inputs and results lie on.
  var side: Int
  /// How their tokens are drawn.
  var sampling: SamplingKind
}

/// A decode step as one launch.
final class DecodeGraph {
  let executable: CUDAGraphExec
  /// The step's size, padding included.
  let counts: StepCounts
  /// Where its inputs lie.
  let layout: StepLayout

  init(_ executable: consuming CUDAGraphExec, counts: StepCounts, layout: StepLayout) {
    self.executable = executable
    self.counts = counts
    self.layout = layout
  }
}

extension CUDAPlan {
  /// The graph for a step in which every sequence continues its answer and draws a token; nil where the step is another.
  func graphKey(_ step: PlanStep, side: Int) -> GraphKey? {
    let counts = step.counts
    guard usesGraphs, let sampling = step.sampling, counts.decodes == counts.sequences,
      counts.tokens == counts.sequences,
      counts.scoredRows == counts.tokens, step.hostRows.isEmpty, step.hiddenRows.isEmpty,
      let bucket = buckets.bucket(for: counts.sequences)
    else { return nil }
    let key = GraphKey(bucket: bucket, side: side, sampling: SamplingKind(sampling))
    return refusedGraphs.contains(key) ? nil : key
  }

  /// Records and prepares a graph. A step is never delayed by a failure here: it just runs launch by launch from then on.
  func makeGraph(_ key: GraphKey) {
    let start = ContinuousClock.now
    let size = key.bucket
    let counts = StepCounts(tokens: size, sequences: size, scoredRows: size, decodes: size)
    let layout = StepLayout(counts, plan.limits)
    let drawn = SampleLayout(rows: size, maximumTop: key.sampling.maximumTop)
    let variant = variants[plan.variant(tokens: size)]
    let places = places(key.side)
    do {
      let graph = try recording.capture {
        try variant.run(counts, layout: layout, at: places, in: recording)
        try sampler.run(
          key.sampling, drawn, side: key.side, parameters: places.inputs + UInt64(layout.sampling), in: recording)
      }
      let executable = try CUDAGraphExec(graph)
      try executable.upload(recording)
      graphs[key] = DecodeGraph(executable, counts: counts, layout: layout)
      let duration = ContinuousClock.now - start
      figures.withLock {
        $0.graphs += 1
        $0.longestGraph = max($0.longestGraph, duration)
      }
    } catch {
      refusedGraphs.insert(key)
    }
  }

  /// Makes the graphs of all numbers of sequences, for requests that take the likeliest token.
  func makeGraphs() throws {
    for bucket in buckets.sizes {
      for side in 0..<2 { makeGraph(GraphKey(bucket: bucket, side: side, sampling: .greedy)) }
    }
    try recording.synchronize()
  }
}
