import NeedletailCheckpoint
import NeedletailGraph
import NeedletailJSON
import Testing

@testable import NeedletailQuantize

/// What is written reads back as it was.
struct WritersTests {
  struct Case: CustomStringConvertible, Sendable {
    let recipe: String
    let format: CheckpointFormat
    var groupSize: Int?
    var isSymmetric: Bool?
    var description: String {
      "\(recipe) as \(format.rawValue), groups \(groupSize ?? 0), symmetric \(isSymmetric ?? false)"
    }
  }

  static let cases = [
    Case(recipe: "fp8", format: .compressedTensors), Case(recipe: "fp8", format: .modelOpt),
    Case(recipe: "fp8-static", format: .compressedTensors), Case(recipe: "fp8-static", format: .modelOpt),
    Case(recipe: "fp8-static", format: .fp8), Case(recipe: "fp8-block", format: .fp8),
    Case(recipe: "fp8-block", format: .compressedTensors), Case(recipe: "int8", format: .compressedTensors),
    Case(recipe: "int8", format: .modelOpt), Case(recipe: "int8-smoothquant", format: .compressedTensors),
    Case(recipe: "int8-smoothquant", format: .modelOpt),
    Case(recipe: "int4", format: .compressedTensors, groupSize: 32),
    Case(recipe: "int4", format: .compressedTensors, groupSize: 16, isSymmetric: true),
    Case(recipe: "int4", format: .awq, groupSize: 32),
    Case(recipe: "int4", format: .awq, groupSize: 64, isSymmetric: true),
    Case(recipe: "int4", format: .gptq, groupSize: 64),
    Case(recipe: "int4", format: .gptq, groupSize: 32, isSymmetric: true),
    Case(recipe: "int4", format: .modelOpt), Case(recipe: "w4a8", format: .compressedTensors),
    Case(recipe: "w4a8", format: .modelOpt), Case(recipe: "mxfp4", format: .mxfp4),
  ]

  @Test(arguments: cases) func readsBack(_ example: Case) throws {
    for (seed, stored) in [(UInt64(1), DType.bfloat16), (2, .float16)] {
      let recipe = try QuantizeRecipe(
        example.recipe, stored: stored, format: example.format, groupSize: example.groupSize,
        isSymmetric: example.isSymmetric)
      var numbers = Numbers(seed)
      // Rows that are no multiple of a block's.
      let weight = numbers.matrix(example.format == .fp8 || recipe.linear.weight.rowsPerScale > 1 ? 200 : 48, 192)
      var base = recipe.linear.weight
      base.hasRowScales = false
      let matrix = recipe.isPerTensor ? RoundToNearest.perTensor(weight, base) : RoundToNearest.encode(weight, base)
      let isStatic = recipe.linear.activation?.scope == .tensor
      var linear = recipe.linear
      linear.weight.hasRowScales = false
      let encoded = EncodedModule(
        module: "model.layers.0.m", parameter: "model.layers.0.m.weight", shape: [weight.rows, weight.columns],
        matrix: matrix, activationScale: isStatic ? 0.02 : nil, recipe: linear, isPerTensor: recipe.isPerTensor)
      let folder = TemporaryFolder()
      try folder.write(example.format.tensors(encoded))
      var summary = QuantizationSummary()
      summary.add(encoded.module, linear, isPerTensor: recipe.isPerTensor)
      summary.ignored = ["lm_head"]
      let (config, modelOpt) = example.format.config(summary, version: "0")
      folder.write("config.json", ["model_type": "llama", "quantization_config": config])
      if let modelOpt { folder.write("hf_quant_config.json", modelOpt) }
      let found = try folder.stored([("model.layers.0.m.weight", [weight.rows, weight.columns])])
      let read = try #require(found.matrices["model.layers.0.m.weight"])
      var expected = matrix
      if read.recipe.weight.hasRowScales, !expected.coding.hasRowScales { expected.addRowScales() }
      #expect(try read.read() == expected)
      #expect(try read.activationScale() == (isStatic ? 0.02 : nil))
      #expect(read.recipe.activation?.code == recipe.linear.activation?.code)
      // ModelOpt's file says the same as config.json.
      if modelOpt != nil {
        folder.write("config.json", ["model_type": "llama", "quantization_config": config])
        #expect(try QuantizationConfig(ModelDirectory(folder.path))?.scheme(of: "lm_head") == nil)
      }
    }
  }

  @Test func recipesThatCannotBeWritten() {
    func making(_ name: String, _ format: CheckpointFormat?, groupSize: Int? = nil, bits: Double? = nil) -> String {
      sentence { _ = try QuantizeRecipe(name, stored: .bfloat16, format: format, groupSize: groupSize, bits: bits) }
    }
    #expect(making("int9", nil).contains("no recipe 'int9'"))
    #expect(making("fp8", .awq).contains("4-bit weights only"))
    #expect(making("w4a8", .gptq).contains("cannot say that activations are fp8"))
    #expect(making("mxfp4", .compressedTensors).contains("does not have it"))
    #expect(making("fp8", nil, groupSize: 64).contains("no groups"))
    #expect(making("int4", nil, groupSize: 48).contains("groups of 48"))
    #expect(making("int4", nil, bits: 5).contains("for the recipe mixed"))
  }
}
