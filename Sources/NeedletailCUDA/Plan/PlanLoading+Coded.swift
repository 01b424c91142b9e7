import CNeedletailKernels
import NeedletailGraph
import NeedletailKernels

extension PlanLoading {
  /// Has the GPU make a weight and code its rows.
  func makeCoded(
    _ planned: PlannedWeight, _ kernels: DummyWeightKernels, at target: UInt64, in stream: borrowing Stream
  ) throws {
    guard let sections = planned.sections, let shape = DummyWeightKernels.coding(planned, kernels.source) else {
      throw CUDAError("\(planned.weight) is coded by the host only")
    }
    let k = planned.weight.shape[1]
    var row = 0
    for part in planned.weight.parts {
      let rows = part.resultShape[0]
      let numbers = try DeviceBuffer(stream.context, byteCount: rows * k * kernels.source.dtype.byteCount)
      try kernels.make(part, dtype: kernels.source.dtype, at: numbers.address, in: stream)
      var arguments = nt_code_rows_arguments()
      arguments.x = UnsafeRawPointer(bitPattern: UInt(numbers.address))
      arguments.out = UnsafeMutableRawPointer(bitPattern: UInt(target + UInt64(row * k)))
      arguments.scales = UnsafeMutableRawPointer(bitPattern: UInt(target + UInt64(sections.scales + row * 4)))?
        .assumingMemoryBound(to: Float.self)
      arguments.rows = Int64(rows)
      arguments.x_stride = Int64(k)
      arguments.out_stride = Int64(k)
      arguments.width = Int32(k)
      var launch = shape
      launch.grid = [GridExtent(rows)]
      try stream.launch(launch, kernels.modules, arguments)
      try stream.synchronize()
      row += rows
    }
  }
}

extension DummyWeightKernels {
  /// Whether the GPU makes a weight, the bits that the host would.
  static func makes(_ planned: PlannedWeight, _ source: DummySource) -> Bool {
    planned.weight.recipe == nil || coding(planned, source) != nil
  }

  /// The kernel that codes a weight's rows; nil where its coding is another one, or a GPU's bits would be others.
  static func coding(_ planned: PlannedWeight, _ source: DummySource) -> GPULaunch? {
    guard let recipe = planned.weight.recipe, recipe.weight == WeightCoding(.float8e4m3), !recipe.hasInputScale,
      recipe.activation?.scope != .tensor, source.dtype.byteCount == 2, planned.weight.shape.count == 2
    else { return nil }
    return GPUCodeRows(
      rows: .tokens, maximumRows: 1 << 20, width: planned.weight.shape[1], form: .rows, x: source.dtype,
      operand: source.dtype
    ).launch(on: .h200)
  }
}
