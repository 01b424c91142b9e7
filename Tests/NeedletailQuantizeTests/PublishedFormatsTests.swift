@testable import NeedletailCheckpoint
import NeedletailGraph
import NeedletailJSON
import Testing

@testable import NeedletailQuantize

/// Files packed by the tools that publish such checkpoints equal what those tools decode (make_fixtures.py).
struct PublishedFormatsTests {
  struct Case: CustomStringConvertible, Sendable {
    let name: String
    let shape: [Int]
    let recipe: String
    var parameter = "m.weight"
    var description: String { name }
  }

  static let cases = [
    Case(name: "ct-float", shape: [40, 96], recipe: "float8e4m3; x float8e4m3 token"),
    Case(name: "ct-float-block", shape: [40, 96], recipe: "float8e4m3 groups 32 rows 16; x float8e4m3 groups 32"),
    Case(name: "ct-int", shape: [40, 96], recipe: "int8; x int8 token"),
    Case(name: "ct-pack", shape: [40, 96], recipe: "int4 groups 32 scales bfloat16"),
    Case(name: "ct-pack-asymmetric", shape: [40, 96], recipe: "int4 groups 16 zeros scales float16"),
    Case(name: "awq", shape: [64, 64], recipe: "int4 groups 32 zeros scales float16"),
    Case(name: "gptq", shape: [64, 96], recipe: "int4 groups 32 scales float16"),
    Case(name: "gptq-v1", shape: [64, 96], recipe: "int4 groups 32 scales float16"),
    Case(name: "gptq-asymmetric", shape: [64, 96], recipe: "int4 groups 32 zeros scales float16"),
    Case(name: "modelopt-awq", shape: [32, 128], recipe: "int4 groups 32 scales bfloat16; input_scale"),
    Case(name: "modelopt-fp8", shape: [24, 40], recipe: "float8e4m3; x float8e4m3 tensor"),
    Case(name: "fp8-block", shape: [160, 200], recipe: "float8e4m3 groups 128 rows 128; x float8e4m3 groups 128"),
    Case(name: "mxfp4", shape: [2, 24, 96], recipe: "float4e2m1 groups 32 scales float8e8m0", parameter: "m"),
  ]

  static func folder(_ name: String) throws -> TemporaryFolder {
    let folder = TemporaryFolder()
    folder.write("model.safetensors", try Fixtures.bytes("\(name).safetensors"))
    let config = try JSON.parse(try Fixtures.bytes("\(name).json"))
    if config["quantization"] != nil {
      folder.write("hf_quant_config.json", config)
      folder.write("config.json", ["model_type": "llama"])
    } else {
      folder.write("config.json", ["model_type": "llama", "quantization_config": config])
    }
    return folder
  }

  @Test(arguments: cases) func decodesAsItsTool(_ example: Case) throws {
    let folder = try Self.folder(example.name)
    let stored = try folder.stored([(example.parameter, example.shape)])
    let matrix = try #require(stored.matrices[example.parameter])
    #expect("\(matrix.recipe)" == example.recipe)
    let expected = try Checkpoint(directory: folder.path).tensor("expected").floats()
    // compressed-tensors multiplies in the scales' type.
    let round: (Float) -> Float = matrix.scales.dtype == .bf16 ? DType.bfloat16.rounding : { $0 }
    let values = try matrix.read().values().map(round)
    #expect(values.count == expected.count)
    #expect(zip(values, expected).allSatisfy { $0 == $1 })
    // Rows of it are the same.
    let step = matrix.recipe.weight.rowsPerScale
    let rows = step..<min(step + 11, matrix.rows)
    let part = try matrix.read(rows: rows).values().map(round)
    #expect(part == Array(values[rows.lowerBound * matrix.columns..<rows.upperBound * matrix.columns]))
  }

  @Test func scalesOfInputsAndCache() throws {
    let awq = try Self.folder("modelopt-awq").stored([("m.weight", [32, 128])])
    let factors = try #require(try awq.matrices["m.weight"]?.inputScale())
    #expect(factors.count == 128 && factors[0] == 2 && factors[127] == 0.5)
    let fp8 = try Self.folder("modelopt-fp8").stored([("m.weight", [24, 40])])
    #expect(try fp8.matrices["m.weight"]?.activationScale() == 0.03)
    #expect(fp8.cache == .float8e4m3)
    #expect(fp8.cacheScales == [3: CacheScales(keys: 0.5, values: 0.25)])
    #expect(
      fp8.tensors == [
        "m.weight", "m.weight_scale", "m.weight_scale_2", "m.weight_shape", "m.input_scale",
        "layers.3.k_proj.k_scale", "layers.3.v_proj.v_scale",
      ])
  }

  @Test func parametersStoredAsInputsByOutputs() throws {
    for example in Self.cases {
      let folder = try Self.folder(example.name)
      var shape = example.shape
      shape.swapAt(shape.count - 1, shape.count - 2)
      let stored = try folder.stored([(example.parameter, shape)], transposed: [example.parameter])
      let plain = try folder.stored([(example.parameter, example.shape)])
      #expect(try stored.matrices[example.parameter]?.read() == plain.matrices[example.parameter]?.read())
    }
  }

  @Test func otherShapesAreSentences() throws {
    for example in Self.cases {
      let folder = try Self.folder(example.name)
      var shape = example.shape
      shape[shape.count - 1] += 32
      #expect(sentence { _ = try folder.stored([(example.parameter, shape)]) } != "", "\(example)")
    }
  }
}
