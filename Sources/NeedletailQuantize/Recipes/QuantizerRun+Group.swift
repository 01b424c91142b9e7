import NeedletailCheckpoint
import NeedletailGraph

extension QuantizerRun {
  /// Finds factors of x's columns and takes them into weights. All groups of a layer are prepared before any is encoded,
  /// as the factors of one may change the weights of another.
  mutating func prepare(_ group: SiteGroup, _ statistics: InputStatistics?) throws -> PreparedGroup {
    let coded = group.sites.filter { choice($0).recipe != nil }
    var prepared = PreparedGroup(group: group, coded: coded, statistics: statistics, moments: statistics?.meanMoments)
    // Factors of x would have to be taken out of every product that reads it.
    guard coded.count == group.sites.count, let statistics, let first = coded.first.flatMap({ choice($0).recipe }),
      let scales = try factors(group, statistics, prepared.moments, first.weight)
    else { return prepared }
    if let fold = group.fold { try weights.divide(fold, by: scales) } else { prepared.inputScale = scales }
    for site in group.sites { weights.change(site.part, to: try weights.matrix(site.part).scaledColumns(scales)) }
    prepared.scales = scales
    prepared.moments = prepared.moments.map { $0.divided(scales) }
    return prepared
  }

  /// Factors of x's columns; nil where none are looked for, or none help.
  private func factors(
    _ group: SiteGroup, _ statistics: InputStatistics, _ moments: FloatMatrix?, _ coding: WeightCoding
  ) throws -> [Float]? {
    var ties: Ties?
    if case .rows(_, _, let found)? = group.fold { ties = found }
    // Only where other readers of the file see them is a factor better than none.
    guard group.fold != nil || recipe.format == .modelOpt || recipe.format == .compressedTensors else { return nil }
    let matrices = try group.sites.map { try weights.matrix($0.part) }
    switch recipe.method {
    case .nearest, .gptq: return nil
    case .smoothQuant(let alpha):
      return stored(ScaleSearch.smoothQuant(matrices, statistics, alpha: alpha, tied: ties), group.fold)
    case .awq:
      guard let moments, coding.code == .int4 else { return nil }
      let found = try ScaleSearch.awq(matrices, statistics, moments: moments, coding, tied: ties, products)
      return found.error < found.errorBefore ? stored(found.scales, group.fold) : nil
    }
  }

  /// Factors such that what they are taken into is stored without loss, where that is a norm's weight in 16 bits: the
  /// factor is the quotient of the old and the new weight.
  private func stored(_ scales: [Float], _ fold: Fold?) -> [Float] {
    guard case .norm(let weight, _, let offset)? = fold, let tensor = quantizer.checkpoint[weight.name],
      let type = tensor.dtype.graphDType, type == .bfloat16 || type == .float16,
      let values = try? weights.elements(weight.name)
    else { return scales }
    return zip(values, scales).map { value, scale in
      let new = type.rounding((value + offset) / scale - offset) + offset
      let quotient = (value + offset) / new
      return quotient.isFinite && quotient > 0 ? quotient : scale
    }
  }

  /// Encodes and writes the products of a group.
  mutating func encode(_ group: PreparedGroup) throws {
    let (statistics, moments, inputScale, scales) = (group.statistics, group.moments, group.inputScale, group.scales)
    try keep(SiteGroup(x: group.group.x, sites: group.group.sites.filter { choice($0).recipe == nil }, fold: nil))
    var prepared: GPTQ.Preparation?
    var gptq = GPTQ()
    if case .gptq(let ordersColumns) = recipe.method, let moments {
      gptq.ordersColumns = ordersColumns
      prepared = try gptq.prepare(moments)
    }
    for site in group.coded {
      guard var linear = choice(site).recipe else { continue }
      let weight = try weights.matrix(site.part)
      guard weight.elements.allSatisfy(\.isFinite) else {
        throw QuantizeError("\(site.part.name) has values that are not finite")
      }
      var coding = linear.weight
      coding.hasRowScales = false
      let matrix: QuantizedMatrix
      if let prepared, coding.code == .int4 {
        matrix = gptq.encode(weight, prepared, coding)
      } else if recipe.method == .awq, coding.code == .int4, let moments {
        matrix = RoundToNearest.encode(weight, coding, clips: ClipSearch.clips(weight, moments: moments, coding))
      } else {
        matrix =
          recipe.isPerTensor ? RoundToNearest.perTensor(weight, coding) : RoundToNearest.encode(weight, coding)
      }
      linear.hasInputScale = inputScale != nil
      var activationScale: Float?
      if linear.activation?.scope == .tensor, let statistics {
        let maxima = scales.map { zip(statistics.maxima, $0).map { $0 / $1 } } ?? statistics.maxima
        activationScale = max(maxima.max() ?? 0, 1e-12) / (linear.activation?.largest ?? 448)
      }
      var error: Double?
      if let moments {
        var used = matrix
        if linear.weight.hasRowScales { used.addRowScales() }
        error = try relativeError(used, weight, moments)
      }
      try write(
        EncodedModule(
          module: site.module, parameter: site.part.name, shape: site.shape, matrix: matrix, inputScale: inputScale,
          activationScale: activationScale, recipe: linear, isPerTensor: recipe.isPerTensor), error)
      _ = weights.takeChanged(site.part.name)
    }
  }

  private func relativeError(_ matrix: QuantizedMatrix, _ weight: FloatMatrix, _ moments: FloatMatrix) throws -> Double
  {
    var change = FloatMatrix(weight.rows, weight.columns, matrix.values())
    change.subtract(weight)
    return try products.error(change, moments) / max(try products.error(weight, moments), 1e-30)
  }

  /// Writes a module's tensors and notes what it became.
  mutating func write(_ encoded: EncodedModule, _ error: Double?) throws {
    let tensors = recipe.format.tensors(encoded)
    for tensor in tensors { try writer.add(tensor) }
    replaced.insert(encoded.parameter)
    replaced.insert(encoded.module)
    report.modules.append(
      ModuleResult(
        module: encoded.module, shape: encoded.shape, recipe: encoded.recipe, relativeError: error,
        bytes: tensors.reduce(0) { $0 + $1.bytes.count }))
    summary.add(encoded.module, encoded.recipe, isPerTensor: encoded.isPerTensor)
  }
}

/// Products that read the same values, ready to be encoded.
struct PreparedGroup {
  var group: SiteGroup
  /// Those that are quantized.
  var coded: [LinearSite]
  var statistics: InputStatistics?
  /// Of x divided by its factors.
  var moments: FloatMatrix?
  /// What x is divided by while the model runs.
  var inputScale: [Float]?
  /// What x is divided by, then or once and for all.
  var scales: [Float]?
}

extension FloatMatrix {
  /// The second moments of x whose columns are divided by factors.
  func divided(_ scales: [Float]) -> FloatMatrix {
    var result = self
    result.forEachRow { row, values in
      for column in values.indices { values[column] /= scales[row] * scales[column] }
    }
    return result
  }
}
