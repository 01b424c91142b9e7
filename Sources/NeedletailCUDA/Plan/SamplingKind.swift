import CNeedletailKernels
import NeedletailKernels

/// What of a step's sampling decides which kernels run and what they are given: steps of one kind share a graph.
struct SamplingKind: Hashable, Sendable {
  /// The longest list of likely tokens.
  var maximumTop: Int
  /// Every row takes the largest logit as it is: no draw, no penalty, no bias, no mask.
  var isPlain: Bool

  /// The largest logit, nothing else.
  static let greedy = SamplingKind(maximumTop: 0, isPlain: true)

  init(maximumTop: Int, isPlain: Bool) {
    self.maximumTop = maximumTop
    self.isPlain = isPlain
  }

  /// The kind of a request.
  init(_ request: SampleRequest) {
    maximumTop = request.maximumTop
    isPlain = request.rows.allSatisfy(\.isPlain)
  }
}

extension nt_sampling_row {
  /// A row of padding: the largest logit.
  static var padding: nt_sampling_row {
    var row = nt_sampling_row()
    row.top_p = 1
    row.repetition_penalty = 1
    row.mask_start = -1
    return row
  }
}
