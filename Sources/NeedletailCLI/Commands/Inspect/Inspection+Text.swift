import Needletail
import NeedletailKernels

extension Inspection {
  /// The report for a terminal.
  func text(showsGraphs: Bool, pass: String?, showsAll: Bool) throws -> String {
    if let pass { return try graphText(pass) }
    var sections = [summary]
    // An engine has the plan and no graphs.
    if let engine {
      sections.append(engine.text)
    } else {
      sections.append(showsGraphs ? passesText(whole: showsAll) : passesTable)
    }
    for phase in phases {
      sections.append(launches(phase, showsAll: showsAll))
      if let shapes = shapes(phase, showsAll: showsAll) { sections.append(shapes) }
    }
    sections.append(memoryMap(showsAll: showsAll))
    sections.append(weightsText)
    return sections.joined(separator: "\n\n") + "\n"
  }

  private func graphText(_ pass: String) throws -> String {
    guard engine == nil else {
      throw UsageError("\(name) is an engine, which has no graphs; inspect the model it was built from")
    }
    guard let found = graphs.last(where: { $0.pass == pass }) else {
      let names = graphs.map(\.pass).joined(separator: ", ")
      throw UsageError("there is no pass \(pass); there are \(names)")
    }
    return found.graph.text
  }

  private var summary: String {
    let package = compiled.package
    let limits = plan.limits
    return """
      \(name)
        model       \(package.modelType), \(Show.grouped(package.parameterCount)) parameters, \
      \(compiled.precision.dtype.name), cache \(compiled.precision.cache.name)
        device      \(compiled.device.summary)
        machine     reads \(Show.amount(rates.bytesPerSecond, "B/s")), multiplies \
      \(Show.amount(rates.operationsPerSecond, "FLOP/s")) (\(rates.source))
        limits      \(limits.tokens) tokens and \(limits.sequences) sequences a step, sequences of \
      \(Show.grouped(limits.sequenceLength)) tokens, blocks of \(limits.blockSize)
        weights     \(Show.bytes(plan.weightBytes)) in \(plan.weights.count) pieces\(codingText)
        activations \(Show.bytes(plan.activationBytes))
        cache       \(Show.bytes(plan.cacheBytesPerToken)) a token, \(compiled.blockCount) blocks, \
      \(Show.bytes(cacheBytes))
      """
  }

  // Each recipe, and what is left as it is: layers' numbers stand for all layers.
  private var codingText: String {
    var text = plan.codings.map { "\n    in codes    \($0.count) matrices \($0.recipe)" }.joined()
    var modules: [String] = []
    for module in plan.modulesNotCoded {
      let name = module.split(separator: ".").map { Int($0) == nil ? String($0) : "*" }.joined(separator: ".")
      if !modules.contains(name) { modules.append(name) }
    }
    if !modules.isEmpty { text += "\n    not coded   \(modules.joined(separator: ", "))" }
    return text
  }

  private var passesTable: String {
    var table = TextTable(["pass", ">nodes", ">operations"])
    for (pass, graph) in graphs { table.add([pass, "\(graph.nodes.count)", "\(graph.operationCount)"]) }
    return "PASSES\n" + table.text
  }

  /// The graph after each pass; of layers that are alike only the first is written out, unless `whole`.
  private func passesText(whole: Bool) -> String {
    graphs.map { pass, graph in
      let title = "GRAPH \(pass == "model" ? "as recorded" : "after \(pass)"), \(graph.nodes.count) nodes"
      return title + "\n" + (whole ? graph.text : graph.shortText)
    }.joined(separator: "\n")
  }

