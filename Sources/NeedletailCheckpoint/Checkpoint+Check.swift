extension Checkpoint {
  /// Compares the checkpoint's tensors with those a model expects.
  ///
  /// - Parameters:
  ///   - expected: Names and shapes the model needs.
  ///   - ignoring: Patterns of names that may be there without being expected; `*` stands for any text:
  ///     `["*.rotary_emb.inv_freq", "lm_head.weight"]`.
  ///   - dtypes: The element types the loader reads.
  /// - Throws: One error that lists the missing, the unexpected, the wrongly shaped tensors and those of types that are not
  ///   read: ten of each and how many more.
  public func check(
    expected: [(name: String, shape: [Int])], ignoring: [String] = [],
    dtypes: Set<SafetensorsDType> = [.f32, .f16, .bf16]
  ) throws(CheckpointError) {
    var missing: [String] = []
    var misshapen: [String] = []
    var unreadable: [String] = []
    var known: Set<NameKey> = []
    known.reserveCapacity(expected.count)
    for (name, shape) in expected {
      known.insert(NameKey(name))
      guard let tensor = self[name] else {
        missing.append(quoted(name))
        continue
      }
      if tensor.shape != shape {
        misshapen.append("\(quoted(name)) is \(shapeText(tensor.shape)) and should be \(shapeText(shape))")
      }
      if !dtypes.contains(tensor.dtype) { unreadable.append("\(quoted(name)) is \(tensor.dtype.rawValue)") }
    }
    let patterns = ignoring.map(NamePattern.init)
    let unexpected = names.filter { name in
      !known.contains(NameKey(name)) && !patterns.contains { $0.matches(name) }
    }.map(quoted)

    var faults: [String] = []
    func report(_ what: String, _ items: [String]) {
      if !items.isEmpty { faults.append("\(items.count) \(what) (\(summary(items)))") }
    }
    report("missing", missing)
    report("unexpected", unexpected)
    report("wrongly shaped", misshapen)
    report("of a type that is not read", unreadable)
    guard faults.isEmpty else {
      throw CheckpointError(
        directory,
        "the tensors are not those of the model that config.json describes: " + faults.joined(separator: "; "))
    }
  }
}

/// `[2048, 512]`, cut after eight dimensions.
private func shapeText(_ shape: [Int]) -> String {
  "[" + shape.prefix(8).map(String.init).joined(separator: ", ") + (shape.count > 8 ? ", ..." : "") + "]"
}

/// A pattern of names in which `*` stands for any text, also none; every other byte stands for itself.
///
/// Matching takes time linear in the name for a pattern with one star, at worst name times pattern.
struct NamePattern {
  private let bytes: [UInt8]

  init(_ text: String) { bytes = Array(text.utf8) }

  func matches(_ name: String) -> Bool {
    let name = Array(name.utf8)
    var inName = 0
    var inPattern = 0
    // Where to go on when a later byte does not fit: the last star takes one byte more.
    var star: (pattern: Int, name: Int)?
    while inName < name.count {
      if inPattern < bytes.count, bytes[inPattern] == UInt8(ascii: "*") {
        star = (inPattern, inName)
        inPattern += 1
      } else if inPattern < bytes.count, bytes[inPattern] == name[inName] {
        inPattern += 1
        inName += 1
      } else if let last = star {
        star = (last.pattern, last.name + 1)
        inPattern = last.pattern + 1
        inName = last.name + 1
      } else {
        return false
      }
    }
    return bytes[inPattern...].allSatisfy { $0 == UInt8(ascii: "*") }
  }
}
