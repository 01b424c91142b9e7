import NeedletailGraph
import NeedletailJSON

/// Checkpoints whose matrices are stored in codes.
public enum CodedCheckpoint {
  /// What a checkpoint stores in codes, as its configuration says; nil: nothing.
  ///
  /// - Parameter parameters: names and shapes of what the model has.
  /// - Throws: a sentence where the layout is unknown, or does not fit the model.
  public static func weights(
    of checkpoint: Checkpoint, in directory: ModelDirectory, parameters: [(name: String, shape: [Int])]
  ) throws -> CodedWeights? {
    guard !directory.has("hf_quant_config.json") else {
      throw CheckpointError(
        directory.path, "has a hf_quant_config.json: weights quantized by ModelOpt cannot be read yet")
    }
    try refuse(directory.config)
    return nil
  }

  // Scales may lie inside tensors that have the usual names and shapes: computing with such weights as if they were
  // ordinary ones would give text that looks almost right.
  package static func refuse(_ config: JSON) throws(CheckpointError) {
    for (place, part) in [("", config), ("text_config.", config["text_config"] ?? .null)] {
      for field in ["quantization_config", "compression_config"] {
        guard let quantization = part[field], !quantization.isNull else { continue }
        let method = quantization["quant_method"]?.string.map { " by \($0)" } ?? ""
        throw CheckpointError("config.json", "has a \(place)\(field): weights quantized\(method) cannot be read yet")
      }
    }
  }
}
