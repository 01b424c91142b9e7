import CNeedletailKernels
import NeedletailGraph

extension KernelCatalog {
  /// (a [rows, width], b [rows, other width]) -> [rows, width + other width]: each is copied to its columns.
  func concatenate(_ node: LoweredNode) -> [Launch] {
    let out = node.results[0]
    var start = 0
    return node.inputs.map { x in
      defer { start += x.type.width }
      var builder = ArgumentBuilder(nt_unary_arguments())
      builder.bind(\.x, x.reference)
      builder.bind(\.out, out.reference + start * out.type.dtype.byteCount)
      builder.count(\.rows, out.type.rows)
      builder.arguments.x_stride = Int64(x.type.width)
      builder.arguments.out_stride = Int64(out.type.width)
      builder.arguments.width = Int32(x.type.width)
      builder.arguments.scale = 1
      builder.arguments.x_dtype = x.type.dtype.rawValue
      builder.arguments.out_dtype = out.type.dtype.rawValue
      var cost = Cost()
      cost.activationBytes.add(x.type.elements, times: x.type.dtype.byteCount + out.type.dtype.byteCount)
      return Launch(
        kernel: "unary", scope: node.scope, problem: "concatenate \(x.type) to \(out.type)", arguments: builder.block,
        cost: cost)
    }
  }
}
