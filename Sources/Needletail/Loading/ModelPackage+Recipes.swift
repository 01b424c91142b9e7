import NeedletailCompiler
import NeedletailGraph
import NeedletailKernels

extension ModelPackage {
  /// How each matrix is coded: as the checkpoint stores it, or by a recipe while it is loaded.
  /// - Throws: a sentence where both are asked for.
  func recipes(_ recipe: QuantizationRecipe?) throws(LoadError) -> MatrixRecipe {
    if let coded {
      guard recipe == nil else {
        throw LoadError("\(directory.path) is quantized already (\(coded.name)); leave out --quantize")
      }
      return { part, _ in coded.matrices[part.name]?.recipe }
    }
    guard let recipe else { return { _, _ in nil } }
    return { part, role in recipe.recipe(of: part.module, role: role) }
  }

  /// About how many bytes the weights take on a device, before a plan says it.
  func weightBytes(_ recipe: QuantizationRecipe?, _ dtype: DType) -> Int {
    parameters.reduce(0) { sum, parameter in
      let count = parameter.shape.reduce(1, *)
      let module = Weight.Part(parameter.name, shape: parameter.shape).module
      let linear = coded?.matrices[parameter.name]?.recipe ?? recipe?.recipe(of: module, role: .projection)
      guard parameter.shape.count >= 2, let coding = linear?.weight, let k = parameter.shape.last else {
        return sum + count * dtype.byteCount
      }
      return sum + Int(Double(count) * coding.bits(n: max(count / max(k, 1), 1), k: k) / 8)
    }
  }
}
