import NeedletailGraph
import NeedletailModels
import Testing

/// A layer with every kind of property.
private struct Everything: Layer {
  let qProj = Linear(4, 4)
  let experts = [Linear(4, 8), Linear(4, 8, bias: true)]
  let missing: Linear? = nil
  let present: Parameter? = Parameter([3])
  let tables = [Parameter([1]), Parameter([2])]
  let preMLPNorm: any UnaryLayer = RMSNorm(4, eps: 1e-6)
  let odd = RMSNorm(5, eps: 1e-6)
  let transparent = Embedding(7, 4)
  let widths = [1, 2, 3]
  let name = "none"
  static let checkpointNames = ["odd": "ln_1", "transparent": ""]
}

private struct Tied: Layer {
  let first: Embedding
  let second: Embedding
  init() {
    first = Embedding(8, 4)
    second = first
  }
}

private struct Hiding: UnaryLayer {
  // A struct that is no layer is not walked over.
  struct Box { let linear = Linear(4, 6) }
  let box = Box()
  let norm = RMSNorm(4, eps: 1e-6)
  func callAsFunction(_ x: Tensor) -> Tensor { scope(in: x.builder) { box.linear(norm(x)) } }
}

private struct Outer: UnaryLayer {
  let inner = Hiding()
  func callAsFunction(_ x: Tensor) -> Tensor { inner(x) }
}

private struct Clash: Layer {
  let a = Parameter([1])
  let b = Parameter([1])
  static let checkpointNames = ["b": "a"]
}

@Suite struct NamingTests {
  @Test func namesArePathsInSnakeCase() throws {
    #expect(
      try Everything().parameterNames().entries.map(\.name) == [
        "q_proj.weight", "experts.0.weight", "experts.1.weight", "experts.1.bias", "present", "tables.0", "tables.1",
        "pre_mlp_norm.weight", "ln_1.weight", "weight",
      ])
  }

  @Test func tiesAreDeclared() throws {
    #expect(
      throws: ModelError(
        "parameter [8, 4] is both first.weight and second.weight; a tie has to be declared in `ties`")
    ) { try Tied().parameterNames() }
    #expect(throws: ModelError.self) { try Tied().parameterNames(ties: ["second.weight": "third.weight"]) }
    let names = try Tied().parameterNames(ties: ["second.weight": "first.weight"])
    #expect(names.entries.map(\.name) == ["first.weight"])
  }

  @Test func oneNameIsOneParameter() {
    #expect(throws: ModelError("two parameters have the name a")) { try Clash().parameterNames() }
  }

  @Test func parametersOutOfReachAreAnError() throws {
    let layer = Outer()
    do {
      _ = try layer.record { builder in
        builder.output("y", layer(builder.input("x", .real, [.tokens, 4])))
      }
      Issue.record("recorded")
    } catch {
      #expect(error.description.hasPrefix("a parameter [6, 4] is used in inner and is no property"), "\(error)")
    }
  }

  @Test func layersOnTheirOwn() throws {
    let layer = GatedMLP(4, 8, activation: .geluTanh, bias: true)
    let graph = try layer.record { builder in
      builder.output("y", layer(builder.input("x", .real, [.tokens, 4])))
    }
    #expect(
      graph.text == """
        %0 = input() {name=x} : real[tokens, 4]
        %1 = weight() {parts="gate_proj.weight[8, 4]", split=columns} : real[8, 4]  # gate_proj
        %2 = weight() {parts="gate_proj.bias[8]", split=columns} : real[8]  # gate_proj
        %3 = linear(%0, %1, %2) : real[tokens, 8]  # gate_proj
        %4 = geluTanh(%3) : real[tokens, 8]
        %5 = weight() {parts="up_proj.weight[8, 4]", split=columns} : real[8, 4]  # up_proj
        %6 = weight() {parts="up_proj.bias[8]", split=columns} : real[8]  # up_proj
        %7 = linear(%0, %5, %6) : real[tokens, 8]  # up_proj
        %8 = multiply(%4, %7) : real[tokens, 8]
        %9 = weight() {parts="down_proj.weight[4, 8]", split=rows} : real[4, 8]  # down_proj
        %10 = weight() {parts="down_proj.bias[4]"} : real[4]  # down_proj
        %11 = linear(%8, %9, %10) : real[tokens, 4]  # down_proj
        output y = %11

        """)
  }

  @Test func transposedWeights() throws {
    let layer = Linear(4, 8, isTransposed: true)
    let graph = try layer.record { builder in
      builder.output("y", layer(builder.input("x", .real, [.tokens, 4])))
    }
    #expect(graph.text.contains("weight() {parts=\"weight[4, 8]^T\"} : real[8, 4]"))
    #expect(try layer.parameterNames().entries.map(\.parameter.checkpointShape) == [[4, 8]])
  }

  @Test func partsOfALinearLayerHaveItsNames() throws {
    let layer = Fused()
    let graph = try layer.record { builder in
      builder.output("y", layer(builder.input("x", .real, [.tokens, 4])))
    }
    #expect(
      graph.text == """
        %0 = input() {name=x} : real[tokens, 4]
        %1 = weight() {parts="qkv.weight[12, 4] rows 0..<4", split=columns} : real[4, 4]  # qkv
        %2 = weight() {parts="qkv.bias[12] rows 0..<4", split=columns} : real[4]  # qkv
        %3 = linear(%0, %1, %2) : real[tokens, 4]  # qkv
        %4 = weight() {parts="qkv.weight[12, 4] rows 2..<3 of 3", split=columns} : real[4, 4]  # qkv
        %5 = weight() {parts="qkv.bias[12] rows 2..<3 of 3", split=columns} : real[4]  # qkv
        %6 = linear(%0, %4, %5) : real[tokens, 4]  # qkv
        %7 = add(%3, %6) : real[tokens, 4]
        %8 = weight() {parts="experts[3, 4, 6]^T at 1"} : real[6, 4]
        %9 = linear(%7, %8) : real[tokens, 6]
        output y = %9

        """)
    #expect(try layer.parameterNames().entries.map(\.name) == ["qkv.weight", "qkv.bias", "experts"])
    #expect(try layer.parameterNames().entries.map(\.parameter.checkpointShape) == [[12, 4], [12], [3, 4, 6]])
  }
}

private struct Fused: UnaryLayer {
  let qkv = Linear(4, 12, bias: true, split: .columns)
  let experts = Parameter([3, 6, 4], isTransposed: true)
  // A part may be kept: it is not walked over.
  let last: LinearPart
  init() { last = qkv.part(rows: 2..<3, of: 3) }
  func callAsFunction(_ x: Tensor) -> Tensor {
    let sum = qkv.part(rows: 0..<4)(x) + last(x)
    return sum.linear(experts.tensor(in: x.builder, index: 1))
  }
}