  private func launches(_ phase: InspectionPhase, showsAll: Bool) -> String {
    let isMeasured = phase.measured != nil
    let heads = ["kernel", ">count", "where", "problem", ">weights", ">cache", ">activations", ">operations", ">floor"]
    var table = TextTable(heads + (isMeasured ? [">measured", ">of floor"] : []))
    func add(_ launch: Launch, _ scope: String, _ count: Int, _ cost: Cost.Evaluated, _ floor: Double, _ time: Double?)
    {
      var cells = [launch.kernel, "\(count)", scope, launch.problem]
      cells += Self.cells(cost, floor: floor)
      if isMeasured { cells += Self.cells(measured: time, floor: floor) }
      table.add(cells)
    }
    if showsAll {
      for row in phase.rows { add(row.launch, row.launch.scope, 1, row.cost, row.floor, row.measured) }
    } else {
      for group in phase.groups { add(group.launch, group.scope, group.count, group.cost, group.floor, group.measured) }
    }
    var cells = ["total", "\(phase.rows.count)", "", ""] + Self.cells(phase.total, floor: phase.floor)
    if isMeasured { cells += Self.cells(measured: phase.measured, floor: phase.floor) }
    table.add(cells)
    let seconds = phase.measured ?? phase.floor
    let tokens = phase.name == "decode" ? phase.profile.sequences.count : phase.profile.counts.tokens
    let rate = Show.short(Double(tokens) / seconds)
    return "LAUNCHES of a \(phase.title)\n" + table.text
      + "\n\(isMeasured ? "" : "at the floor: ")\(rate) tokens/s"
  }

  private static func cells(_ cost: Cost.Evaluated, floor: Double) -> [String] {
    let bytes = [cost.weightBytes, cost.cacheBytes, cost.activationBytes].map { $0 == 0 ? "-" : Show.bytes($0) }
    return bytes + [cost.operations == 0 ? "-" : Show.amount(Double(cost.operations), ""), Show.time(seconds: floor)]
  }

  private static func cells(measured: Double?, floor: Double) -> [String] {
    guard let measured else { return ["-", "-"] }
    return [Show.time(seconds: measured), floor > 0 ? Show.fixed(measured / floor, 2) : "-"]
  }

  private func memoryMap(showsAll: Bool) -> String {
    plan.variants.map { variant in
      var table = TextTable([">offset", ">bytes", ">launches", "value", "type"])
      // Layers reuse the places of the first ones: the map of those says it all.
      let shown = variant.placements.filter { showsAll || (ScopeName.layer($0.name.scopePart) ?? 0) == 0 }
      for place in shown {
        table.add([
          Show.grouped(place.offset), Show.bytes(place.bytes), "\(place.firstLaunch)-\(place.lastLaunch)", place.name,
          place.type.description,
        ])
      }
      let left = variant.placements.count - shown.count
      let rest = left > 0 ? "\nand \(left) values of further layers in the same places" : ""
      return "MEMORY of steps up to \(variant.maximumTokens) tokens: \(Show.bytes(variant.activationBytes))\n"
        + table.text + rest
    }.joined(separator: "\n\n")
  }

  private var weightsText: String {
    var table = TextTable(["weight", ">count", "shape", "stored as", ">bytes"])
    for group in weightGroups {
      table.add([
        group.name, "\(group.count)", group.shape.map(String.init).joined(separator: " x "),
        "\(group.dtype.name) \(group.layout.rawValue)", Show.bytes(group.bytes),
      ])
    }
    table.add(["total", "\(plan.weights.count)", "", "", Show.bytes(plan.weightBytes)])
    return "WEIGHTS\n" + table.text
  }
}

extension String {
  /// The scope behind a placement's "%12 ".
  fileprivate var scopePart: String { split(separator: " ").dropFirst().joined(separator: " ") }
}

extension Graph {
  /// Nodes that compute something.
  var operationCount: Int {
    nodes.count { node in
      switch node.op {
      case .input, .weight: false
      default: true
      }
    }
  }

  /// The text without the layers between the first and the last, which are alike.
  var shortText: String {
    let layers = nodes.compactMap { ScopeName.layer($0.scope) }
    guard let last = layers.max(), last > 1 else { return text }
    var lines: [Substring] = []
    var hidden = 0
    for (index, line) in text.split(separator: "\n").enumerated() {
      let layer = index < nodes.count ? ScopeName.layer(nodes[index].scope) : nil
      if let layer, layer > 0, layer < last {
        hidden += 1
        continue
      }
      if hidden > 0 {
        lines.append("  ... \(hidden) nodes of layers 1 to \(last - 1)")
        hidden = 0
      }
      lines.append(line)
    }
    return lines.joined(separator: "\n") + "\n"
  }
}
