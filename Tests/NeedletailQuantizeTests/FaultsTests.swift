@testable import NeedletailCheckpoint
import NeedletailGraph
import NeedletailJSON
import Testing

@testable import NeedletailQuantize

/// Files that lie are sentences.
struct FaultsTests {
  private func reading(_ config: JSON, _ tensors: [StoredTensor], shape: [Int] = [16, 32]) -> String {
    sentence {
      let folder = TemporaryFolder()
      folder.write("config.json", ["model_type": "llama", "quantization_config": config])
      try folder.write(tensors)
      _ = try folder.stored([("m.weight", shape)]).matrices["m.weight"]?.read()
    }
  }

  private let fp8: JSON = ["quant_method": "fp8", "activation_scheme": "dynamic"]
  private func codes(_ count: Int = 512) -> StoredTensor {
    StoredTensor("m.weight", .f8e4m3, [16, count / 16], [UInt8](repeating: 56, count: count))
  }

  @Test func scales() {
    func scale(_ shape: [Int], _ values: [Float]) -> StoredTensor {
      StoredTensor("m.weight_scale", .float32, shape, floats: values)
    }
    let ones = [Float](repeating: 1, count: 16)
    #expect(reading(fp8, [codes(), scale([16, 1], ones)]) == "")
    #expect(reading(fp8, [codes(), scale([], [0.5])]) == "")
    #expect(reading(fp8, [codes()]).contains("there is no 'm.weight_scale'"))
    #expect(reading(fp8, [codes(), scale([8, 2], ones)]).contains("has the shape [8, 2]"))
    #expect(reading(fp8, [codes(), scale([16, 1], [.nan] + ones.dropFirst())]).contains("not finite"))
    #expect(reading(fp8, [codes(), scale([], [.infinity])]).contains("not finite"))
    #expect(reading(fp8, [codes(496), scale([], [1])]).contains("has the shape [16, 31]"))
    let ordinary = StoredTensor("m.weight", .bfloat16, [16, 32], floats: [Float](repeating: 1, count: 512))
    #expect(reading(fp8, [ordinary]) == "")
    #expect(reading(fp8, [ordinary, scale([], [1])]).contains("is BF16, but has a weight_scale"))
    let integers = StoredTensor("m.weight", .i8, [16, 32], [UInt8](repeating: 1, count: 512))
    #expect(reading(fp8, [integers, scale([], [1])]).contains("is I8, not F8_E4M3"))
    let fixed: JSON = ["quant_method": "fp8", "activation_scheme": "static"]
    #expect(reading(fixed, [codes(), scale([], [1])]).contains("has no tensor 'm.input_scale'"))
  }

  @Test(
    arguments: [
      (["quant_method": "bitsandbytes"], "is not read"), ([:], "does not say its quant_method"),
      (["quant_method": "awq", "bits": 3], "3 bits"), (["quant_method": "awq", "version": "marlin"], "version"),
      (["quant_method": "gptq", "bits": 8], "8 bits"),
      (["quant_method": "gptq", "bits": 4, "group_size": 0], "groups of 0"),
      (["quant_method": "gptq", "bits": 4, "checkpoint_format": "marlin"], "format"),
      (["quant_method": "fp8", "fmt": "e5m2"], "e5m2"),
      (["quant_method": "fp8", "weight_block_size": [128]], "weight_block_size"),
      (["quant_method": "fp8", "weight_block_size": [0, 128]], "weight_block_size"),
      (["quant_method": "modelopt", "quant_algo": "NVFP4"], "NVFP4"),
      (["quant_method": "compressed-tensors"], "config_groups"),
      (["quant_method": "compressed-tensors", "config_groups": ["a": ["weights": ["num_bits": 3]]]], "3-bit"),
      (
        [
          "quant_method": "compressed-tensors", "format": "pack-quantized",
          "config_groups": [
            "a": ["weights": ["num_bits": 4, "strategy": "group", "group_size": 32, "actorder": "group"]]
          ],
        ], "actorder"
      ),
      (
        [
          "quant_method": "compressed-tensors", "format": "float-quantized", "ignore": ["re:(?!a)b"],
          "config_groups": ["a": ["weights": ["num_bits": 8, "type": "float"]]],
        ], "looks ahead"
      ),
      (
        [
          "quant_method": "compressed-tensors", "format": "int-quantized",
          "config_groups": [
            "a": ["weights": ["num_bits": 8, "type": "int"], "input_activations": ["symmetric": false]]
          ],
        ], "zero points"
      ),
    ] as [(JSON, String)]) func configs(_ config: JSON, _ part: String)
  {
    #expect(reading(config, [codes()]).contains(part), "\(reading(config, [codes()]))")
  }

  @Test func columnsInAnotherOrder() throws {
    let folder = try PublishedFormatsTests.folder("gptq")
    let file = try SafetensorsFile("\(folder.path)/model.safetensors")
    let tensors = file.tensors.filter { $0.name != "expected" }.map { tensor in
      tensor.name == "m.g_idx"
        ? StoredTensor(tensor.name, [96], words: (0..<96).map { UInt32($0 % 3) })
        : StoredTensor(tensor.name, tensor.dtype, tensor.shape, Array(tensor.bytes))
    }
    try folder.write(tensors)
    let fault = sentence { _ = try folder.stored([("m.weight", [64, 96])]).matrices["m.weight"]?.read() }
    #expect(fault.contains("desc_act"))
  }

  @Test func expressions() throws {
    func matches(_ text: String, _ name: String) throws -> Bool { try NameExpression(text).matchesBeginning(of: name) }
    #expect(try matches(".*mlp\\.(gate|up|gate_up|down)_proj.*", "model.layers.0.mlp.gate_up_proj"))
    #expect(try !matches(".*mlp\\.(gate|up)_proj.*", "model.layers.0.mlpXgate_proj"))
    #expect(try matches("model\\.layers\\.\\d+\\.", "model.layers.12.mlp"))
    #expect(try !matches("layers", "model.layers"))
    #expect(try matches("^model.*proj$", "model.x.proj") && !matches("^model.*proj$", "model.x.projs"))
    #expect(try matches("[a-c]+x?$", "abc") && !matches("[^a-c]", "b"))
    // A thousand stars take no thousand years.
    #expect(try !matches(String(repeating: "(a*)*", count: 200) + "b", String(repeating: "a", count: 2000)))
    for bad in ["(", ")", "[a", "*", "\\1", "a{2}", "(?=a)"] {
      #expect(sentence { _ = try matches(bad, "a") } != "", "\(bad)")
    }
  }
}
