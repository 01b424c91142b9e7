import NeedletailGraph

/// Finds the tensors of one parameter and compares their shapes and types.
struct StoredMatrixFinder {
  let checkpoint: Checkpoint
  let parameter: String
  let module: String
  /// The parameter's, outputs before inputs.
  let shape: [Int]

  /// nil: the parameter is stored as usual, or not at all, of which others tell.
  func find(_ scheme: StoredScheme) throws(CheckpointError) -> StoredMatrix? {
    switch scheme.layout {
    case .plain: try plain(scheme)
    case .packed: try packed(scheme)
    case .awq, .gptq: try byColumns(scheme)
    case .modelOptInt4: try modelOpt(scheme)
    case .mxfp4: try mxfp4(scheme)
    }
  }

  private func tensor(_ suffix: String) throws(CheckpointError) -> TensorView {
    guard let tensor = checkpoint["\(module).\(suffix)"] else {
      throw CheckpointError(
        checkpoint.directory,
        "has no tensor \(quoted("\(module).\(suffix)")), without which the codes of \(quoted(module)) mean nothing")
    }
    return tensor
  }

  private func optional(_ suffix: String) -> TensorView? { checkpoint["\(module).\(suffix)"] }

  private func expect(_ tensor: TensorView, _ shapes: [[Int]], _ types: [SafetensorsDType]) throws(CheckpointError) {
    guard shapes.contains(tensor.shape) else {
      throw tensor.invalid("has the shape \(tensor.shape); it should have \(shapes[0])")
    }
    guard types.contains(tensor.dtype) else {
      throw tensor.invalid("is \(tensor.dtype.rawValue), not \(types.map(\.rawValue).joined(separator: " or "))")
    }
  }

  private static let scaleTypes: [SafetensorsDType] = [.f32, .f16, .bf16, .f64, .f8e8m0]
  private static let integerTypes: [SafetensorsDType] = [.i32, .u32]

  /// Whether a weight of this type is no code, which then must have no scales.
  private func isOrdinary(_ weight: TensorView?) throws(CheckpointError) -> Bool {
    guard let weight, TensorView.convertibleDTypes.contains(weight.dtype) else { return false }
    for suffix in ["weight_scale", "weight_scale_inv"] where optional(suffix) != nil {
      throw weight.invalid("is \(weight.dtype.rawValue), but has a \(suffix)")
    }
    return true
  }

  private func activationScale(_ scheme: StoredScheme, _ recipe: inout LinearRecipe) throws(CheckpointError)
    -> TensorView?
  {
    guard let activation = scheme.activation, activation.scope == .tensor else {
      // A scale that is not used is no reason to refuse.
      return nil
    }
    guard let scale = optional("input_scale") ?? optional("activation_scale") else {
      // ModelOpt's SmoothQuant leaves it out where scales are found while running.
      if activation.code == .int8 {
        recipe.activation = ActivationCoding(.int8, .token)
        return nil
      }
      return try tensor("input_scale")
    }
    try expect(scale, [[], [1], [1, 1]], [.f32, .f16, .bf16])
    return scale
  }

  private func inputFactors(_ columns: Int, _ recipe: inout LinearRecipe) throws(CheckpointError) -> TensorView? {
    guard let factors = optional("pre_quant_scale") else { return nil }
    try expect(factors, [[columns], [1, columns]], [.f32, .f16, .bf16])
    recipe.hasInputScale = true
    return factors
  }

  private func plain(_ scheme: StoredScheme) throws(CheckpointError) -> StoredMatrix? {
    // Embeddings and stacked experts keep their scales under the parameter's own name.
    guard let weight = checkpoint[parameter], try !isOrdinary(weight) else { return nil }
    let type: SafetensorsDType = scheme.code == .int8 ? .i8 : .f8e4m3
    try expect(weight, [shape], [type])
    let (rows, columns) = (shape.dropLast().reduce(1, *), shape[shape.count - 1])
    let coding = WeightCoding(scheme.code, groupSize: scheme.groupSize, rowsPerScale: scheme.rowsPerScale)
    let inverse = parameter == module ? checkpoint["\(parameter)_scale_inv"] : optional("weight_scale_inv")
    let usual = parameter == module ? checkpoint["\(parameter)_scale"] : optional("weight_scale")
    guard let scales = inverse ?? usual else {
      throw weight.invalid("is \(weight.dtype.rawValue), but there is no \(quoted("\(parameter)_scale")) for it")
    }
    let groups = coding.groups(columns)
    let leading = Array(shape.dropLast(2))
    let blocks = leading + [coding.scaleRows(shape[shape.count - 2]), groups]
    var shapes = [blocks]
    if scheme.groupSize == nil { shapes += [[], [1], [1, 1], Array(blocks.dropLast())] }
    try expect(scales, shapes, Self.scaleTypes)
    guard leading.isEmpty || shape[shape.count - 2] % coding.rowsPerScale == 0 else {
      throw weight.invalid("has matrices whose \(shape[shape.count - 2]) rows are no whole number of blocks")
    }
    var recipe = LinearRecipe(coding, activation: scheme.activation)
    let activation = try activationScale(scheme, &recipe)
    let factors = try inputFactors(columns, &recipe)
    return StoredMatrix(
      name: parameter, shape: [rows, columns], recipe: recipe, layout: .plain, codes: weight, scales: scales,
      inputFactors: factors, activation: activation)
  }

