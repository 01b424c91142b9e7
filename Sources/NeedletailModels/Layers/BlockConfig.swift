import NeedletailGraph

/// What the blocks of `Blocks.swift` are built from: a config that makes the parts of each layer.
///
/// A model whose blocks are arranged as one of these brings a config, and is `CausalLM<PreNormBlock<MyConfig>>`. One that
/// has the usual fields is a `FieldsConfig`.
public protocol BlockConfig: DecoderConfig {
  /// The attention of a layer.
  func attention(layer: Int) -> any AttentionLayer
  /// The feed-forward layer of a layer; with the usual fields a `GatedMLP` without biases unless said.
  func feedForward(layer: Int) -> any UnaryLayer
  /// A norm of the model's width; an RMSNorm unless said.
  func norm() -> any UnaryLayer
  /// Factor of what attention and feed-forward layers add; 1 unless said.
  var residualScale: Float { get }
  /// Whether sums start from what norms give instead of from what they read, in a `PreNormBlock`; no unless said.
  var addsToNorms: Bool { get }
  /// The checkpoint's names of a block's properties, where they are not their own in snake case.
  static var blockNames: [String: String] { get }
  /// As `DecoderBlock.stackNames`.
  static var stackNames: [String: String] { get }
  /// As `DecoderBlock.ignoredSuffixes`.
  static var ignoredSuffixes: [String] { get }
}

extension BlockConfig {
  /// An RMSNorm without an offset.
  public func norm() -> any UnaryLayer { RMSNorm(hiddenSize, eps: normEps) }
  /// Like the norms of blocks.
  public var finalNorm: (any UnaryLayer)? { norm() }
  /// 1
  public var residualScale: Float { 1 }
  /// No.
  public var addsToNorms: Bool { false }
  /// The usual names.
  public static var blockNames: [String: String] { [:] }
  /// The usual names.
  public static var stackNames: [String: String] { [:] }
  /// No others than the usual ones.
  public static var ignoredSuffixes: [String] { [] }
}

/// A block whose parts and names its config knows.
public protocol ConfiguredBlock: DecoderBlock where Config: BlockConfig {}

extension ConfiguredBlock {
  /// The checkpoint's, which the config knows.
  public static var checkpointNames: [String: String] { Config.blockNames }
  /// The checkpoint's, which the config knows.
  public static var stackNames: [String: String] { Config.stackNames }
  /// The checkpoint's, which the config knows.
  public static var ignoredSuffixes: [String] { Config.ignoredSuffixes }
}
