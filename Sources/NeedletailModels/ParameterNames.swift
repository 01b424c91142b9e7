import NeedletailGraph

/// The checkpoint's names of a model's parameters: the paths of the properties that hold them.
public struct ParameterNames: Sendable {
  /// A parameter and its name.
  public struct Entry: Sendable {
    /// "model.layers.0.mlp.up_proj.weight"
    public let name: String
    /// The parameter.
    public let parameter: Parameter
  }

  /// Every parameter once, in the order of the properties.
  public private(set) var entries: [Entry] = []
  private var names: [ObjectIdentifier: String] = [:]

  /// Walks over the properties of a layer. `ties` maps names under which a parameter is reached again to the name under
  /// which it was reached first; any other parameter reached twice is an error.
  init(of layer: any Layer, ties: [String: String]) throws(ModelError) {
    try walk(layer, path: "", ties: ties)
  }

  private mutating func walk(_ value: Any, path: String, ties: [String: String]) throws(ModelError) {
    for (parameter, path) in Self.parameters(in: value, path: path) {
      if let first = names[ObjectIdentifier(parameter)] {
        guard ties[path] == first else {
          throw ModelError(
            "parameter \(parameter.shape) is both \(first) and \(path); a tie has to be declared in `ties`")
        }
        continue
      }
      names[ObjectIdentifier(parameter)] = path
      entries.append(Entry(name: path, parameter: parameter))
    }
    var seen: Set<String> = []
    for entry in entries where !seen.insert(entry.name).inserted {
      throw ModelError("two parameters have the name \(entry.name)")
    }
  }

  /// The name of a parameter, nil if the walk did not reach it.
  public func name(of parameter: Parameter) -> String? { names[ObjectIdentifier(parameter)] }

  /// The path of a layer: that of its first parameter without the part inside the layer.
  func path(of layer: any Layer) -> String? {
    guard let first = Self.parameters(in: layer, path: "", limit: 1).first, let name = name(of: first.parameter),
      name.hasSuffix("." + first.path)
    else { return nil }
    return String(name.dropLast(first.path.count + 1))
  }

  /// Throws where the graph uses a parameter that has no name.
  func check(_ graph: Graph, root: String) throws(ModelError) {
    for node in graph.nodes {
      guard case .weight(let weight) = node.op, weight.parts.contains(where: { $0.name == Self.unreached }) else {
        continue
      }
      throw ModelError(
        "a parameter \(weight.parts[0].shape) is used in \(node.scope.isEmpty ? root : node.scope) and is no property "
          + "(nor an element of an array, nor in an optional) of \(root) or its layers")
    }
  }
}

extension ParameterNames {
  /// The names in the recording of this task. Tensors carry their graph, which knows nothing of parameters, so this is
  /// how a layer called on a tensor learns its parameters' names.
  @TaskLocal static var current: ParameterNames?
  /// The path of the layer that is being recorded.
  @TaskLocal static var scope = ""
  /// What stands for the name of a parameter the walk did not reach, until `check` throws.
  static let unreached = "?"
}

extension ParameterNames {
  private typealias Found = (parameter: Parameter, path: String)

  private static func parameters(in value: Any, path: String, limit: Int = .max) -> [Found] {
    var found: [Found] = []
    collect(value, path: path, limit: limit, into: &found)
    return found
  }

  private static func collect(_ value: Any, path: String, limit: Int, into found: inout [Found]) {
    guard found.count < limit else { return }
    func join(_ component: String) -> String {
      path.isEmpty ? component : component.isEmpty ? path : "\(path).\(component)"
    }
    switch value {
    case let parameter as Parameter: found.append((parameter, path))
    case let layer as any Layer:
      let names = layer.checkpointNames
      for child in Mirror(reflecting: layer).children {
        guard let label = child.label else { continue }
        collect(child.value, path: join(names[label] ?? snakeCased(label)), limit: limit, into: &found)
      }
    default:
      let mirror = Mirror(reflecting: value)
      switch mirror.displayStyle {
      case .optional:
        for child in mirror.children { collect(child.value, path: path, limit: limit, into: &found) }
      case .collection:
        for (index, child) in mirror.children.enumerated() {
          collect(child.value, path: join(String(index)), limit: limit, into: &found)
        }
      default: break
      }
    }
  }

  /// "inputLayernorm" -> "input_layernorm", "qkvProj2" -> "qkv_proj2", "preMLPNorm" -> "pre_mlp_norm".
  static func snakeCased(_ name: String) -> String {
    let characters = Array(name)
    var result = ""
    for (index, character) in characters.enumerated() {
      if character.isUppercase, index > 0 {
        let startsWord = !characters[index - 1].isUppercase
        let endsRun = index + 1 < characters.count && characters[index + 1].isLowercase
        if (startsWord || endsRun) && characters[index - 1] != "_" { result += "_" }
      }
      result += character.lowercased()
    }
    return result
  }
}
