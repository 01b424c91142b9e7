extension QuantizationRecipe {
  /// The recipes that need no calibration, by name: "fp8", "int4", with the columns that share a scale behind a colon
  /// ("int4:32"), and the embedding or the head in int8 behind a plus ("int4+embedding"). nil for another name.
  ///
  ///     QuantizationRecipe(named: "int4:128+embedding")
  public init?(named text: String) {
    var words = text.split(separator: "+", omittingEmptySubsequences: false).map(String.init)[...]
    let head = (words.popFirst() ?? "").split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    guard let name = head.first, head.count <= 2 else { return nil }
    var group: Int?
    if head.count == 2 {
      guard let size = Int(head[1]), size > 0, size % 8 == 0, size <= 1 << 16 else { return nil }
      group = size
    }
    let linear: LinearRecipe
    switch name {
    case "fp8": linear = LinearRecipe(WeightCoding(.float8e4m3), activation: .init(.float8e4m3, .token))
    case "fp8-block":
      linear = LinearRecipe(
        WeightCoding(.float8e4m3, groupSize: 128, rowsPerScale: 128), activation: .init(.float8e4m3, .group(128)))
    case "fp8-weights": linear = LinearRecipe(WeightCoding(.float8e4m3))
    case "int8": linear = LinearRecipe(WeightCoding(.int8))
    case "w8a8": linear = LinearRecipe(WeightCoding(.int8), activation: .init(.int8, .token))
    case "int4", "int4-symmetric":
      linear = LinearRecipe(
        WeightCoding(
          .int4, groupSize: group ?? 64, hasZeroPoints: name == "int4", scaleType: .bfloat16))
    case "w4a8":
      linear = LinearRecipe(
        WeightCoding(.int4, groupSize: group ?? 64, hasZeroPoints: true, scaleType: .bfloat16, hasRowScales: true),
        activation: .init(.float8e4m3, .token))
    case "mxfp4":
      linear = LinearRecipe(WeightCoding(.float4e2m1, groupSize: group ?? 32, scaleType: .float8e8m0))
    default: return nil
    }
    guard group == nil || linear.weight.dtype.bitCount == 4 else { return nil }
    self.init(text, linear: linear)
    for word in words {
      switch word {
      case "embedding" where embedding == nil: embedding = WeightCoding(.int8)
      case "head" where self.head == nil: self.head = LinearRecipe(WeightCoding(.int8))
      default: return nil
      }
    }
  }

  /// The names that `init(named:)` knows.
  public static let names = [
    "fp8", "fp8-block", "fp8-weights", "int8", "w8a8", "int4", "int4-symmetric", "w4a8", "mxfp4",
  ]
}
