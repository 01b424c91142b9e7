import CNeedletailKernels
import NeedletailKernels

/// What of a step's sampling decides which kernels run and what they are given: steps of one kind share a graph.
struct SamplingKind: Hashable, Sendable {
  /// The longest list of likely tokens.
  var maximumTop: Int
  /// Every row takes the largest logit as it is: no draw, no penalty, no bias, no mask.
  var isGreedy: Bool
  /// Some row wants a log-probability.
  var wantsLogProbabilities: Bool

  /// The largest logit, nothing else.
  static let greedy = SamplingKind(maximumTop: 0, isGreedy: true, wantsLogProbabilities: false)

  init(maximumTop: Int, isGreedy: Bool, wantsLogProbabilities: Bool) {
    self.maximumTop = maximumTop
    self.isGreedy = isGreedy
    self.wantsLogProbabilities = wantsLogProbabilities
  }

  /// The kind of a request.
  init(_ request: SampleRequest) {
    maximumTop = request.maximumTop
    isGreedy = request.rows.allSatisfy(\.isPlainGreedy)
    wantsLogProbabilities = maximumTop > 0 || request.rows.contains { $0.wants_logprob != 0 }
  }
}

extension nt_sampling_row {
  /// Whether the largest logit is taken as it is.
  var isPlainGreedy: Bool {
    temperature == 0 && bias_count == 0 && mask_start < 0
      && (history_count == 0 || repetition_penalty == 1 && presence_penalty == 0 && frequency_penalty == 0)
  }

  /// A row of padding: the largest logit.
  static var padding: nt_sampling_row {
    var row = nt_sampling_row()
    row.top_p = 1
    row.repetition_penalty = 1
    row.mask_start = -1
    return row
  }
}
