extension ModelPackage {
  /// What a user who asked for this model may not expect, a sentence each.
  var notes: [String] {
    guard archive == nil, checkpoint == nil else { return [] }
    let places = [directory.config, directory.config["text_config"] ?? .null].flatMap {
      [$0["quantization_config"], $0["compression_config"]]
    }
    guard let quantization = places.compactMap({ $0 }).first(where: { !$0.isNull }) else { return [] }
    let method = quantization["quant_method"]?.string.map { " by \($0)" } ?? ""
    return ["config.json says that weights are quantized\(method); dummy weights are not, they are \(mainDType.name)"]
  }
}
