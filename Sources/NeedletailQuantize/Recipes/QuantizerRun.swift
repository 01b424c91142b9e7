import NeedletailCheckpoint
import NeedletailGraph
import NeedletailKernels
import NeedletailRuntime

/// What is done and known while a model is quantized.
struct QuantizerRun {
  let quantizer: Quantizer
  let writer: ShardedWriter
  let products: Products
  var report = QuantizeReport()
  var summary = QuantizationSummary()
  /// Recipes of modules where precision is mixed.
  var chosen: [String: LinearRecipe] = [:]
  /// Tensors that were replaced.
  var replaced: Set<String> = []

  var recipe: QuantizeRecipe { quantizer.recipe }
  var weights: FloatWeights { quantizer.weights }

  init(_ quantizer: Quantizer, _ writer: ShardedWriter, _ products: Products) {
    self.quantizer = quantizer
    self.writer = writer
    self.products = products
    summary.cache = quantizer.recipe.cache
  }

  /// The recipe of a product, or why it stays.
  func choice(_ site: LinearSite) -> (recipe: LinearRecipe?, reason: String?) {
    let (recipe, reason) = quantizer.choice(site.module, site.role, shape: site.shape)
    return (recipe == nil ? nil : chosen[site.module] ?? recipe, reason)
  }

  /// Every group, without a text.
  mutating func allGroups() throws {
    for (index, group) in quantizer.sites.groups.enumerated() {
      try encode(prepare(group, nil))
      try writer.flushIfLarge()
      quantizer.progress(Double(index + 1) / Double(quantizer.sites.groups.count), group.sites[0].module)
    }
  }

  /// Layer by layer: run the text, collect what products read, quantize them.
  mutating func layers(_ text: [[Int32]], on device: any Device) throws {
    try forEachLayer(text, on: device) { run, layer in
      let prepared = try layer.map { try run.prepare($0.group, $0.statistics) }
      for group in prepared { try run.encode(group) }
    }
  }

  /// Runs the text layer by layer, and calls `body` with the groups of products of each and what they read.
  mutating func forEachLayer(
    _ text: [[Int32]], on device: any Device,
    _ body: (inout QuantizerRun, [(group: SiteGroup, statistics: InputStatistics)]) throws -> Void
  ) throws {
    let groups = Dictionary(grouping: quantizer.sites.groups, by: \.x)
    let wanted = groups.filter { $0.value.contains { $0.sites.contains { choice($0).recipe != nil } } }
    let segments = try GraphSegment.cut(quantizer.graph, watched: Set(wanted.keys))
    let longest = text.map(\.count).max() ?? 0
    var carried = text.map { ["tokenIDs": Values([$0.count], $0.map(Float.init))] }
    let last = segments.lastIndex { !$0.watched.isEmpty } ?? -1
    for (place, segment) in segments.enumerated() where place <= last {
      let runner = try GraphRunner(segment.graph, on: device, weights: weights, tokens: longest)
      var collectors: [Graph.Value: StatisticsCollector] = [:]
      for value in segment.watched {
        guard let columns = quantizer.graph[value].shape.last?.fixed else { continue }
        collectors[value] = StatisticsCollector(columns: columns, withMoments: recipe.needsMoments)
      }
      let later = Set(segments[(place + 1)...].flatMap(\.inputs).map(GraphSegment.name))
      for index in text.indices {
        let results = try runner.run(carried[index], tokens: text[index].count)
        for value in segment.watched {
          let name = GraphSegment.name(value)
          guard let x = results[name] ?? carried[index][name] else { continue }
          try collectors[value]?.add(x, products)
        }
        for (name, values) in results where later.contains(name) { carried[index][name] = values }
        carried[index] = carried[index].filter { $0.key == "tokenIDs" || later.contains($0.key) }
        let share = (Double(place) + Double(index + 1) / Double(text.count) / 2) / Double(last + 1)
        quantizer.progress(share, segment.layer.map { "layer \($0)" } ?? "")
      }
      var layer: [(group: SiteGroup, statistics: InputStatistics)] = []
      for value in segment.watched {
        guard var collector = collectors.removeValue(forKey: value) else { continue }
        try collector.finish(products)
        for group in groups[value] ?? [] { layer.append((group, collector.statistics)) }
      }
      try body(&self, layer)
      try writer.flushIfLarge()
      quantizer.progress(Double(place + 1) / Double(last + 1), segment.layer.map { "layer \($0)" } ?? "")
    }
    // What the text never reaches, if anything.
    for group in quantizer.sites.groups where wanted[group.x] == nil { try keep(group) }
  }

  /// Products that stay as they are.
  mutating func keep(_ group: SiteGroup) throws {
    for site in group.sites where !replaced.contains(site.module) {
      report.modules.append(
        ModuleResult(
          module: site.module, shape: site.shape, recipe: nil, relativeError: nil, bytes: 0, reason: choice(site).reason
        ))
      summary.ignored.append(site.module)
    }
  }
}

/// Adds up statistics of rows that come in pieces.
struct StatisticsCollector {
  var statistics: InputStatistics
  private let columns: Int
  private var rows: [Float] = []
  private static let batch = 2048

  init(columns: Int, withMoments: Bool) {
    self.columns = columns
    statistics = InputStatistics(columns: columns, withMoments: withMoments)
  }

  mutating func add(_ x: Values, _ products: Products) throws {
    rows += x.elements
    if rows.count >= Self.batch * columns { try finish(products) }
  }

  mutating func finish(_ products: Products) throws {
    guard !rows.isEmpty else { return }
    guard rows.allSatisfy(\.isFinite) else {
      throw QuantizeError("the calibration text gives activations that are not finite")
    }
    try statistics.add(FloatMatrix(rows.count / columns, columns, rows), products)
    rows = []
  }
}
