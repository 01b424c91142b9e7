import NeedletailGraph

/// How a checkpoint stores the weight of one module, and how the module's input is coded: what its config says, before
/// any tensor was looked at.
public struct StoredScheme: Hashable, Sendable {
  /// The tensors that hold a weight, under the module's name.
  public enum Layout: Hashable, Sendable {
    /// `weight` of F8_E4M3 or I8, `weight_scale` or `weight_scale_inv`: one, one a row, or one a block.
    case plain
    /// compressed-tensors: `weight_packed` of int32, eight columns each, the first in the lowest bits; `weight_scale`,
    /// `weight_zero_point` (packed along the rows), `weight_shape`.
    case packed
    /// AutoAWQ's "gemm": `qweight` int32 [inputs, outputs / 8] with outputs in the order 0 2 4 6 1 3 5 7, `qzeros`, `scales`
    /// [groups, outputs].
    case awq
    /// GPTQ: `qweight` int32 [inputs / 8, outputs], `qzeros` [groups, outputs / 8], `scales` [groups, outputs], `g_idx`.
    /// The first version of the format stores each zero point less one.
    case gptq(zeroOffset: UInt8)
    /// ModelOpt: `weight` uint8 [outputs / 2, inputs], the even output in the low half, two's complement; `weight_scale`
    /// [outputs, groups], `pre_quant_scale` [inputs].
    case modelOptInt4
    /// gpt-oss: NAME`_blocks` uint8 [..., outputs, groups, 16] and NAME`_scales` uint8 [..., outputs, groups] of exponents.
    case mxfp4
  }

  /// The tensors.
  public var layout: Layout
  /// What a code is.
  public var code: WeightCoding.Code
  /// Columns that share a scale; nil: a row's, or the whole weight's.
  public var groupSize: Int?
  /// Rows that share a scale, where scales are of blocks; 1 otherwise.
  public var rowsPerScale = 1
  /// Whether zero points are stored that may be other than the middle.
  public var hasZeroPoints = false
  /// How the input of the product is coded; nil: not at all.
  public var activation: ActivationCoding?

  /// A scheme.
  public init(
    _ layout: Layout, _ code: WeightCoding.Code, groupSize: Int? = nil, rowsPerScale: Int = 1,
    hasZeroPoints: Bool = false,
    activation: ActivationCoding? = nil
  ) {
    self.layout = layout
    self.code = code
    self.groupSize = groupSize
    self.rowsPerScale = rowsPerScale
    self.hasZeroPoints = hasZeroPoints
    self.activation = activation
  }
}
