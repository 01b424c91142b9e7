import CNeedletailKernels
import NeedletailGraph

extension KernelCatalog {
  /// (table [vocabulary, width], ids [rows]) -> [rows, width]. Negative ids count in `carried`, where it is given.
  func embed(
    _ node: LoweredNode, scale: Float, carried: BufferReference? = nil
  ) throws(CatalogError) -> Launch {
    let (table, ids, out) = (node.inputs[0], node.inputs[1], node.results[0])
    guard ids.type.dtype == .int32 else { throw CatalogError("embed wants int32 indices, not \(ids.type)") }
    guard table.type.shape[0].fixed != nil else { throw CatalogError("embed wants a table of fixed size") }
    var cost = Cost()
    cost.gatheredBytes.add(out.type.rows, times: out.type.width * table.type.dtype.byteCount)
    cost.activationBytes.add(out.type.rows, times: 4 + out.type.width * out.type.dtype.byteCount)
    return gather(
      node, table: table, indices: ids.reference, carried: carried, out: out, scale: scale,
      isPanels: table.weight?.layout == .panels, cost: cost)
  }

  /// (x [tokens, width...]) -> [scored rows, width...].
  func scoredRows(_ node: LoweredNode) -> Launch {
    let (x, out) = (node.inputs[0], node.results[0])
    var cost = Cost()
    cost.activationBytes.add(
      out.type.elements, times: x.type.dtype.byteCount + out.type.dtype.byteCount)
    return gather(
      node, table: x, indices: BufferReference(.step(.scoredRows)), out: out, scale: 1, isPanels: false, cost: cost)
  }

  private func gather(
    _ node: LoweredNode, table: LoweredNode.Operand, indices: BufferReference, carried: BufferReference? = nil,
    out: LoweredNode.Operand, scale: Float, isPanels: Bool, cost: Cost
  ) -> Launch {
    // Whatever dimensions a row has, it is one run of elements.
    let width = out.type.shape.dropFirst().reduce(1) { $0 * ($1.fixed ?? 1) }
    var builder = ArgumentBuilder(nt_gather_rows_arguments())
    builder.bind(\.x, table.reference)
    builder.bind(\.indices, indices)
    builder.bind(\.carried, carried)
    builder.bind(\.out, out.reference)
    builder.count(\.rows, out.type.shape[0])
    builder.count(\.x_rows, table.type.shape[0])
    builder.arguments.x_stride = Int64(width)
    builder.arguments.out_stride = Int64(width)
    builder.arguments.width = Int32(width)
    builder.arguments.x_panels = isPanels ? 1 : 0
    builder.arguments.scale = scale
    builder.arguments.x_dtype = table.type.dtype.rawValue
    builder.arguments.out_dtype = out.type.dtype.rawValue
    return Launch(
      kernel: "gather_rows", scope: node.scope, problem: "\(table.type) -> \(out.type)", arguments: builder.block,
      cost: cost)
  }
}

extension CPUCatalog {
  /// Rows of a table, whose numbers may be coded.
  func embedded(_ node: LoweredNode, scale: Float) throws(CatalogError) -> Launch {
    var launch = try embed(node, scale: scale)
    let table = node.inputs[0]
    guard let planned = table.weight, planned.weight.recipe != nil, let sections = planned.sections else {
      return launch
    }
    var builder = ArgumentBuilder(nt_row_scales())
    builder.bind(\.scales, table.reference + sections.scales)
    launch.kernel = "gather_coded_rows"
    launch.arguments = launch.arguments.followed(by: builder.block)
    return launch
  }
}
