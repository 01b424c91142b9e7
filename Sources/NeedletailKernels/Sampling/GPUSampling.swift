import CNeedletailKernels
import NeedletailGraph

/// How tokens are chosen on a GPU (`sample_cuda.h`).
///
/// There are two kernels, which take the same argument struct, `nt_sample_cuda_arguments`: `sample_greedy` serves the
/// rows that take their largest logit as it is, `sample` all others. Each looks at a row's parameters on the device and
/// passes over the rows of the other, so that both, one after the other, serve any mix. Where every row is plain the
/// second may be left out.
public struct GPUSampling: Hashable, Sendable {
  /// Tokens of the vocabulary.
  public var vocabulary: Int
  /// The rows of a step, at most.
  public var maximumRows: Int
  /// The GPU.
  public var gpu: GPUTraits

  /// Sampling of up to `maximumRows` rows of logits.
  public init(vocabulary: Int, maximumRows: Int, on gpu: GPUTraits) {
    self.vocabulary = vocabulary
    self.maximumRows = max(1, maximumRows)
    self.gpu = gpu
  }

  /// The longest list of likely tokens that a row may ask for.
  public static let maximumTop = Int(NT_SAMPLE_MAXIMUM_TOP)
  /// Elements of a row that a block takes.
  static let blockElements = 32_768
  /// So many rows at most are spread over clusters of eight blocks: with more of them, fewer blocks that wait for each
  /// other are faster (measured on H200).
  static let spreadRows = 4

  /// The launches of a step, their grids for `maximumRows` rows; blocks past `nt_sample_arguments.rows` do nothing.
  /// `isPlain`: all rows take their largest logit as it is (`nt_sampling_row.isPlain`).
  public func launches(isPlain: Bool) -> [GPULaunch] { isPlain ? [greedy] : [greedy, general] }

  /// Bytes of `nt_sample_cuda_arguments.workspace`; what they hold before does not matter.
  public var workspaceBytes: Int {
    let shape = shape
    let row = shape.isInShared ? 0 : shape.warps * chunk(of: shape) * 4
    return max(maximumRows * greedyBlocks * 8, clusters(of: shape) * row, 16)
  }
  /// Words of `nt_sample_cuda_arguments.counters`, which are zero before and after each launch.
  public var counterCount: Int { maximumRows }

  /// Blocks that share a row of `sample_greedy`: each has at least 2,048 logits, all together two a multiprocessor.
  var greedyBlocks: Int { max(1, min((vocabulary + 2047) / 2048, gpu.multiprocessors * 2 / maximumRows)) }

  var greedy: GPULaunch {
    GPULaunch(
      GPUFunction("sampling/sample_greedy.cu", entry: "sample_greedy"),
      grid: [GridExtent(greedyBlocks), GridExtent(maximumRows)], threads: 512,
      choice: "rule: two blocks a multiprocessor")
  }

  /// How `sample` shares a row.
  struct Shape: Hashable {
    /// Blocks of a row, a cluster.
    var blocks: Int
    /// Warps of a block.
    var warps: Int
    /// Whether the row lies in shared memory.
    var isInShared: Bool
  }

  /// Elements of a warp (`sample_row.chunk`).
  func chunk(of shape: Shape) -> Int {
    let share = shape.blocks * shape.warps * 128
    return (vocabulary + share - 1) / share * 128
  }
  /// Bytes of shared memory of a block: `sample_shared` of `sample_row.cuh`, then its part of the row.
  func sharedBytes(of shape: Shape) -> Int {
    34_752 + 48 * shape.blocks + (shape.isInShared ? chunk(of: shape) * shape.warps * 4 : 0)
  }
  /// Clusters that share the rows: as many as the GPU has room for.
  func clusters(of shape: Shape) -> Int {
    let isHalf = shape.warps <= 16 && 2 * (sharedBytes(of: shape) + 1024) <= gpu.sharedBytesPerBlock + 1024
    return min(maximumRows, max(1, gpu.multiprocessors * (isHalf ? 2 : 1) / shape.blocks))
  }

  /// A row in the shared memory of a cluster: of as many blocks as it fills, or of eight where there are few rows. A
  /// row in the workspace where it does not fit, or there are no clusters.
  var shape: Shape {
    let sizes = gpu.hasBulkCopies ? [1, 2, 4, 8] : [1]
    let isShort = vocabulary <= 2048
    let spreads = maximumRows <= Self.spreadRows && !isShort
    let shapes = sizes.map { Shape(blocks: $0, warps: 16, isInShared: true) }
    let fitting = shapes.filter { sharedBytes(of: $0) <= gpu.sharedBytesPerBlock }
    let filled = fitting.first { vocabulary <= $0.blocks * Self.blockElements }
    guard let chosen = spreads ? fitting.last : filled ?? fitting.last else {
      return Shape(blocks: 1, warps: 32, isInShared: false)
    }
    return chosen
  }

  var general: GPULaunch {
    let shape = shape
    return GPULaunch(
      GPUFunction(
        "sampling/sample.cu", entry: "sample",
        ["NT_BLOCKS": shape.blocks, "NT_WARPS": shape.warps, "NT_IN_SHARED": shape.isInShared ? 1 : 0]),
      grid: [GridExtent(clusters(of: shape) * shape.blocks)], threads: shape.warps * 32,
      sharedBytes: sharedBytes(of: shape),
      cluster: shape.blocks,
      choice: shape.isInShared ? "rule: a row in the shared memory of a cluster" : "rule: a row in the workspace")
  }
}

extension nt_sampling_row {
  /// Whether the largest logit is taken as it is and nothing else is asked for: `sample_is_plain` of
  /// `sample_kinds.cuh`.
  public var isPlain: Bool {
    let isGreedy = !(temperature > 1e-30)
    let hasPenalties =
      history_count > 0 && (repetition_penalty != 1 || presence_penalty != 0 || frequency_penalty != 0)
    return isGreedy && mask_start < 0 && bias_count <= 0 && !hasPenalties && wants_logprob == 0 && top_logprobs <= 0
  }
}
