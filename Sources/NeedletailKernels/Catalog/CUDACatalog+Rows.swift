import NeedletailGraph

extension CUDACatalog {
  /// A launch with its shape on the GPU. GPUs without bulk copies do not start launches early.
  func shaped(_ launch: Launch, _ shape: GPULaunch) -> Launch {
    var launch = launch
    launch.gpu = shape
    launch.gpu?.startsEarly = shape.startsEarly && gpu.hasBulkCopies
    return launch
  }

  /// A table's rows. Their numbers may be tokens that the step before chooses, where they are the step's tokens.
  func embedded(_ node: LoweredNode, scale: Float) throws(CatalogError) -> Launch {
    let carried = node.inputs[1].reference.buffer == .step(.tokenIDs) ? BufferReference(.chosenTokens) : nil
    return gathered(node, try embed(node, scale: scale, carried: carried))
  }

  /// The shape of a gather of the first operand's rows.
  func gathered(_ node: LoweredNode, _ launch: Launch) -> Launch {
    let (x, out) = (node.inputs[0].type, node.results[0].type)
    let width = out.shape.dropFirst().reduce(1) { $0 * ($1.fixed ?? 1) }
    return shaped(launch, GPUGatherRows.launch(rows: out.shape[0], width: width, x: x.dtype, out: out.dtype))
  }

  /// The norm of rows, or of their sum with others.
  func normalized(_ node: LoweredNode, _ norm: Norm, adds: Bool) -> Launch {
    let x = node.inputs[0].type
    let launch = self.norm(node, norm, adds: adds)
    let problem = GPURMSNorm(
      rows: x.rows, maximumRows: x.rows.value(in: node.maximum), width: x.width, centers: norm.kind == .layer,
      x: x.dtype, delta: adds ? node.inputs[1].type.dtype : nil, sum: adds ? node.results[0].type.dtype : nil,
      weight: node.inputs.dropFirst(adds ? 2 : 1).first?.type.dtype ?? .float32, out: node.results.last?.type.dtype)
    return shaped(launch, problem.launch(on: gpu))
  }

  /// A function of each element, a copy, a conversion, or a part of each row.
  func elementwise(_ node: LoweredNode, _ function: Unary) -> Launch {
    let (x, out) = (node.inputs[0].type, node.results[0].type)
    return shaped(
      unary(node, function),
      GPUElementwise.unary(
        function.activation, hasSoftcap: function.softcap > 0, clamps: function.bounds != nil, rows: out.rows,
        width: out.width, x: x.dtype, out: out.dtype))
  }

  /// Two operands side by side.
  func concatenated(_ node: LoweredNode) -> [Launch] {
    let out = node.results[0].type
    return zip(concatenate(node), node.inputs).map { launch, x in
      shaped(
        launch,
        GPUElementwise.unary(
          .identity, hasSoftcap: false, rows: out.rows, width: x.type.width, x: x.type.dtype, out: out.dtype))
    }
  }

  /// An operation of two elements.
  func elementwise(_ node: LoweredNode, _ operation: BinaryOperation) -> Launch {
    let (a, b, out) = (node.inputs[0].type, node.inputs[1].type, node.results[0].type)
    return shaped(
      binary(node, operation),
      GPUElementwise.binary(
        operation, rows: out.rows, width: out.width, a: a.dtype, b: b.dtype, out: out.dtype))
  }

  /// Rows times a factor of their position.
  func scaled(_ node: LoweredNode, _ scale: PositionScale) -> Launch {
    let (x, out) = (node.inputs[0].type, node.results[0].type)
    let width = out.shape.dropFirst().reduce(1) { $0 * ($1.fixed ?? 1) }
    return shaped(
      positionScale(node, scale),
      GPUElementwise.positionScale(rows: out.shape[0], width: width, x: x.dtype, out: out.dtype))
  }

  /// activation(gate) * up.
  func gated(_ node: LoweredNode, _ activation: Activation) -> Launch {
    let (x, out) = (node.inputs[0].type, node.results[0].type)
    return shaped(
      gatedActivation(node, activation),
      GPUElementwise.gatedActivation(activation, rows: out.rows, width: out.width, x: x.dtype, out: out.dtype))
  }
}
