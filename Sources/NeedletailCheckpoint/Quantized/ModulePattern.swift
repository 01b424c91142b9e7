/// Which modules a name in a quantization config means: each tool has a way of its own.
enum ModulePattern: Hashable, Sendable {
  /// The module of that name and what lies inside it.
  case name(String)
  /// Any module whose name has this in it.
  case part(String)
  /// The whole name, where `*` stands for any text.
  case wildcard(String)
  /// A regular expression that matches from the name's beginning on, as Python's `re.match`.
  case expression(NameExpression)
  /// Every module of a kind: "Linear".
  case all

  func matches(_ module: String) -> Bool {
    switch self {
    case .name(let name): module == name || module.hasPrefix(name + ".")
    case .part(let part): module.contains(part)
    case .wildcard(let pattern): NamePattern(pattern).matches(module)
    case .expression(let expression): expression.matchesBeginning(of: module)
    case .all: true
    }
  }

  /// The pattern of an entry of `targets` or `ignore` of compressed-tensors.
  init(compressedTensors text: String) throws(CheckpointError) {
    if text.hasPrefix("re:") {
      self = .expression(try NameExpression(String(text.dropFirst(3))))
    } else {
      self = text == "Linear" ? .all : .name(text)
    }
  }
}
