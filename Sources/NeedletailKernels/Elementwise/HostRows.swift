import CNeedletailKernels
import NeedletailGraph

/// Rows of a weight on their way from a checkpoint to a device.
package enum HostRows {
  /// Writes `rows` rows of `width` elements, one behind the other, in another storage type: on the calling thread, with
  /// the kernels of an instruction set.
  ///
  /// - Parameters:
  ///   - stride: Elements from row to row of the source.
  /// - Returns: False where there is no kernel for it.
  package static func convert(
    _ source: UnsafeRawPointer, _ stored: DType, stride: Int, to target: UnsafeMutableRawPointer, _ dtype: DType,
    rows: Int, width: Int, isa: nt_isa
  ) -> Bool {
    guard let kernel = nt_cpu_find_kernel("unary", isa) else { return false }
    var arguments = nt_unary_arguments()
    arguments.x = source
    arguments.out = target
    arguments.rows = Int64(rows)
    arguments.x_stride = Int64(stride)
    arguments.out_stride = Int64(width)
    arguments.width = Int32(width)
    arguments.scale = 1
    arguments.x_dtype = stored.rawValue
    arguments.out_dtype = dtype.rawValue
    run(kernel, &arguments)
    return true
  }

  /// Runs a kernel on the calling thread.
  package static func run(_ kernel: nt_cpu_kernel, _ arguments: UnsafeRawPointer) {
    var counter: UInt64 = 0
    withUnsafeMutablePointer(to: &counter) { counter in
      let scratch = UnsafeMutableRawPointer.allocate(byteCount: Int(NT_SCRATCH_BYTES), alignment: 64)
      defer { scratch.deallocate() }
      var task = nt_task(worker: 0, workers: 1, scratch: scratch, counter: counter)
      kernel(arguments, &task)
    }
  }
}
