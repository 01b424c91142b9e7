import NeedletailCheckpoint
import NeedletailGraph

/// How a quantized checkpoint's files say what they hold.
public enum CheckpointFormat: String, Sendable, CaseIterable {
  /// llm-compressor and vLLM: every recipe but MXFP4.
  case compressedTensors = "compressed-tensors"
  /// NVIDIA's Model Optimizer, with hf_quant_config.json.
  case modelOpt = "modelopt"
  /// AutoAWQ's "gemm".
  case awq
  /// GPTQModel.
  case gptq
  /// FP8 as DeepSeek publishes it.
  case fp8
  /// Blocks and scales as gpt-oss has them.
  case mxfp4

  /// Why it cannot hold a recipe, as the end of a sentence; nil: it can.
  func fault(_ recipe: LinearRecipe, isPerTensor: Bool) -> String? {
    let isGrouped = recipe.weight.rowsPerScale > 1
    switch self {
    case .compressedTensors: return recipe.weight.code == .float4e2m1 ? "does not have it" : nil
    case .modelOpt:
      if recipe.weight.code == .float4e2m1 || isGrouped { return "does not have it" }
      return recipe.weight.hasZeroPoints ? "has no zero points; ask for symmetric codes" : nil
    case .awq, .gptq: return recipe.weight.code == .int4 && recipe.activation == nil ? nil : "holds 4-bit weights only"
    case .fp8:
      return recipe.weight.code == .float8e4m3 && (isGrouped || isPerTensor)
        ? nil : "holds fp8 with one scale, or in blocks"
    case .mxfp4: return recipe.weight.code == .float4e2m1 ? nil : "holds MXFP4 only"
    }
  }
}

/// What is known of a module besides its weight.
struct EncodedModule {
  /// Its name: "model.layers.0.mlp.down_proj".
  var module: String
  /// The parameter's name, and shape where it is no matrix.
  var parameter: String
  var shape: [Int]
  var matrix: QuantizedMatrix
  /// What x is divided by.
  var inputScale: [Float]?
  /// The static scale of x.
  var activationScale: Float?
  /// What the recipe says.
  var recipe: LinearRecipe
  var isPerTensor: Bool
}
