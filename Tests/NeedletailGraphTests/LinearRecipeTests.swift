import NeedletailGraph
import Testing

@Suite struct LinearRecipeTests {
  static let recipes: [LinearRecipe] = [
    LinearRecipe(WeightCoding(.int8)),
    LinearRecipe(WeightCoding(.int8), activation: ActivationCoding(.int8, .token), hasInputScale: true),
    LinearRecipe(WeightCoding(.float8e4m3), activation: ActivationCoding(.float8e4m3, .tensor)),
    LinearRecipe(
      WeightCoding(.float8e4m3, groupSize: 128, rowsPerScale: 128),
      activation: ActivationCoding(.float8e4m3, .group(128))),
    LinearRecipe(
      WeightCoding(.int4, groupSize: 64, hasZeroPoints: true, scaleType: .bfloat16), hasInputScale: true),
    LinearRecipe(
      WeightCoding(.int4, groupSize: 32, scaleType: .float16, hasRowScales: true),
      activation: ActivationCoding(.float8e4m3, .token)),
    LinearRecipe(WeightCoding(.float4e2m1, groupSize: 32, scaleType: .float8e8m0)),
  ]

  @Test(arguments: recipes) func isReadBackFromItsText(_ recipe: LinearRecipe) throws {
    #expect(try LinearRecipe(text: recipe.description) == recipe)
    #expect(recipe.fault(n: 256, k: 128) == nil)
    let builder = GraphBuilder()
    let x = builder.input("x", .bfloat16, [.tokens, 128])
    let weight = Weight(parts: [.init("a.weight", shape: [256, 128])], recipe: recipe)
    builder.output("y", x.linear(builder.weight(weight)))
    let graph = builder.graph
    #expect(try Graph(text: graph.text) == graph)
    #expect(graph.text.contains("\(recipe.weight.dtype.name)[256, 128]"))
  }

  @Test(arguments: [
    "", "int5", "int8 groups", "int8 groups 0", "int8 of", "int8 scales wide", "int8; y", "int8; x int8",
    "int8; x int8 groups", "int8; x int8 token 3",
  ])
  func textThatIsNoneIsASentence(_ text: String) {
    #expect(throws: GraphError.self) { try LinearRecipe(text: text) }
  }

  @Test func faultsNameWhatDoesNotGoTogether() {
    #expect(LinearRecipe(WeightCoding(.int4, groupSize: 32)).fault(n: 4, k: 33) != nil)
    #expect(LinearRecipe(WeightCoding(.int4, groupSize: 12)).fault(n: 4, k: 24) != nil)
    #expect(LinearRecipe(WeightCoding(.int8, hasZeroPoints: true)).fault(n: 4, k: 24) != nil)
    #expect(LinearRecipe(WeightCoding(.int8, scaleType: .bfloat16)).fault(n: 4, k: 24) != nil)
    #expect(
      LinearRecipe(WeightCoding(.int8), activation: ActivationCoding(.float8e4m3, .token)).fault(n: 4, k: 24) != nil)
    #expect(
      LinearRecipe(WeightCoding(.float8e4m3, groupSize: 64), activation: ActivationCoding(.float8e4m3, .token))
        .fault(n: 4, k: 128) != nil)
  }

  @Test func bytesCountWhatIsStoredBesides() {
    let coding = WeightCoding(.int4, groupSize: 64, hasZeroPoints: true, scaleType: .bfloat16)
    #expect(coding.rowBytes(96) == 48)
    #expect(coding.scaleBytes(n: 10, k: 96) == 40)
    #expect(coding.zeroBytes(n: 10, k: 96) == 20)
    #expect(coding.bits(n: 10, k: 128) == 4.375)
    let blocks = WeightCoding(.float8e4m3, groupSize: 128, rowsPerScale: 128)
    #expect(blocks.scaleBytes(n: 129, k: 130) == 16)
  }

  @Test func globsMatchNames() {
    let name = "model.layers.10.mlp.gate"
    for pattern in ["*", name, "model.layers.*.mlp.gate", "*gate", "model*", "*.1?.mlp.*"] {
      #expect(name.matches(glob: pattern), "\(pattern)")
    }
    for pattern in ["", "gate", "model.layers.*.mlp", "*gate_proj", "model.layers.?.mlp.gate"] {
      #expect(!name.matches(glob: pattern), "\(pattern)")
    }
  }

  @Test func overridesComeFirst() {
    let int8 = LinearRecipe(WeightCoding(.int8))
    let recipe = QuantizationRecipe(
      "mixed", linear: int8, embedding: WeightCoding(.int8),
      overrides: [.init("*.down_proj", nil), .init("*.gate", int8)])
    #expect(recipe.recipe(of: "a.up_proj", role: .projection) == int8)
    #expect(recipe.recipe(of: "a.down_proj", role: .projection) == nil)
    #expect(recipe.recipe(of: "a.router", role: .router) == nil)
    #expect(recipe.recipe(of: "a.gate", role: .router) == int8)
    #expect(recipe.recipe(of: "lm_head", role: .head) == nil)
    #expect(recipe.recipe(of: "embed", role: .embedding)?.weight == WeightCoding(.int8))
  }
}