  private func packed(_ scheme: StoredScheme) throws(CheckpointError) -> StoredMatrix? {
    guard let codes = optional("weight_packed") else { return nil }
    guard shape.count == 2 else { throw codes.invalid("is of a parameter of shape \(shape); matrices are read") }
    let (rows, columns) = (shape[0], shape[1])
    let bits = scheme.code == .int4 ? 4 : 8
    try expect(codes, [[rows, (columns * bits + 31) / 32]], Self.integerTypes)
    let scales = try tensor("weight_scale")
    var coding = WeightCoding(scheme.code, groupSize: scheme.groupSize, hasZeroPoints: scheme.hasZeroPoints)
    let groups = coding.groups(columns)
    try expect(
      scales, scheme.groupSize == nil ? [[rows, 1], [rows], [1], []] : [[rows, groups]], [.f32, .f16, .bf16])
    if scheme.code == .int4 { coding.scaleType = scales.dtype.graphDType ?? .float32 }
    if let stored = optional("weight_shape") {
      let said = try stored.integers()
      guard said == [rows, columns] else { throw stored.invalid("says \(said); the model has \([rows, columns])") }
    }
    if optional("weight_g_idx") != nil {
      throw codes.invalid("has groups of columns that do not follow each other (weight_g_idx), which are not read")
    }
    var zeros: TensorView?
    if scheme.hasZeroPoints {
      let points = try tensor("weight_zero_point")
      try expect(points, [[(rows + 7) / 8, groups]], Self.integerTypes)
      zeros = points
    }
    return StoredMatrix(
      name: parameter, shape: [rows, columns], recipe: recipe(coding, scheme), layout: .packed, codes: codes,
      scales: scales, zeros: zeros)
  }

  private func recipe(_ coding: WeightCoding, _ scheme: StoredScheme) -> LinearRecipe {
    var recipe = LinearRecipe(coding, activation: scheme.activation)
    recipe.weight.hasRowScales = scheme.activation != nil && coding.code == .int4
    return recipe
  }

  private func byColumns(_ scheme: StoredScheme) throws(CheckpointError) -> StoredMatrix? {
    guard let codes = optional("qweight") else { return nil }
    guard shape.count == 2 else { throw codes.invalid("is of a parameter of shape \(shape); matrices are read") }
    let scales = try tensor("scales")
    let (rows, columns) = (shape[0], shape[1])
    guard rows % 8 == 0, columns % 8 == 0 else {
      throw codes.invalid("is of a matrix \([rows, columns]), whose sizes are no multiples of 8")
    }
    var coding = WeightCoding(.int4, groupSize: scheme.groupSize, hasZeroPoints: scheme.hasZeroPoints)
    let groups = coding.groups(columns)
    try expect(
      codes, [scheme.layout == .awq ? [columns, rows / 8] : [columns / 8, rows]], Self.integerTypes)
    try expect(scales, [[groups, rows]], [.f16, .bf16, .f32])
    coding.scaleType = scales.dtype.graphDType ?? .float16
    let zeros = try tensor("qzeros")
    try expect(zeros, [[groups, rows / 8]], Self.integerTypes)
    var indices: TensorView?
    if let found = optional("g_idx"), scheme.layout != .awq {
      try expect(found, [[columns]], [.i32, .i64])
      indices = found
    }
    return StoredMatrix(
      name: parameter, shape: [rows, columns], recipe: recipe(coding, scheme), layout: scheme.layout, codes: codes,
      scales: scales, zeros: zeros, groupIndices: indices)
  }

  private func modelOpt(_ scheme: StoredScheme) throws(CheckpointError) -> StoredMatrix? {
    guard let weight = checkpoint[parameter], try !isOrdinary(weight) else { return nil }
    guard shape.count == 2, shape[0] % 2 == 0, shape[1] % 2 == 0 else {
      throw weight.invalid("is of a parameter of shape \(shape); matrices of even sizes are read")
    }
    let (rows, columns) = (shape[0], shape[1])
    try expect(weight, [[rows / 2, columns]], [.u8])
    let scales = try tensor("weight_scale")
    var coding = WeightCoding(.int4, groupSize: scheme.groupSize)
    try expect(scales, [[rows, coding.groups(columns)]], [.f32, .f16, .bf16])
    coding.scaleType = scales.dtype.graphDType ?? .float32
    var recipe = recipe(coding, scheme)
    let activation = try activationScale(scheme, &recipe)
    let factors = try inputFactors(columns, &recipe)
    return StoredMatrix(
      name: parameter, shape: [rows, columns], recipe: recipe, layout: .modelOptInt4, codes: weight, scales: scales,
      inputFactors: factors, activation: activation)
  }

  private func mxfp4(_ scheme: StoredScheme) throws(CheckpointError) -> StoredMatrix? {
    guard let codes = checkpoint["\(parameter)_blocks"] else { return nil }
    guard let scales = checkpoint["\(parameter)_scales"] else {
      throw codes.invalid("is there without \(quoted("\(parameter)_scales"))")
    }
    // [..., outputs, groups, 16]
    guard codes.shape.count == shape.count + 1, codes.shape.last == 16 else {
      throw codes.invalid("has the shape \(codes.shape); it should end in groups of 16 bytes")
    }
    let leading = Array(codes.shape.dropLast(2))
    let columns = codes.shape[codes.shape.count - 2] * 32
    guard shape == leading + [columns] else {
      throw codes.invalid("is of matrices \(leading + [columns]); the model's are \(shape)")
    }
    try expect(codes, [codes.shape], [.u8])
    try expect(scales, [Array(codes.shape.dropLast())], [.u8, .f8e8m0])
    let coding = WeightCoding(.float4e2m1, groupSize: 32, scaleType: .float8e8m0)
    return StoredMatrix(
      name: parameter, shape: [leading.reduce(1, *), columns], recipe: LinearRecipe(coding), layout: .mxfp4,
      codes: codes, scales: scales)
  }
}
