import NeedletailGraph

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

extension Reference {
  /// The experts that a router chooses for each row of logits [rows, experts], and their weights, both [rows, k].
  public static func routed(
    _ logits: [Double], experts: Int, _ routing: Routing, bias: [Double]? = nil
  ) -> (experts: [Int], weights: [Double]) {
    var result: (experts: [Int], weights: [Double]) = ([], [])
    for start in stride(from: 0, to: logits.count, by: experts) {
      let row = Array(logits[start..<start + experts])
      let chosen = chosenExperts(row, routing, bias)
      var weights = self.weights(row, chosen, routing)
      if routing.renormalizes {
        let sum = weights.reduce(0, +) + 1e-20
        weights = weights.map { $0 / sum }
      }
      result.experts += chosen
      result.weights += weights.map { $0 * Double(routing.scale) }
    }
    return result
  }

  private static func softmax(_ x: [Double]) -> [Double] {
    let highest = x.max() ?? 0
    let powers = x.map { exp($0 - highest) }
    let sum = powers.reduce(0, +)
    return powers.map { $0 / sum }
  }

  private static func scores(_ logits: [Double], _ scoring: Routing.Scoring) -> [Double] {
    switch scoring {
    case .softmax: softmax(logits)
    case .sigmoid: logits.map { 1 / (1 + exp(-$0)) }
    case .softmaxOfChosen, .sparseMixer: logits
    }
  }

  /// The highest first, among equals the first one.
  private static func highest(_ count: Int, of values: [Double]) -> [Int] {
    let order = values.indices.sorted { values[$0] != values[$1] ? values[$0] > values[$1] : $0 < $1 }
    return Array(order.prefix(count))
  }

  private static func chosenExperts(_ logits: [Double], _ routing: Routing, _ bias: [Double]?) -> [Int] {
    var choice = scores(logits, routing.scoring)
    if let bias { choice = zip(choice, bias).map(+) }
    if let groups = routing.groups {
      let size = choice.count / groups.count
      let quality = (0..<groups.count).map { group in
        let best = choice[group * size..<(group + 1) * size].sorted(by: >)
        return groups.score == .maximum ? best[0] : best[0] + best[1]
      }
      let open = Set(highest(groups.chosen, of: quality))
      choice = choice.indices.map { open.contains($0 / size) ? choice[$0] : -.infinity }
    }
    return highest(routing.chosenCount, of: choice)
  }

  private static func weights(_ logits: [Double], _ chosen: [Int], _ routing: Routing) -> [Double] {
    switch routing.scoring {
    case .softmax, .sigmoid:
      let scores = scores(logits, routing.scoring)
      return chosen.map { scores[$0] }
    case .softmaxOfChosen: return softmax(chosen.map { logits[$0] })
    case .sparseMixer:
      return chosen.indices.map { place in
        let highest = logits[chosen[place]]
        let near = logits.indices.filter { expert in
          let difference = (highest - logits[expert]) / max(abs(logits[expert]), highest)
          return !chosen[..<place].contains(expert) && difference <= 2 * Double(routing.jitter)
        }
        return 1 / near.reduce(0) { $0 + exp(logits[$1] - highest) }
      }
    }
  }

  /// What experts make of each row of x [rows, width].
  public static func mixed(
    _ x: ReferenceTensor, _ operands: ExpertsOperands<ReferenceTensor>, _ experts: Experts
  ) -> [Double] {
    let (width, inner, choices) = (x.width, operands.down.width, operands.chosen.width)
    func part(_ elements: [Double], _ expert: Int) -> [Double] {
      let size = elements.count / experts.count
      return Array(elements[expert * size..<(expert + 1) * size])
    }
    var out: [Double] = []
    for row in 0..<x.elements.count / width {
      var sum = [Double](repeating: 0, count: width)
      for pair in row * choices..<(row + 1) * choices {
        let (expert, weight) = (Int(operands.chosen.elements[pair]), operands.weights.elements[pair])
        let factor = experts.weightsInput ? weight : 1
        var gateUp = matmul(
          x.elements[row * width..<(row + 1) * width].map { $0 * factor }, part(operands.gateUp.elements, expert),
          rows: 1, n: 2 * inner, k: width, bias: operands.biases.map { part($0.gateUp.elements, expert) })
        if let limit = experts.limit.map(Double.init) {
          for index in 0..<inner { gateUp[index] = min(gateUp[index], limit) }
          for index in inner..<2 * inner { gateUp[index] = max(-limit, min(gateUp[index], limit)) }
        }
        let hidden = (0..<inner).map {
          activation(gateUp[$0], experts.activation) * (gateUp[inner + $0] + Double(experts.upOffset))
        }
        let result = matmul(
          hidden, part(operands.down.elements, expert), rows: 1, n: width, k: inner,
          bias: operands.biases.map { part($0.down.elements, expert) })
        for index in 0..<width { sum[index] += result[index] * (experts.weightsInput ? 1 : weight) }
      }
      out += sum
    }
    return out
  }
}
