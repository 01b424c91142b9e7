import NeedletailGraph

/// A causal language model: built from a config, called on a step, gives logits.
///
///     let model = try ModelTable.standard.model(for: ConfigJSON(json))
///     let graph = try model.trace()
///     print(graph.text)
///
/// `CausalLM` is one for every stack of decoder blocks; other shapes conform on their own.
public protocol LanguageModel: Layer {
  /// The model a config describes. Throws a `ConfigError` where the config is absurd or asks for what is not known.
  init(_ config: ConfigJSON) throws
  /// Tokens in the vocabulary: the width of the logits.
  var vocabularySize: Int { get }
  /// The longest sequence the model is made for, in tokens.
  var maximumSequenceLength: Int { get }
  /// Names under which parameters are found again, and the names they go by. A checkpoint may have tensors of these
  /// names; they are not read.
  var ties: [String: String] { get }
  /// Endings of the names of tensors that a checkpoint may have and that are not read.
  static var ignoredSuffixes: [String] { get }
  /// The beginning of names that a checkpoint may leave out of all its names: "transformer." where it was saved from the
  /// model without its head.
  static var optionalPrefix: String? { get }
  /// Whether a tensor of a checkpoint is not needed, though no parameter has its name.
  func ignores(_ name: String) -> Bool
  /// The logits of every token of the step: [tokens, vocabulary].
  func callAsFunction(_ step: Step) -> Tensor
}

extension LanguageModel {
  /// No ties.
  public var ties: [String: String] { [:] }
  /// Frequencies of rotary embeddings and causal masks, which old checkpoints keep.
  public static var ignoredSuffixes: [String] { usualIgnoredSuffixes }
  /// Frequencies of rotary embeddings and causal masks, which old checkpoints keep.
  static var usualIgnoredSuffixes: [String] {
    ["rotary_emb.inv_freq", ".attn.masked_bias", ".attention.masked_bias"]
  }
  /// None.
  public static var optionalPrefix: String? { nil }

  /// Whether it is a tie, or has one of the endings.
  public func ignores(_ name: String) -> Bool { isTieOrIgnored(name) }

  func isTieOrIgnored(_ name: String) -> Bool {
    ties[name] != nil || Self.ignoredSuffixes.contains { name.hasSuffix($0) }
  }

  /// Names and shapes of all parameters, as the checkpoint has them, each once.
  public func parameters() throws(ModelError) -> [(name: String, shape: [Int])] {
    try parameterNames(ties: ties).entries.map { ($0.name, $0.parameter.checkpointShape) }
  }

  /// Names of parameters that the checkpoint has as [inputs, outputs].
  public func transposedParameters() throws(ModelError) -> Set<String> {
    Set(try parameterNames(ties: ties).entries.filter { $0.parameter.isTransposed }.map(\.name))
  }

  /// The graph from token ids to "logits" [tokens, vocabulary], for an engine whose sequences are at most this long; nil:
  /// as long as the model is made for.
  public func trace(maximumSequenceLength: Int? = nil) throws(ModelError) -> Graph {
    try trace(maximumSequenceLength: maximumSequenceLength) { step in
      let logits = self(step)
      precondition(logits.shape == [.tokens, .fixed(vocabularySize)], "logits are \(logits.type)")
      return [("logits", logits)]
    }
  }

  /// The graph of outputs of one's own choice, such as hidden states.
  ///
  ///     let graph = try model.trace { step in [("hidden", model.model(step))] }
  public func trace(
    maximumSequenceLength: Int? = nil, _ outputs: (Step) -> [(name: String, tensor: Tensor)]
  ) throws(ModelError) -> Graph {
    let length = maximumSequenceLength ?? self.maximumSequenceLength
    guard length > 0 else { throw ModelError("the maximum sequence length is \(length); it must be positive") }
    return try record(ties: ties) { (builder) throws(ModelError) in
      for (name, tensor) in outputs(Step(builder, maximumSequenceLength: length)) { builder.output(name, tensor) }
    }
  }
}
