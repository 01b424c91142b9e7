extension Weight {
  /// Reads what `description` prints.
  init(text: String, split: Split?, recipe: LinearRecipe? = nil) throws(GraphError) {
    var parts: [Part] = []
    var rest = text[...]
    while let range = rest.range(of: " + ") {
      parts.append(try Part(text: rest[..<range.lowerBound]))
      rest = rest[range.upperBound...]
    }
    parts.append(try Part(text: rest))
    guard parts.allSatisfy({ $0.storedShape.count == parts[0].storedShape.count }) else {
      throw GraphError("\(text) has parts of different ranks")
    }
    self.init(parts: parts, split: split, recipe: recipe)
  }
}

extension Weight.Part: CustomStringConvertible {
  /// "name[8, 16]", "name[8, 16]^T", "name[8, 16] rows 0..<2 of 4", "name[2, 8, 16] at 1 columns 0..<8",
  /// "name[8, 16] unit".
  public var description: String {
    var text = "\(name)[\(shape.map(String.init).joined(separator: ", "))]"
    if transposed { text += "^T" }
    if let rows { text += " rows \(rows.lowerBound)..<\(rows.upperBound)" }
    if let period { text += " of \(period)" }
    if let index { text += " at \(index)" }
    if let columns { text += " columns \(columns.lowerBound)..<\(columns.upperBound)" }
    if hasUnitRows { text += " unit" }
    return text
  }

  init(text: Substring) throws(GraphError) {
    guard let open = text.firstIndex(of: "["), let close = text.firstIndex(of: "]"), open < close else {
      throw GraphError("\(text) is no weight")
    }
    let dimensions = text[text.index(after: open)..<close].split(separator: ",")
    let shape = dimensions.compactMap { Int($0.trimmed) }
    // A size is at most 2^31: products of a few sizes stay within 64 bits.
    guard shape.count == dimensions.count, (1...3).contains(shape.count),
      shape.allSatisfy({ 0...Int(Int32.max) ~= $0 })
    else { throw GraphError("\(text) has no shape of one to three sizes") }
    self.init(String(text[..<open]), shape: shape, transposed: text[close...].hasPrefix("]^T"))
    let words = text[close...].split(separator: " ").dropFirst()
    hasUnitRows = words.last == "unit"
    for (word, value) in zip(words, words.dropFirst()) {
      switch word {
      case "rows": rows = try Self.range(value)
      case "columns": columns = try Self.range(value)
      case "of": period = try Self.number(value)
      case "at": index = try Self.number(value)
      default: break
      }
    }
    if let fault { throw GraphError("\(text) \(fault)") }
  }

  private static func number(_ text: Substring) throws(GraphError) -> Int {
    guard let number = Int(text), 0...Int(Int32.max) ~= number else { throw GraphError("\(text) is no number") }
    return number
  }

  private static func range(_ text: Substring) throws(GraphError) -> Range<Int> {
    let bounds = text.split(separator: ".").compactMap { Int($0.drop { $0 == "<" }) }
    guard bounds.count == 2, bounds[0] <= bounds[1] else { throw GraphError("\(text) is no range") }
    return bounds[0]..<bounds[1]
  }
}
