extension Checkpoint {
  /// The same checkpoint under the names that a model expects, where it has experts' matrices stacked, as `transformers`
  /// 5 keeps them in memory and writes them when it is told not to go back to the original names:
  /// "mlp.experts.gate_up_proj" [experts, 2 inner, width] and "mlp.experts.down_proj" [experts, width, inner] in the place
  /// of "mlp.experts.0.gate_proj.weight" and so on.
  ///
  /// Some models call the mixture otherwise in memory ("mlp" for "block_sparse_moe"), its router, or the stacked matrices
  /// themselves; these names are exchanged, too. Nothing changes where there are no stacked matrices.
  public func unstackingExperts(expected: Set<String>) -> Checkpoint {
    let stacked = names.filter { $0.hasSuffix(ExpertNames.gateUp) }
    guard !stacked.isEmpty else { return self }
    let mixtures = ExpertNames.mixtures(in: expected)
    var places: [String: [(name: String, stored: Stored)]] = [:]
    var prefixes: [(from: String, to: String)] = []
    for mixture in mixtures.values {
      for base in ExpertNames.bases(of: mixture.path) {
        guard let slices = slices(of: mixture, under: base) else { continue }
        for (stored, list) in slices { places[stored, default: []] += list }
        prefixes.append((base + ".", mixture.path + "."))
        break
      }
    }
    let entries = names.flatMap { name -> [(name: String, stored: Stored)] in
      if let slices = places[name] { return slices }
      if expected.contains(name) { return [(name, Stored(name: name))] }
      var renamed = name
      // Longer ones first: "layers.1." is the beginning of no "layers.11.", but a mixture may stand in another's path.
      for (from, to) in prefixes where name.hasPrefix(from) { renamed = to + name.dropFirst(from.count) }
      for (old, new) in ExpertNames.others where !expected.contains(renamed) && renamed.hasSuffix(old) {
        let other = renamed.dropLast(old.count) + new
        if expected.contains(String(other)) { renamed = String(other) }
      }
      return [(expected.contains(renamed) ? renamed : name, Stored(name: name))]
    }
    return Checkpoint(self, entries: entries)
  }

  /// Where each matrix of a mixture's experts lies in the two stacked ones; nil where these are not there or have other
  /// sizes.
  private func slices(
    of mixture: ExpertNames.Mixture, under base: String
  ) -> [String: [(name: String, stored: Stored)]]? {
    let (gateUpName, downName) = (base + ExpertNames.gateUp, base + ExpertNames.down)
    guard let gateUp = self[gateUpName]?.shape, let down = self[downName]?.shape, gateUp.count == 3, down.count == 3,
      gateUp[0] == mixture.count, down[0] == mixture.count, gateUp[1] % 2 == 0
    else { return nil }
    let inner = gateUp[1] / 2
    var slices: [String: [(name: String, stored: Stored)]] = [:]
    for expert in 0..<mixture.count {
      func add(_ role: Int, _ stored: String, _ rows: Range<Int>) {
        let name = "\(mixture.path).experts.\(expert).\(mixture.roles[role]).weight"
        slices[stored, default: []].append((name, Stored(name: stored, index: expert, rows: rows)))
      }
      add(0, gateUpName, 0..<inner)
      add(1, gateUpName, inner..<2 * inner)
      add(2, downName, 0..<down[1])
    }
    return slices
  }
}

/// What mixtures of experts are called in checkpoints.
private enum ExpertNames {
  static let gateUp = ".experts.gate_up_proj"
  static let down = ".experts.down_proj"
  /// Of one expert: the gate, what it multiplies, the last projection.
  static let roles = [
    ["gate_proj", "up_proj", "down_proj"], ["w1", "w3", "w2"], ["linear", "linear_v", "linear_1"],
  ]
  /// Names in memory, and in files.
  static let others = [
    (".router.weight", ".gate.weight"), (".router.weight", ".router.layer.weight"),
    (gateUp, ".input_linear.weight"), (down, ".output_linear.weight"),
  ]

  /// A mixture whose experts have tensors of their own.
  struct Mixture {
    var path: String
    var roles: [String]
    var count: Int
  }

  /// By their paths.
  static func mixtures(in names: Set<String>) -> [String: Mixture] {
    var mixtures: [String: Mixture] = [:]
    for roles in roles {
      let ending = ".\(roles[0]).weight"
      for name in names where name.hasSuffix(ending) {
        let parts = name.dropLast(ending.count).split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count > 2, parts[parts.count - 2] == "experts", Int(parts[parts.count - 1]) != nil else { continue }
        let path = parts.dropLast(2).joined(separator: ".")
        mixtures[path, default: Mixture(path: path, roles: roles, count: 0)].count += 1
      }
    }
    return mixtures
  }

  /// What a mixture of a path may be called.
  static func bases(of path: String) -> [String] {
    let parent = path.split(separator: ".", omittingEmptySubsequences: false).dropLast()
    return [path, (parent + ["mlp"]).joined(separator: ".")]
  }
}
