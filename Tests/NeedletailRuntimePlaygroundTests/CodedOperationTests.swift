import NeedletailCPU
import NeedletailCompiler
import NeedletailGraph
import NeedletailKernels
import NeedletailRuntime
import NeedletailTesting
import Testing

/// Products by coded weights, against the same arithmetic in double precision.
@Suite struct CodedOperationTests {
  static let names = ["fp8", "fp8-block", "fp8-weights", "int8", "w8a8", "int4", "int4:32", "int4-symmetric", "mxfp4"]

  static func recipe(_ name: String) throws -> LinearRecipe {
    try #require(QuantizationRecipe(named: name)?.linear)
  }

  private func numbers(_ shape: [Int], seed: UInt64) -> Values {
    var numbers = SeededNumbers(seed: seed)
    return Values(shape, ReferenceTensor(shape, &numbers).floats)
  }

  private func graph(n: Int, k: Int) -> Graph {
    let builder = GraphBuilder()
    let x = builder.input("x", .real, [.tokens, .fixed(k)])
    builder.output("y", x.linear(builder.weight(Weight(parts: [.init("m.weight", shape: [n, k])]))))
    return builder.graph
  }

  private func expect(_ found: Values?, near wanted: [Double], within bound: Double, _ what: String) throws {
    let found = try #require(found).elements
    #expect(found.count == wanted.count)
    let magnitude = (wanted.map { $0 * $0 }.reduce(0, +) / Double(max(wanted.count, 1))).squareRoot()
    for (a, b) in zip(found, wanted) where !(abs(Double(a) - b) <= bound * magnitude) {
      Issue.record("\(what): \(a), not \(b)")
      return
    }
  }

  @Test(arguments: names, [1, 13, 70]) func products(_ name: String, _ tokens: Int) throws {
    let recipe = try Self.recipe(name)
    for (n, k) in [(70, 130), (33, 64), (150, 514), (5, 1030)] {
      let (x, w) = (numbers([tokens, k], seed: 3), numbers([n, k], seed: 4))
      for dtype in [DType.float32, .bfloat16, .float16] {
        var used = recipe
        if recipe.weight.code == .int4 { used.weight.scaleType = dtype }
        let found = try graph(n: n, k: k).run(
          on: .cpu, ["x": x], weights: ["m.weight": w], dtype: dtype, recipe: { _, _ in recipe })["y"]
        let wanted = CodedReference.product(x.elements, w.elements, n: n, k: k, used)
        try expect(found, near: wanted, within: 2e-5, "\(name) [\(tokens), \(k)] x [\(n), \(k)] \(dtype.name)")
      }
    }
  }

  // Every instruction set of this machine, with int8 codes of x where it takes them.
  @Test(arguments: InstructionSet.allCases.filter(\.isAvailable), names)
  func instructionSets(_ instructionSet: InstructionSet, _ name: String) throws {
    let recipe = try Self.recipe(name)
    let device = try CPUDevice(threads: 2, instructionSet: instructionSet)
    let (n, k, tokens) = (66, 194, 17)
    let (x, w) = (numbers([tokens, k], seed: 5), numbers([n, k], seed: 6))
    var used = recipe
    if recipe.weight.code == .int4 { used.weight.scaleType = .float32 }
    let found = try graph(n: n, k: k).run(
      on: .device(device), ["x": x], weights: ["m.weight": w], recipe: { _, _ in recipe })["y"]
    try expect(
      found, near: CodedReference.product(x.elements, w.elements, n: n, k: k, used), within: 2e-5,
      "\(instructionSet.name) \(name)")
  }

  // Merging changes no bits, nor do other rows.
  @Test(arguments: names) func mergedProducts(_ name: String) throws {
    let recipe = try Self.recipe(name)
    let (n, k, tokens) = (128, 256, 9)
    let builder = GraphBuilder()
    let x = builder.input("x", .real, [.tokens, .fixed(k)])
    func product(_ name: String) -> Tensor {
      x.linear(builder.weight(Weight(parts: [.init(name + ".weight", shape: [n, k])])))
    }
    builder.output("y", product("gate").activation(.silu) * product("up"))
    let weights = ["gate.weight": numbers([n, k], seed: 7), "up.weight": numbers([n, k], seed: 8)]
    let values = numbers([tokens, k], seed: 9)
    let together = try #require(
      try builder.graph.run(on: .cpu, ["x": values], weights: weights, recipe: { _, _ in recipe })["y"]
    ).elements
    var single: [[Float]] = []
    for part in ["gate", "up"] {
      let alone = try graph(n: n, k: k).run(
        on: .cpu, ["x": values], weights: ["m.weight": weights[part + ".weight"] ?? values],
        recipe: { _, _ in recipe })["y"]
      single.append(try #require(alone).elements)
    }
    for (index, value) in together.enumerated() {
      let (gate, up) = (Double(single[0][index]), Double(single[1][index]))
      let wanted = gate / (1 + exp(-gate)) * up
      #expect(abs(Double(value) - wanted) <= 1e-5 * max(1, abs(wanted)))
    }
    let last = try builder.graph.run(
      on: .cpu, ["x": Values([1, k], Array(values.elements.suffix(k)))], weights: weights, recipe: { _, _ in recipe })
    #expect(last["y"]?.elements == Array(together.suffix(n)))
  }

