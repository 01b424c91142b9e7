import NeedletailGraph
import NeedletailKernels

extension QuantizerRun {
  /// Chooses int4 or int8 for each product, so that weights have the recipe's bits on average: int8 first where it takes
  /// away the most error for its bits.
  ///
  /// A module's error is measured with the text: the squared error of its outputs over their squares, by both codings
  /// rounded to nearest.
  mutating func measureSensitivity(_ text: [[Int32]], on device: any Device) throws {
    guard let budget = recipe.bits else { return }
    var candidates: [(module: String, gain: Double, cost: Double, count: Int)] = []
    let (small, large) = (recipe.linear, LinearRecipe(WeightCoding(.int8)))
    var used = 0.0
    var total = 0
    try forEachLayer(text, on: device) { run, layer in
      for (group, statistics) in layer {
        guard let moments = statistics.meanMoments else { continue }
        for site in group.sites where run.choice(site).recipe != nil {
          let weight = try run.weights.matrix(site.part)
          let whole = max(try run.products.error(weight, moments), 1e-30)
          func error(_ coding: WeightCoding) throws -> Double {
            var change = FloatMatrix(weight.rows, weight.columns, RoundToNearest.encode(weight, coding).values())
            change.subtract(weight)
            return try run.products.error(change, moments) / whole
          }
          let (n, k) = (site.shape[0], site.shape[1])
          let bits = small.weight.bits(n: n, k: k)
          used += bits * Double(n * k)
          total += n * k
          candidates.append(
            (
              site.module, try error(small.weight) - error(large.weight),
              (large.weight.bits(n: n, k: k) - bits) * Double(n * k), n * k
            ))
        }
      }
    }
    guard total > 0 else { return }
    guard used <= budget * Double(total) else {
      throw QuantizeError(
        "a budget of \(budget) bits is less than int4 in groups of \(small.weight.groupSize ?? 0) takes: "
          + "\((used / Double(total) * 100).rounded() / 100) bits a weight, scales included")
    }
    for candidate in candidates.sorted(by: { $0.gain / $0.cost > $1.gain / $1.cost })
    where used + candidate.cost <= budget * Double(total) {
      used += candidate.cost
      chosen[candidate.module] = large
    }
    report = QuantizeReport()
    summary = QuantizationSummary()
    summary.cache = recipe.cache
  }
}
