import NeedletailGraph

extension LanguageModel {
  /// The graph to "logits" and, if wanted, "scored_hidden" [tokens, width]: what the last product makes the logits of.
  public func trace(maximumSequenceLength: Int?, givesHidden: Bool) throws(ModelError) -> Graph {
    var graph = try trace(maximumSequenceLength: maximumSequenceLength)
    guard givesHidden else { return graph }
    guard graph.addHiddenOutput() else {
      throw ModelError("the model's logits are no product, so it has no hidden rows")
    }
    return graph
  }
}

extension Graph {
  /// Adds the output "scored_hidden"; false where nothing multiplies it to logits.
  ///
  /// The operation that defines it (a norm, as a rule) is recorded a second time, so that nothing on the way to the logits
  /// is stored or fused otherwise than without it, and their bits stay the same.
  mutating func addHiddenOutput() -> Bool {
    let definitions = definitions()
    guard var value = outputs.first(where: { $0.name == StepOutput.logits.rawValue })?.value else { return false }
    while let index = definitions[value] {
      let node = nodes[index]
      switch node.op {
      case .linear:
        guard let source = definitions[node.inputs[0]] else { return false }
        var copy = nodes[source]
        guard copy.results.count == 1 else { return false }
        copy.results = [newValue(self[node.inputs[0]])]
        copy.scope = StepOutput.hidden.rawValue
        nodes.append(copy)
        outputs.append(Output(StepOutput.hidden.rawValue, copy.results[0]))
        return true
      case .scale, .softcap, .clamp, .cast, .binary, .reshape, .slice: value = node.inputs[0]
      default: return false
      }
    }
    return false
  }
}