  private func exp(_ x: Double) -> Double {
    // e^x as (1 + x / 2^20)^(2^20), in double precision with twelve digits.
    var result = 1 + x / 1_048_576 + x * x / 2_199_023_255_552
    for _ in 0..<20 { result *= result }
    return result
  }

  @Test func int8Embedding() throws {
    let builder = GraphBuilder()
    let ids = builder.input(StepInput.tokenIDs.rawValue, .int32, [.tokens])
    let table = builder.weight(Weight(parts: [.init("embed.weight", shape: [40, 70])]))
    let x = ids.embedded(in: table)
    builder.output("y", x)
    builder.output("logits", x.linear(table))
    let w = numbers([40, 70], seed: 11)
    let found = try builder.graph.run(
      on: .cpu, [StepInput.tokenIDs.rawValue: Values([4], [39, 0, 33, 7])], weights: ["embed.weight": w],
      recipe: { _, role in role == .embedding ? LinearRecipe(WeightCoding(.int8)) : nil })
    let decoded = CodedReference.decoded(w.elements, n: 40, k: 70, WeightCoding(.int8))
    let rows = [39, 0, 33, 7].flatMap { Array(decoded[$0 * 70..<($0 + 1) * 70]) }
    try expect(found["y"], near: rows, within: 1e-6, "rows")
    let logits = (0..<4).flatMap { row in
      (0..<40).map { n in (0..<70).reduce(0.0) { $0 + rows[row * 70 + $1] * decoded[n * 70 + $1] } }
    }
    try expect(found["logits"], near: logits, within: 1e-5, "logits")
  }

  @Test(arguments: ["fp8", "int8", "w8a8", "int4", "mxfp4"]) func experts(_ name: String) throws {
    let recipe = try Self.recipe(name)
    let (count, width, inner, tokens) = (4, 64, 48, 21)
    let experts = Experts(count: count, activation: .silu)
    let builder = GraphBuilder()
    let x = builder.input("x", .real, [.tokens, .fixed(width)])
    let router = builder.weight(Weight(parts: [.init("router.weight", shape: [count, width])]))
    let (chosen, weights) = x.linear(router).routed(Routing(2, .softmax))
    func stacked(_ name: String, _ rows: Int, _ columns: Int) -> Tensor {
      builder.weight(
        Weight(
          parts: (0..<count).map { .init(name, shape: [count, rows, columns], index: $0) }, split: .experts))
    }
    let operands = ExpertsOperands(
      x: x, chosen: chosen, weights: weights, gateUp: stacked("gateUp", 2 * inner, width),
      down: stacked("down", width, inner))
    builder.output("y", operands.mixed(by: experts))
    var values = [
      "router.weight": numbers([count, width], seed: 21), "gateUp": numbers([count, 2 * inner, width], seed: 22),
      "down": numbers([count, width, inner], seed: 23),
    ]
    let x0 = numbers([tokens, width], seed: 24)
    let found = try #require(
      try builder.graph.run(
        on: .cpu, ["x": x0], weights: values, recipe: { _, role in role == .experts ? recipe : nil })["y"])
    // The same graph with the numbers that the codes stand for; only codes of activations differ.
    for (name, k) in [("gateUp", width), ("down", inner)] {
      guard let old = values[name] else { continue }
      var coding = recipe.weight
      if coding.code == .int4 { coding.scaleType = .float32 }
      let decoded = CodedReference.decoded(old.elements, n: old.elements.count / k, k: k, coding)
      values[name] = Values(old.shape, decoded.map { Float($0) })
    }
    let plain = try #require(try builder.graph.run(on: .cpu, ["x": x0], weights: values)["y"])
    try expect(
      found, near: plain.elements.map(Double.init), within: recipe.activation == nil ? 2e-5 : 0.25, "experts \(name)")
  }

  @Test func routersAndHeadStayAsTheyAre() throws {
    let builder = GraphBuilder()
    let x = builder.input("x", .real, [.tokens, 32])
    func weight(_ name: String, _ n: Int) -> Tensor {
      builder.weight(Weight(parts: [.init(name, shape: [n, 32])]))
    }
    let (chosen, weights) = x.linear(weight("gate", 4)).routed(Routing(1, .softmax))
    let inner = x.linear(weight("proj", 32))
    builder.output("logits", (inner.linear(weight("head", 50)) * 0.5).softcapped(30))
    builder.output("chosen", chosen)
    builder.output("weights", weights)
    var graph = builder.graph
    let seen = Recorder()
    var context = PassContext(precision: PrecisionPolicy(.float32))
    context.recipe = { part, role in
      seen.roles[part.name] = role
      return nil
    }
    try Pass.quantize.run(&graph, context)
    #expect(seen.roles == ["gate": .router, "proj": .projection, "head": .head])
  }

  private final class Recorder: @unchecked Sendable {
    var roles: [String: ModuleRole] = [:]
  }

  @Test func weightsThatAreNoNumbersAreASentence() throws {
    let recipe = try Self.recipe("int8")
    var w = numbers([8, 32], seed: 1)
    w.elements[40] = .nan
    let x = numbers([1, 32], seed: 2)
    #expect {
      _ = try graph(n: 8, k: 32).run(on: .cpu, ["x": x], weights: ["m.weight": w], recipe: { _, _ in recipe })
    } throws: { "\($0)".contains("m.weight has numbers that are not finite") }
  }
}
